//! `Typed`: a value as it was typed, and where, so that an error can show what to fix.

/// A value as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The value itself.
    pub value: String,
    /// The value and where it was found, for a person: `--grace "5 apples" (from DEVMEDIA_GRACE)`.
    pub shown: String,
    /// Where it was found.
    pub source: Source,
}

/// Where a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    CommandLine,
    /// In this environment variable, which may be set in the file of `--env-file`.
    Variable(&'static str),
    /// In the configuration file.
    File,
    /// Nowhere: it is the default.
    Default,
}

impl Typed {
    /// The value of a flag, from the command line or from its environment variable.
    pub fn by_flag(flag: &str, value: &str, variable: Option<&'static str>) -> Self {
        let (shown, source) = match variable {
            Some(variable) => (format!("{flag} {value:?} (from {variable})"), Source::Variable(variable)),
            None => (format!("{flag} {value:?}"), Source::CommandLine),
        };
        Self { value: value.to_owned(), shown, source }
    }

    /// The value of a variable in the file of `--env-file`; `place` is the name of the file and the line.
    pub fn by_env_file(flag: &str, value: &str, variable: &'static str, place: &str) -> Self {
        let shown = format!("{flag} {value:?} (from {variable} in {place})");
        Self { value: value.to_owned(), shown, source: Source::Variable(variable) }
    }

    /// A word on the command line that belongs to no flag.
    pub fn by_position(value: &str) -> Self {
        Self { value: value.to_owned(), shown: format!("{value:?}"), source: Source::CommandLine }
    }

    /// A default.
    pub(super) fn default(flag: &str, value: &str) -> Self {
        Self { value: value.to_owned(), shown: format!("{flag} {value:?}"), source: Source::Default }
    }

    /// A part of this value; errors still show the whole.
    pub(super) fn part(&self, value: &str) -> Self {
        Self { value: value.to_owned(), ..self.clone() }
    }

    /// The same URL, but errors do not show its query: it may be a secret.
    pub(super) fn without_query(&self) -> Self {
        let Some((_, query)) = self.value.split_once('?') else { return self.clone() };
        // as it is quoted there
        let quoted = format!("{query:?}");
        Self { shown: self.shown.replace(&quoted[1..quoted.len() - 1], "..."), ..self.clone() }
    }

    /// The same value, but errors do not show it: it may be a secret, or contain one.
    pub(super) fn concealed(&self) -> Self {
        Self { shown: self.shown.replace(&format!("{:?}", self.value), "\"...\""), ..self.clone() }
    }
}
