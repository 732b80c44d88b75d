//! A refused value, said the way the Kubernetes API server says it.

use std::fmt;

/// Longest piece of a refused value that is repeated to the person, in characters. The value is
/// a tenant's and may be 256 KiB long; the message goes into an event and a log.
const SHOWN: usize = 128;

/// How many refused fields are named, and kept, before the rest is only counted: a tenant can write some
/// hundred thousand into one annotation.
const LISTED: usize = 20;

/// One refused value: `spec.hostAliases[0].ip: Invalid value: "010.0.0.5": must not have leading
/// 0s`. The form is that of `field.Error` in Kubernetes' `apimachinery/pkg/util/validation/field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Invalid {
        value: String,
        detail: String,
    },
    Required {
        detail: String,
    },
    Unknown {
        nearest: Option<&'static str>,
    },
    Duplicate,
    TooLong {
        limit: usize,
    },
    /// This field and so many in all that come behind it.
    More {
        count: usize,
    },
}

impl FieldError {
    /// The value is of the right kind and refused for `detail`. It is shown quoted, with control
    /// characters escaped.
    pub(crate) fn invalid(
        field: impl Into<String>,
        value: &str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(
            field,
            What::Invalid {
                value: quote(value),
                detail: detail.into(),
            },
        )
    }

    /// The value is not even of the right kind; `shown` is a word for it, such as `7` or `object`.
    pub(crate) fn wrong_kind(
        field: impl Into<String>,
        shown: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(
            field,
            What::Invalid {
                value: shown.into(),
                detail: detail.into(),
            },
        )
    }

    /// The field must be there and is not; `detail` says why, or what to do.
    pub(crate) fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(
            field,
            What::Required {
                detail: detail.into(),
            },
        )
    }

    /// Nobody knows this field: a typo such as `hostames` must not be lost without a word.
    pub(crate) fn unknown(field: impl Into<String>) -> Self {
        Self::new(field, What::Unknown { nearest: None })
    }

    /// The same, with the known field that its author most likely meant.
    pub(crate) fn unknown_but_near(
        field: impl Into<String>,
        nearest: Option<&'static str>,
    ) -> Self {
        Self::new(field, What::Unknown { nearest })
    }

    /// The field stands twice in one object.
    pub(crate) fn duplicate(field: impl Into<String>) -> Self {
        Self::new(field, What::Duplicate)
    }

    /// More than `limit` bytes.
    pub(crate) fn too_long(field: impl Into<String>, limit: usize) -> Self {
        Self::new(field, What::TooLong { limit })
    }

    /// Adds an error; behind the first twenty only the number.
    pub(crate) fn add(errors: &mut Vec<Self>, error: Self) {
        let is_kept = errors.len() < LISTED;
        match errors.last_mut().map(|last| &mut last.what) {
            Some(What::More { count }) => *count += 1,
            _ if is_kept => errors.push(error),
            _ => errors.push(Self::new(error.field, What::More { count: 1 })),
        }
    }

    /// How many errors these are, the counted ones among them.
    pub(crate) fn count(errors: &[Self]) -> usize {
        let weight = |error: &Self| match error.what {
            What::More { count } => count,
            _ => 1,
        };
        errors.iter().map(weight).sum()
    }

    fn new(field: impl Into<String>, what: What) -> Self {
        Self {
            field: field.into(),
            what,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match &self.what {
            What::Invalid { value, detail } => {
                write!(f, "{field}: Invalid value: {value}: {detail}")
            }
            What::Required { detail } => write!(f, "{field}: Required value: {detail}"),
            What::Unknown { nearest: None } => write!(f, "{field}: Unknown field"),
            What::Unknown {
                nearest: Some(nearest),
            } => write!(f, "{field}: Unknown field: did you mean {nearest}?"),
            What::Duplicate => write!(f, "{field}: Duplicate field"),
            What::TooLong { limit } => {
                write!(f, "{field}: Too long: may not be more than {limit} bytes")
            }
            What::More { count } => write!(f, "{field} and behind it: {count} more errors"),
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

impl fmt::Display for FieldErrors {
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

/// A word for a message, unquoted where it cannot be mistaken for anything else.
#[cfg(feature = "cli")]
pub(crate) fn bare(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.len() <= SHOWN && word.chars().all(plain) {
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
