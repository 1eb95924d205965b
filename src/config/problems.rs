//! `Problems`: everything that is wrong with the configuration, reported together; and warnings.

use std::fmt;

use super::typed::Typed;

/// Everything that stops a command. `Display` prints a line for each.
#[derive(Debug, Default)]
pub struct Problems {
    all: Vec<Problem>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Problem {
    text: String,
    /// Nothing was typed wrongly: the operating system, or another server, refused.
    system: bool,
}

impl Problems {
    /// One problem: something was typed wrongly.
    pub fn of_usage(text: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.usage(text);
        problems
    }

    /// One problem: the operating system, or another server, refused.
    pub fn of_system(text: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.system(text);
        problems
    }

    /// 2 if something was typed wrongly, 1 if only the system refused.
    pub fn exit_code(&self) -> u8 {
        if self.all.iter().all(|problem| problem.system) { 1 } else { 2 }
    }

    /// Whether nothing is wrong. Warnings do not count.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn usage(&mut self, text: impl Into<String>) {
        self.note(Problem { text: text.into(), system: false });
    }

    pub(super) fn system(&mut self, text: impl Into<String>) {
        self.note(Problem { text: text.into(), system: true });
    }

    /// Notes something that is allowed but probably not meant.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    /// The warnings, each once.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// A flag that applies to several mounts is reported once.
    fn note(&mut self, problem: Problem) {
        if !self.all.iter().any(|noted| noted.text == problem.text) {
            self.all.push(problem);
        }
    }

    /// Reads a value, or notes why it cannot be read: `--flag "value": advice`.
    pub(super) fn check<T, E: fmt::Display>(
        &mut self,
        typed: &Typed,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        read(&typed.value).map_err(|advice| self.usage(format!("{}: {advice}", typed.shown))).ok()
    }

    /// Reads every value that can be read, and notes the others.
    pub(super) fn each<T, E: fmt::Display>(&mut self, all: &[Typed], read: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        all.iter().filter_map(|typed| self.check(typed, &read)).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.all.iter().map(|problem| problem.text.as_str()).collect();
        f.write_str(&texts.join("\n"))
    }
}
