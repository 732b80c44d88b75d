//! What a containerd configuration file says and where in its text it says it; refuses whatever
//! it cannot prove to understand.
//!
//! The text is never printed back by a TOML library: `toml_edit` loses carriage returns and byte
//! order marks, and an administrator's file is to come back byte for byte. The parser is asked for
//! places only, and [`super::containerd_edit`] cuts and pastes whole lines there.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, Table};

use crate::engines::containerd::tables::{Dialect, RUNTIME_TYPE};
use crate::register::error::ConfigError;

/// A parsed configuration file.
#[derive(Debug)]
pub struct ContainerdConfig<'t> {
    path: &'t Path,
    text: &'t str,
    document: Document<&'t str>,
    /// The table names that count in this file.
    pub dialect: Dialect,
    /// Whether the file says nothing at all, not even its version.
    pub is_blank: bool,
}

impl<'t> ContainerdConfig<'t> {
    /// Parses `text`, the contents of `path`. A text without any key is a version 2 to be.
    ///
    /// # Errors
    ///
    /// It is not TOML, is a template, or has a version that this program does not know.
    pub fn parse(path: &'t Path, text: &'t str) -> Result<Self, ConfigError> {
        let is_template = path.extension().is_some_and(|ending| ending == "tmpl");
        if is_template && text.contains("{{") {
            return Err(ConfigError::Template {
                path: path.to_owned(),
            });
        }
        let document = Document::parse(text).map_err(|error| ConfigError::Malformed {
            path: path.to_owned(),
            line: line_number(text, error.span().unwrap_or_default().start),
            reason: error.message().replace('\n', ", "),
        })?;
        if !is_template && generated_by_k3s(text) {
            return Err(ConfigError::GeneratedByK3s {
                path: path.to_owned(),
            });
        }
        let is_blank = document.is_empty();
        let dialect = match document.get("version") {
            None if is_blank => Dialect::Two,
            None => {
                return Err(ConfigError::VersionOne {
                    path: path.to_owned(),
                });
            }
            Some(version) => match version.as_integer() {
                Some(1) => {
                    return Err(ConfigError::VersionOne {
                        path: path.to_owned(),
                    });
                }
                Some(2) => Dialect::Two,
                Some(3 | 4) => Dialect::Three,
                _ => {
                    return Err(ConfigError::UnknownVersion {
                        path: path.to_owned(),
                        found: version.to_string().trim().to_owned(),
                    });
                }
            },
        };
        Ok(Self {
            path,
            text,
            document,
            dialect,
            is_blank,
        })
    }

