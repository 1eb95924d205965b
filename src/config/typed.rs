//! `Typed`: a value as it was typed, and where, so that a problem can say what to mend.

use crate::cli::Args;

/// A value as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    /// The value itself.
    pub value: String,
    /// The value and where it stands, for a person: `--grace "5 apples" (from DEVMEDIA_GRACE)`.
    pub shown: String,
}

impl Typed {
    /// The value of a flag, or of the environment variable that stood in for it.
    pub(super) fn by_flag(args: &Args, flag: &str, value: &str) -> Self {
        let shown = match args.variables.get(flag) {
            Some(variable) => format!("{flag} {value:?} (from {variable})"),
            None => format!("{flag} {value:?}"),
        };
        Self { value: value.to_owned(), shown }
    }

    /// What nobody typed.
    pub(super) fn default(flag: &str, value: &str) -> Self {
        Self { value: value.to_owned(), shown: format!("{flag} {value:?}") }
    }

    /// A part of this value, shown as the whole.
    pub(super) fn part(&self, value: &str) -> Self {
        Self { value: value.to_owned(), shown: self.shown.clone() }
    }
}
