//! All that is wrong with what was typed, told together.

use std::fmt;

use super::typed::Typed;
use crate::debug_gate::boolean;

/// All that is wrong with what was typed; `Display` is a line each.
#[derive(Debug, Default)]
pub struct Problems {
    all: Vec<Problem>,
}

#[derive(Debug)]
struct Problem {
    text: String,
    /// The text was right but the system said no.
    system: bool,
}

impl Problems {
    /// 2 where something was typed wrongly, 1 where only the system said no.
    pub fn exit_code(&self) -> u8 {
        if self.all.iter().all(|problem| problem.system) { 1 } else { 2 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn usage(&mut self, text: impl Into<String>) {
        self.note(Problem { text: text.into(), system: false });
    }

    pub(super) fn system(&mut self, text: impl Into<String>) {
        self.note(Problem { text: text.into(), system: true });
    }

    /// A flag that goes for several mounts is wrong once.
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

    /// Reads every value that can be read.
    pub(super) fn each<T, E: fmt::Display>(&mut self, all: &[Typed], read: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        all.iter().filter_map(|typed| self.check(typed, &read)).collect()
    }

    /// Reads a yes or a no; nothing is a no.
    pub(super) fn boolean(&mut self, typed: Option<&Typed>) -> bool {
        let read = |value: &str| boolean(value).ok_or("it is neither yes nor no; write true or false");
        typed.and_then(|typed| self.check(typed, read)).unwrap_or_default()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.all.iter().map(|problem| problem.text.as_str()).collect();
        f.write_str(&texts.join("\n"))
    }
}
