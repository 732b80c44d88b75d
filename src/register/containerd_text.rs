//! Finds the places in a containerd configuration file that register has to change. What cannot be changed there is
//! refused.
//!
//! No TOML library prints the text back: `toml_edit` loses carriage returns and byte order marks, and unregister
//! restores the file byte for byte. The parser gives only the places; [`super::containerd_edit`] cuts and inserts
//! whole lines there.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, Table};

use crate::engines::containerd::tables::{self, Dialect, RUNTIME_TYPE};
use crate::register::error::{Refusal, RegisterError};

/// What kind of file a text is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigFile<'p> {
    pub(crate) path: &'p Path,
    /// The version if the file names none: that of the file that imports it. `None` for the file that containerd is
    /// started with.
    pub(crate) inherited: Option<i64>,
}

impl ConfigFile<'_> {
    /// Whether another file imports it.
    pub(crate) fn is_imported(self) -> bool {
        self.inherited.is_some()
    }
}

/// A parsed configuration file.
#[derive(Debug)]
pub(crate) struct ContainerdConfig<'t> {
    path: &'t Path,
    text: &'t str,
    document: Document<&'t str>,
    /// The version of its format, its own or its importer's.
    pub(crate) version: i64,
    /// The table names that containerd reads in this file.
    pub(crate) dialect: Dialect,
    /// Whether the file says nothing at all, not even its version.
    pub(crate) is_blank: bool,
}

impl<'t> ContainerdConfig<'t> {
    /// Parses `text`, the contents of the file. A text without any key becomes version 2.
    pub(crate) fn parse(file: ConfigFile<'t>, text: &'t str) -> Result<Self, RegisterError> {
        let path = file.path;
        let refuse = |refusal| Err(RegisterError::config(path, refusal));
        check_no_template(path, text)?;
        let document = Document::parse(text).map_err(|error| {
            let place = line_number(text, error.span().unwrap_or_default().start);
            let reason = error.message().replace('\n', ", ");
            refuse_at(path, place, Refusal::NotToml(reason))
        })?;
        let is_blank = document.is_empty();
        let mut config = Self {
            path,
            text,
            document,
            version: file.inherited.unwrap_or(2),
            dialect: Dialect::Two,
            is_blank,
        };
        let named = config.document.get("version");
        match named.map(|version| (version, version.as_integer())) {
            None if is_blank || file.is_imported() => {}
            Some((_, Some(version @ 2..=4))) => config.version = version,
            None | Some((_, Some(1))) => {
                config.check_cri_enabled()?;
                return refuse(Refusal::VersionOne);
            }
            Some((other, _)) => {
                return refuse(Refusal::UnknownVersion(other.to_string().trim().to_owned()));
            }
        }
        // containerd 2.x takes the later names in a version 2 file, too.
        let has_later = config.containerd_table(Dialect::Three)?.is_some()
            && config.containerd_table(Dialect::Two)?.is_none();
        if config.version > 2 || has_later {
            config.dialect = Dialect::Three;
        }
        Ok(config)
    }

    fn check_cri_enabled(&self) -> Result<(), RegisterError> {
        let disabled = self.strings_at(self.document.as_table(), "disabled_plugins")?;
        match tables::disabling(&disabled, self.dialect) {
            None => Ok(()),
            Some(plugin) => {
                let refusal = Refusal::CriDisabled(plugin.clone());
                Err(RegisterError::config(self.path, refusal))
            }
        }
    }

    /// Refuses a file in which a registration has no effect. `is_2`: for containerd 2.x.
    pub(crate) fn check_read_by_containerd(&self, is_2: bool) -> Result<(), RegisterError> {
        let refuse = |refusal| Err(RegisterError::config(self.path, refusal));
        self.check_cri_enabled()?;
        if self.version == 2 && self.dialect == Dialect::Three && !is_2 {
            return refuse(Refusal::LaterTables);
        }
        if self.version > 2 && self.containerd_table(Dialect::Two)?.is_some() {
            return refuse(Refusal::FormerTables(self.version));
        }
        let deprecated = match self.containerd_table(self.dialect)? {
            Some(table) => self.table_in(table, "default_runtime")?,
            None => None,
        };
        match deprecated.map(|table| self.string_at(table, RUNTIME_TYPE)) {
            Some(Ok(Some(name))) if !name.is_empty() => refuse(Refusal::DeprecatedDefaultRuntime),
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The names in the `runtimes` table, in the file's order.
    pub(crate) fn runtimes(&self) -> Result<Vec<String>, RegisterError> {
        let tables = self.runtimes_table()?.into_iter().flat_map(Table::iter);
        Ok(tables.map(|(name, _)| name.to_owned()).collect())
    }

    /// The tables of the runtimes.
    pub(crate) fn runtime_tables(&self) -> Result<Vec<(String, RuntimeTable<'_>)>, RegisterError> {
        let mut tables = Vec::new();
        for name in self.runtimes()? {
            if let Some(table) = self.runtime(&name)? {
                tables.push((name, table));
            }
        }
        Ok(tables)
    }

    /// `default_runtime_name`, if it is set and not empty.
    pub(crate) fn default_runtime_name(&self) -> Result<Option<String>, RegisterError> {
        let table = self.containerd_table(self.dialect)?;
        let name = table.map(|table| self.string_at(table, "default_runtime_name"));
        Ok(name.transpose()?.flatten().filter(|name| !name.is_empty()))
    }

    /// The patterns of `imports`.
    pub(crate) fn imports(&self) -> Result<Vec<String>, RegisterError> {
        self.strings_at(self.document.as_table(), "imports")
    }

    /// The table of a runtime.
    pub(crate) fn runtime(&self, name: &str) -> Result<Option<RuntimeTable<'_>>, RegisterError> {
        let Some(runtimes) = self.runtimes_table()? else {
            return Ok(None);
        };
        let table = self.table_in(runtimes, name)?;
        Ok(table.map(|table| RuntimeTable {
            config: self,
            table,
        }))
    }

    /// The place of the `version` line.
    pub(crate) fn version_entry(&self) -> Option<Range<usize>> {
        let (key, item) = self.document.get_key_value("version")?;
        Some(key.span()?.start..item.span()?.end)
    }

    fn runtimes_table(&self) -> Result<Option<&Table>, RegisterError> {
        match self.containerd_table(self.dialect)? {
            Some(table) => self.table_in(table, "runtimes"),
            None => Ok(None),
        }
    }

    fn containerd_table(&self, dialect: Dialect) -> Result<Option<&Table>, RegisterError> {
        let mut table = self.document.as_table();
        for key in ["plugins", dialect.plugin(), "containerd"] {
            match self.table_in(table, key)? {
                Some(inner) => table = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(table))
    }

    fn table_in<'a>(
        &self,
        table: &'a Table,
        key: &str,
    ) -> Result<Option<&'a Table>, RegisterError> {
        match table.get(key) {
            None => Ok(None),
            Some(Item::Table(inner)) if !inner.is_dotted() => Ok(Some(inner)),
            Some(_) => Err(self.refuse_key(table, key, Refusal::NotATable(key.to_owned()))),
        }
    }

