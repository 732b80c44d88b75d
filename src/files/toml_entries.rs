//! The top-level entries of a TOML document, which is all that `config.toml` has.
//!
//! This uses only the parser of the `toml` crate. The rest of that crate (all kinds of values, dates, numbers,
//! serde) was 96 KB of the hook's binary, for three keys.

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{EventReceiver, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Source, Span};

use crate::validation::field_error::quote;

/// How deep arrays and inline tables may nest: the parser is recursive.
const DEPTH_MAX: u32 = 32;

/// A value, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any of the four kinds of strings.
    Text(String),
    /// `true` or `false`
    Boolean(bool),
    /// Anything else, by the name of its type.
    Other(&'static str),
}

/// Reads a document: its top-level keys with their values, in order. A table is the value of the first part of its
/// name; only the syntax of its content is checked.
///
/// # Errors
///
/// It is not TOML: the line and what is wrong, on one line.
pub fn read(text: &str) -> Result<Vec<(String, Value)>, String> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut document = Document {
        source,
        entries: Vec::new(),
        depth: 0,
        place: Place::Top,
        key: None,
    };
    let mut error: Option<ParseError> = None;
    let mut whitespace = ValidateWhitespace::new(&mut document, source);
    let mut guard = RecursionGuard::new(&mut whitespace, DEPTH_MAX);
    parse_document(&tokens, &mut guard, &mut error);
    let Some(error) = error else {
        return Ok(document.entries);
    };
    let span = error.unexpected().or(error.context()).unwrap_or_default();
    let before = text.get(..span.start()).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let mut said = format!("line {line}: {}", error.description());
    for (nth, expected) in error.expected().unwrap_or_default().iter().enumerate() {
        said.push_str(if nth == 0 { ", expected " } else { " or " });
        match expected {
            Expected::Literal("\n") => said.push_str("a newline"),
            Expected::Literal(literal) => {
                said.push('`');
                said.push_str(literal);
                said.push('`');
            }
            Expected::Description(description) => said.push_str(description),
            _ => said.push_str("something else"),
        }
    }
    Err(said)
}

/// Collects the parser's events.
struct Document<'s> {
    source: Source<'s>,
    entries: Vec<(String, Value)>,
    /// Of arrays and inline tables.
    depth: usize,
    place: Place,
    /// The top-level key whose value comes next.
    key: Option<Key>,
}

/// The position in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first table.
    Top,
    /// Between the brackets that name a table, of this kind.
    Header(&'static str),
    /// After it.
    Table,
}

struct Key {
    name: String,
    span: Span,
    is_dotted: bool,
}

impl Document<'_> {
    /// The key's value is complete.
    fn add(&mut self, value: Value, error: &mut dyn ErrorSink) {
        if self.depth > 0 || self.place == Place::Table {
            return;
        }
        let Some(key) = self.key.take() else {
            return;
        };
        let (value, is_part) = match key.is_dotted {
            true => (Value::Other("table"), true),
            false => (value, self.place != Place::Top),
        };
        match self.entries.iter().find(|(name, _)| *name == key.name) {
            None => self.entries.push((key.name, value)),
            // A table's name can have any number of parts.
            Some((_, before)) if is_part && *before == value => {}
            Some(_) => {
                let duplicate = ParseError::new(format!("duplicate key {}", quote(&key.name)));
                error.report_error(duplicate.with_unexpected(key.span));
            }
        }
    }

    fn end_of_header(&mut self, error: &mut dyn ErrorSink) {
        if let Place::Header(kind) = self.place {
            self.add(Value::Other(kind), error);
        }
        self.place = Place::Table;
    }
}

impl EventReceiver for Document<'_> {
    fn std_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.place = Place::Header("table");
    }

    fn std_table_close(&mut self, _: Span, error: &mut dyn ErrorSink) {
        self.end_of_header(error);
    }

    fn array_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.place = Place::Header("array");
    }

    fn array_table_close(&mut self, _: Span, error: &mut dyn ErrorSink) {
        self.end_of_header(error);
    }

    fn inline_table_open(&mut self, _: Span, error: &mut dyn ErrorSink) -> bool {
        self.add(Value::Other("table"), error);
        self.depth += 1;
        true
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn array_open(&mut self, _: Span, error: &mut dyn ErrorSink) -> bool {
        self.add(Value::Other("array"), error);
        self.depth += 1;
        true
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut name = String::new();
        if let Some(raw) = self.source.get(span) {
            toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span)
                .decode_key(&mut name, error);
        }
        if self.depth > 0 || self.place == Place::Table {
            return;
        }
        match &mut self.key {
            Some(key) => key.is_dotted = true,
            None => {
                self.key = Some(Key {
                    name,
                    span,
                    is_dotted: false,
                });
            }
        }
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let Some(raw) = self.source.get(span) else {
            return;
        };
        let mut text = String::new();
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span);
        let value = match raw.decode_scalar(&mut text, error) {
            ScalarKind::String => Value::Text(text),
            ScalarKind::Boolean(boolean) => Value::Boolean(boolean),
            ScalarKind::DateTime => Value::Other("datetime"),
            ScalarKind::Float => Value::Other("float"),
            ScalarKind::Integer(_) => Value::Other("integer"),
        };
        self.add(value, error);
    }
}