    /// Refuses what would make a registration in this file pointless.
    ///
    /// # Errors
    ///
    /// The CRI plugin is disabled, or the runtimes stand where containerd does not read them.
    pub fn check_read_by_containerd(&self) -> Result<(), ConfigError> {
        for plugin in self.strings_at(self.document.as_table(), "disabled_plugins")? {
            if plugin == "cri" || plugin == Dialect::Two.plugin() || plugin == self.dialect.plugin()
            {
                return Err(ConfigError::CriDisabled {
                    path: self.path.to_owned(),
                    plugin,
                });
            }
        }
        let other = self.dialect.other();
        if self.containerd_table(other)?.is_some() {
            return Err(ConfigError::TableOfOtherVersion {
                path: self.path.to_owned(),
                table: other.plugin(),
            });
        }
        let deprecated = match self.containerd_table(self.dialect)? {
            Some(table) => self.table_in(table, "default_runtime")?,
            None => None,
        };
        if let Some(table) = deprecated {
            if self
                .string_at(table, RUNTIME_TYPE)?
                .is_some_and(|runtime_type| !runtime_type.is_empty())
            {
                return Err(ConfigError::DeprecatedDefaultRuntime {
                    path: self.path.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The names in the `runtimes` table, in the file's order.
    ///
    /// # Errors
    ///
    /// A table on the way is none.
    pub fn runtimes(&self) -> Result<Vec<String>, ConfigError> {
        let runtimes = self.runtimes_table()?;
        Ok(runtimes
            .into_iter()
            .flat_map(Table::iter)
            .map(|(name, _)| name.to_owned())
            .collect())
    }

    /// `default_runtime_name`, when it is there and not empty.
    ///
    /// # Errors
    ///
    /// It is not a string.
    pub fn default_runtime_name(&self) -> Result<Option<String>, ConfigError> {
        let Some(table) = self.containerd_table(self.dialect)? else {
            return Ok(None);
        };
        let name = self.string_at(table, "default_runtime_name")?;
        Ok(name.filter(|name| !name.is_empty()))
    }

    /// The files that `imports` names, as it names them.
    ///
    /// # Errors
    ///
    /// It is not a list of strings.
    pub fn imports(&self) -> Result<Vec<String>, ConfigError> {
        self.strings_at(self.document.as_table(), "imports")
    }

    /// The table of a runtime.
    ///
    /// # Errors
    ///
    /// It is written inline or with dotted keys.
    pub fn runtime(&self, name: &str) -> Result<Option<RuntimeTable<'_>>, ConfigError> {
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
    #[must_use]
    pub fn version_entry(&self) -> Option<Range<usize>> {
        let (key, item) = self.document.get_key_value("version")?;
        Some(key.span()?.start..item.span()?.end)
    }

    /// The line, counted from 1, in which `offset` lies.
    #[must_use]
    pub fn line_at(&self, offset: usize) -> usize {
        line_number(self.text, offset)
    }

    fn runtimes_table(&self) -> Result<Option<&Table>, ConfigError> {
        match self.containerd_table(self.dialect)? {
            Some(table) => self.table_in(table, "runtimes"),
            None => Ok(None),
        }
    }

    fn containerd_table(&self, dialect: Dialect) -> Result<Option<&Table>, ConfigError> {
        let mut table = self.document.as_table();
        for key in ["plugins", dialect.plugin(), "containerd"] {
            match self.table_in(table, key)? {
                Some(inner) => table = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(table))
    }

    fn table_in<'a>(&self, table: &'a Table, key: &str) -> Result<Option<&'a Table>, ConfigError> {
        match table.get(key) {
            None => Ok(None),
            Some(Item::Table(inner)) if !inner.is_dotted() => Ok(Some(inner)),
            Some(_) => Err(ConfigError::NotATable {
                path: self.path.to_owned(),
                line: self.line_of_key(table, key),
                key: key.to_owned(),
            }),
        }
    }

    fn string_at(&self, table: &Table, key: &str) -> Result<Option<String>, ConfigError> {
        match table.get(key) {
            None => Ok(None),
            Some(item) => match item.as_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(self.wrong_type(table, key, "a string")),
            },
        }
    }

    fn strings_at(&self, table: &Table, key: &str) -> Result<Vec<String>, ConfigError> {
        let Some(item) = table.get(key) else {
            return Ok(Vec::new());
        };
        let strings = item.as_array().and_then(|array| {
            array
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        strings.ok_or_else(|| self.wrong_type(table, key, "a list of strings"))
    }

    fn wrong_type(&self, table: &Table, key: &str, expected: &'static str) -> ConfigError {
        ConfigError::WrongType {
            path: self.path.to_owned(),
            line: self.line_of_key(table, key),
            key: key.to_owned(),
            expected,
        }
    }

    fn line_of_key(&self, table: &Table, key: &str) -> usize {
        let span = table.get_key_value(key).and_then(|(key, item)| {
            // The key of a [table] has no place of its own.
            key.span().or_else(|| item.span())
        });
        self.line_at(span.unwrap_or_default().start)
    }
}

/// A runtime's table in its file.
#[derive(Debug)]
pub struct RuntimeTable<'c> {
    config: &'c ContainerdConfig<'c>,
    table: &'c Table,
}

impl RuntimeTable<'_> {
    /// The place of the `[…]` header; `None` when only tables below it have one.
    #[must_use]
    pub fn header(&self) -> Option<Range<usize>> {
        self.table.span().filter(|_| !self.table.is_implicit())
    }

    /// The place of `key = value`.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<Range<usize>> {
        let (key, item) = self.table.get_key_value(key)?;
        Some(key.span()?.start..item.span()?.end)
    }

    /// The places of the table's own keys.
    pub fn entries(&self) -> impl Iterator<Item = Option<Range<usize>>> {
        let own = self.table.iter().filter(|(_, item)| !is_below(item));
        own.map(|(key, _)| self.entry(key))
    }

    /// Whether there are tables below it, such as `options`.
    #[must_use]
    pub fn has_tables_below(&self) -> bool {
        self.table.iter().any(|(_, item)| is_below(item))
    }

    /// A string of the table.
    ///
    /// # Errors
    ///
    /// It is no string.
    pub fn string(&self, key: &str) -> Result<Option<String>, ConfigError> {
        self.config.string_at(self.table, key)
    }

    /// A list of strings of the table; empty when it is not there.
    ///
    /// # Errors
    ///
    /// It is no list of strings.
    pub fn strings(&self, key: &str) -> Result<Vec<String>, ConfigError> {
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

/// k3s and RKE2 head their files `# File generated by k3s. DO NOT EDIT. Use config.toml.tmpl
/// instead.`
fn generated_by_k3s(text: &str) -> bool {
    text.lines()
        .take(5)
        .any(|line| line.starts_with("# File generated by ") && line.contains("DO NOT EDIT"))
}
