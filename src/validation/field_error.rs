//! A refused value, in the form of the Kubernetes API server.

use std::fmt::{self, Display};

/// The longest piece of a refused value in a message, in characters. A tenant wrote the value, which may have 256
/// KiB; the message goes to an event and a log.
const SHOWN: usize = 128;

/// The longest word that is shown without quotes, in bytes: names in Kubernetes have at most 253.
const BARE_MAX: usize = 256;

/// How many refused fields are kept and named. The others are only counted, because a tenant can write several
/// hundred thousand into one annotation.
const LISTED: usize = 20;

/// One refused value: `spec.hostAliases[0].ip: Invalid value: "010.0.0.5": must not have leading
/// 0s`. The form is that of `field.Error` in Kubernetes' `apimachinery/pkg/util/validation/field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: String,
    /// The text after the field's name; nothing if errors are only counted.
    problem: String,
    /// How many errors these are.
    count: usize,
}

impl FieldError {
    /// The value has the right type and is refused for `detail`. It is shown in quotes, with control characters
    /// escaped.
    pub(crate) fn invalid(field: impl Into<String>, value: &str, detail: impl Display) -> Self {
        Self::wrong_kind(field, quote(value), detail)
    }

    /// The value has the wrong type. `shown` is a word for it, such as `7` or `object`.
    pub(crate) fn wrong_kind(
        field: impl Into<String>,
        shown: impl Display,
        detail: impl Display,
    ) -> Self {
        Self::new(field, format!("Invalid value: {shown}: {detail}"))
    }

    /// The field is required and missing. `detail` says why, or what to do.
    pub(crate) fn required(field: impl Into<String>, detail: impl Display) -> Self {
        Self::new(field, format!("Required value: {detail}"))
    }

    /// An unknown field: a typo such as `hostames` must not be ignored silently. `nearest` is the field that its
    /// author most likely meant.
    pub(crate) fn unknown(field: impl Into<String>, nearest: Option<&str>) -> Self {
        let problem = match nearest {
            Some(nearest) => format!("Unknown field: did you mean {nearest}?"),
            None => "Unknown field".to_owned(),
        };
        Self::new(field, problem)
    }

    /// An object has the field twice.
    pub(crate) fn duplicate(field: impl Into<String>) -> Self {
        Self::new(field, "Duplicate field".to_owned())
    }

    /// More than `limit` bytes.
    pub(crate) fn too_long(field: impl Into<String>, limit: usize) -> Self {
        Self::new(
            field,
            format!("Too long: may not be more than {limit} bytes"),
        )
    }

    /// Adds an error. After the first twenty, only the number is kept.
    pub(crate) fn add(errors: &mut Vec<Self>, error: Self) {
        let is_kept = errors.len() < LISTED;
        match errors.last_mut() {
            Some(last) if last.problem.is_empty() => last.count += 1,
            _ if is_kept => errors.push(error),
            _ => errors.push(Self::new(error.field, String::new())),
        }
    }

    /// The number of errors, including those that are only counted.
    pub(crate) fn count(errors: &[Self]) -> usize {
        errors.iter().map(|error| error.count).sum()
    }

    fn new(field: impl Into<String>, problem: String) -> Self {
        Self {
            field: field.into(),
            problem,
            count: 1,
        }
    }
}

impl Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, count) = (&self.field, self.count);
        match self.problem.as_str() {
            "" => write!(f, "{field} and later: {count} more errors"),
            problem => write!(f, "{field}: {problem}"),
        }
    }
}

/// All refused values of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// `Ok(value)` if nothing was refused.
    pub(crate) fn or<T>(errors: Vec<FieldError>, value: T) -> Result<T, Self> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(Self(errors))
        }
    }

    /// Each refused value, in the order of the source.
    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.0.iter()
    }
}

impl Display for FieldErrors {
    /// On one line; after the first twenty the rest is counted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, error) in self.0.iter().take(LISTED).enumerate() {
            if nth > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        match FieldError::count(self.0.get(LISTED..).unwrap_or_default()) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for FieldErrors {}

/// A word for a message, without quotes if it has only letters, digits and the punctuation in `plain`.
pub(crate) fn bare(word: &str, plain: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || plain.contains(c);
    if !word.is_empty() && word.len() <= BARE_MAX && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        quote(word)
    }
}

/// `value` in double quotes, cut to a length for a message. Control characters, quotes and other unprintable
/// characters are escaped: a tenant wrote the text, and it goes to a log.
pub(crate) fn quote(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN).collect();
    let cut = shown.len() < value.len();
    shown = format!("{shown:?}");
    if cut {
        shown.push('…');
    }
    shown
}
