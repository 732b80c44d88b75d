//! A refused value, said the way the Kubernetes API server says it.

use std::fmt::{self, Display};

/// Longest piece of a refused value that is repeated to the person, in characters. The value is
/// a tenant's and may be 256 KiB long; the message goes into an event and a log.
const SHOWN: usize = 128;

/// Longest word that is shown unquoted, in bytes: no name of Kubernetes is longer than 253.
const BARE_MAX: usize = 256;

/// How many refused fields are named, and kept, before the rest is only counted: a tenant can write some
/// hundred thousand into one annotation.
const LISTED: usize = 20;

/// One refused value: `spec.hostAliases[0].ip: Invalid value: "010.0.0.5": must not have leading
/// 0s`. The form is that of `field.Error` in Kubernetes' `apimachinery/pkg/util/validation/field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: String,
    /// Behind the field's name, or nothing where errors are only counted.
    problem: String,
    /// How many errors these are.
    count: usize,
}

impl FieldError {
    /// The value is of the right kind and refused for `detail`. It is shown quoted, with control
    /// characters escaped.
    pub(crate) fn invalid(field: impl Into<String>, value: &str, detail: impl Display) -> Self {
        Self::wrong_kind(field, quote(value), detail)
    }

    /// The value is not even of the right kind; `shown` is a word for it, such as `7` or `object`.
    pub(crate) fn wrong_kind(
        field: impl Into<String>,
        shown: impl Display,
        detail: impl Display,
    ) -> Self {
        Self::new(field, format!("Invalid value: {shown}: {detail}"))
    }

    /// The field must be there and is not; `detail` says why, or what to do.
    pub(crate) fn required(field: impl Into<String>, detail: impl Display) -> Self {
        Self::new(field, format!("Required value: {detail}"))
    }

    /// No field has this name: a typo such as `hostames` must not be lost without a word. `nearest` is the
    /// field that its author most likely meant.
    pub(crate) fn unknown(field: impl Into<String>, nearest: Option<&str>) -> Self {
        let problem = match nearest {
            Some(nearest) => format!("Unknown field: did you mean {nearest}?"),
            None => "Unknown field".to_owned(),
        };
        Self::new(field, problem)
    }

    /// The field stands twice in one object.
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

    /// Adds an error; behind the first twenty only the number.
    pub(crate) fn add(errors: &mut Vec<Self>, error: Self) {
        let is_kept = errors.len() < LISTED;
        match errors.last_mut() {
            Some(last) if last.problem.is_empty() => last.count += 1,
            _ if is_kept => errors.push(error),
            _ => errors.push(Self::new(error.field, String::new())),
        }
    }

    /// How many errors these are, the counted ones among them.
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
            "" => write!(f, "{field} and behind it: {count} more errors"),
            problem => write!(f, "{field}: {problem}"),
        }
    }
}

/// All refused values of one source, never only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// `Ok(value)` when nothing was refused.
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

/// A word for a message, unquoted where it cannot be mistaken for anything else: letters, digits and what
/// of ASCII's punctuation is `plain` there.
pub(crate) fn bare(word: &str, plain: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || plain.contains(c);
    if !word.is_empty() && word.len() <= BARE_MAX && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        quote(word)
    }
}

/// `value` in double quotes, cut to a length that a message can carry. Control characters, quotes
/// and whatever is not printable is escaped: the text is a tenant's and goes to a log.
pub(crate) fn quote(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN).collect();
    let cut = shown.len() < value.len();
    shown = format!("{shown:?}");
    if cut {
        shown.push('…');
    }
    shown
}