    fn string_at(&self, table: &Table, key: &str) -> Result<Option<String>, RegisterError> {
        match table.get(key).map(Item::as_str) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text.to_owned())),
            Some(None) => Err(self.refuse_type(table, key, "a string")),
        }
    }

    fn strings_at(&self, table: &Table, key: &str) -> Result<Vec<String>, RegisterError> {
        let Some(item) = table.get(key) else {
            return Ok(Vec::new());
        };
        let strings = item.as_array().and_then(|array| {
            let strings = array.iter().map(|value| Some(value.as_str()?.to_owned()));
            strings.collect()
        });
        strings.ok_or_else(|| self.refuse_type(table, key, "a list of strings"))
    }

    fn refuse_type(&self, table: &Table, key: &str, expected: &'static str) -> RegisterError {
        let refusal = Refusal::WrongType {
            key: key.to_owned(),
            expected,
        };
        self.refuse_key(table, key, refusal)
    }

    fn refuse_key(&self, table: &Table, key: &str, refusal: Refusal) -> RegisterError {
        let span = table.get_key_value(key).and_then(|(key, item)| {
            // The key of a [table] has no place of its own.
            key.span().or_else(|| item.span())
        });
        self.refuse_at(span.unwrap_or_default().start, refusal)
    }

    /// A refusal of what is at `offset`.
    pub(crate) fn refuse_at(&self, offset: usize, refusal: Refusal) -> RegisterError {
        refuse_at(self.path, line_number(self.text, offset), refusal)
    }
}

/// Refuses a template for Go's text/template, from which k3s renders its configuration.
pub(crate) fn check_no_template(path: &Path, text: &str) -> Result<(), RegisterError> {
    let is_template = path.extension().is_some_and(|ending| ending == "tmpl");
    match is_template && text.contains("{{") {
        true => Err(RegisterError::config(path, Refusal::Template)),
        false => Ok(()),
    }
}

/// The keys of `text`, the contents of `path`.
pub(crate) fn table(path: &Path, text: &str) -> Result<toml::Table, RegisterError> {
    let text = text.trim_start_matches('\u{feff}');
    text.parse().map_err(|error: toml::de::Error| {
        let place = line_number(text, error.span().unwrap_or_default().start);
        let reason = error.message().replace('\n', ", ");
        refuse_at(path, place, Refusal::NotToml(reason))
    })
}

fn refuse_at(path: &Path, line: usize, refusal: Refusal) -> RegisterError {
    RegisterError::Config {
        place: format!("{}:{line}", path.display()),
        refusal,
    }
}

/// A runtime's table in its file.
#[derive(Debug)]
pub(crate) struct RuntimeTable<'c> {
    config: &'c ContainerdConfig<'c>,
    table: &'c Table,
}

impl RuntimeTable<'_> {
    /// The place of the `[…]` header; `None` if only tables below it have one.
    pub(crate) fn header(&self) -> Option<Range<usize>> {
        self.table.span().filter(|_| !self.table.is_implicit())
    }

    /// The place of `key = value`.
    pub(crate) fn entry(&self, key: &str) -> Option<Range<usize>> {
        let (key, item) = self.table.get_key_value(key)?;
        Some(key.span()?.start..item.span()?.end)
    }

    /// The places of the table's own keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Option<Range<usize>>> {
        let own = self.table.iter().filter(|(_, item)| !is_below(item));
        own.map(|(key, _)| self.entry(key))
    }

    /// Whether there are tables below it, such as `options`.
    pub(crate) fn has_tables_below(&self) -> bool {
        self.table.iter().any(|(_, item)| is_below(item))
    }

    /// A string of the table.
    pub(crate) fn string(&self, key: &str) -> Result<Option<String>, RegisterError> {
        self.config.string_at(self.table, key)
    }

    /// A list of strings of the table; empty if it is not set.
    pub(crate) fn strings(&self, key: &str) -> Result<Vec<String>, RegisterError> {
        self.config.strings_at(self.table, key)
    }
}

/// Whether an item has a header of its own.
fn is_below(item: &Item) -> bool {
    match item {
        Item::Table(table) => !table.is_dotted(),
        Item::ArrayOfTables(_) => true,
        Item::None | Item::Value(_) => false,
    }
}

fn line_number(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
