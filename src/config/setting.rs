//! `Setting`: the declaration of one thing that can be configured.
//!
//! The command line, the environment, the file, `--help`, the manual page and the test of `docs/flags.md` all read it.

use super::values::Advice;

/// A setting whose value is a `T`.
#[derive(Debug)]
pub struct Setting<T> {
    /// Its names and where it may be written.
    pub declared: Declared,
    /// Reads one value. The error is advice, printed after the value as it was typed.
    pub read: fn(&str) -> Result<T, Advice>,
}

/// The names of a setting, and where it may be written.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// The flag without its dashes. With `_` in place of `-`, it is the key in the file.
    pub name: &'static str,
    /// The one-letter flag, if it has one.
    pub short: Option<char>,
    /// The environment variable, if it has one.
    pub variable: Option<&'static str>,
    /// The name of its value in the help.
    pub value: &'static str,
    /// The line of help.
    pub help: &'static str,
    /// How often, and in which form, a value is written.
    pub form: Form,
    /// Where it may be written, and which mounts a flag applies to.
    pub scope: Scope,
}

/// How often, and in which form, a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Once, with a value.
    One,
    /// Once, with a value; in the file also a table, which is read as `NAME=VALUE,NAME=VALUE`.
    OneOrTable,
    /// Once; the flag alone means yes.
    Switch,
    /// Repeatable; the flag alone means yes. Its values name mounts. In the file it is a switch of each mount.
    SwitchOfMounts,
    /// Repeatable; a list in the file, separated by commas in the environment.
    List,
    /// As a list, but the values may contain commas: the environment variable holds one value.
    ListWithCommas,
    /// Repeatable `NAME=VALUE`; a table in the file. Layers are merged: all names apply, and for each name the highest
    /// layer has priority.
    Pairs,
}

/// Where a setting may be written, and which mounts a flag applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Not in the file.
    CommandLine,
    /// At the top of the file. It is about the server as a whole.
    Server,
    /// At the top of the file or in a `[[mount]]`. A flag applies to all mounts.
    Mounts,
    /// In a `[[mount]]`. A flag applies to the first mount.
    FirstMount,
    /// In a `[[mount]]`. There is no flag and no variable.
    FileMount,
}

impl Declared {
    const fn new(name: &'static str, value: &'static str, form: Form) -> Self {
        Self { name, short: None, variable: None, value, help: "", form, scope: Scope::CommandLine }
    }

    pub(super) const fn one(name: &'static str, value: &'static str) -> Self {
        Self::new(name, value, Form::One)
    }

    pub(super) const fn switch(name: &'static str) -> Self {
        Self::new(name, "BOOL", Form::Switch)
    }

    pub(super) const fn list(name: &'static str, value: &'static str) -> Self {
        Self::new(name, value, Form::List)
    }

    pub(super) const fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    pub(super) const fn value(self, value: &'static str) -> Self {
        Self { value, ..self }
    }

    pub(super) const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    pub(super) const fn variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    pub(super) const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    pub(super) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// `--max-upload`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// Its key in the file: `max_upload`.
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Whether there is a flag.
    pub fn has_flag(&self) -> bool {
        self.scope != Scope::FileMount
    }

    /// Whether the flag may be used without a value, so that a value must be joined to it with `=`.
    pub fn is_switch(&self) -> bool {
        matches!(self.form, Form::Switch | Form::SwitchOfMounts)
    }

    /// Whether the flag may be repeated.
    pub fn is_repeatable(&self) -> bool {
        matches!(self.form, Form::SwitchOfMounts | Form::List | Form::ListWithCommas | Form::Pairs)
    }
}
