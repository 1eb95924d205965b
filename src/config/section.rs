//! `Section`: a table of the configuration file, taken apart key by key. What nobody took is unknown, and a problem.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::Problems;
use super::typed::Typed;

/// How many letters a mistyped key may differ in from the right one.
const TYPOS: usize = 2;

/// The file, for saying where in it something stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    /// As it was named.
    pub name: &'t str,
    pub text: &'t str,
}

impl Source<'_> {
    /// Name and line, as compilers write them.
    pub(super) fn at(self, offset: usize) -> String {
        let line = self.text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        format!("{}:{line}", self.name)
    }
}

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section<'t> {
    source: Source<'t>,
    /// Where it begins.
    at: String,
    table: DeTable<'t>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(source: Source<'t>, at: String, table: DeTable<'t>) -> Self {
        Self { source, at, table, known: Vec::new() }
    }

    /// Where it begins: the file's name and the line.
    pub(super) fn at(&self) -> &str {
        &self.at
    }

    /// A string, a yes or no, or a number.
    pub(super) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Typed> {
        let value = self.take(key)?;
        self.scalar(key, value, problems)
    }

    /// One text, or an array of them.
    pub(super) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Typed> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let values = match value.get_ref() {
            DeValue::Array(values) => values.iter().cloned().collect(),
            _ => vec![value],
        };
        values.into_iter().filter_map(|value| self.scalar(key, value, problems)).collect()
    }

    /// A table of texts, as `(name, value)`.
    pub(super) fn pairs(&mut self, key: &'static str, problems: &mut Problems) -> Vec<(String, Typed)> {
        let Some(section) = self.section(key, problems) else { return Vec::new() };
        let entries = section.table.clone().into_iter();
        entries
            .filter_map(|(name, value)| {
                let typed = section.scalar(name.get_ref(), value, problems)?;
                Some((name.into_inner().into_owned(), typed))
            })
            .collect()
    }

    /// A table below this one.
    pub(super) fn section(&mut self, key: &'static str, problems: &mut Problems) -> Option<Section<'t>> {
        match self.text_or_section(key, problems)? {
            Value::Section(section) => Some(section),
            Value::Text(typed) => {
                problems.usage(format!("{}: it is no table; write {key} = {{ ... }}", typed.shown));
                None
            }
        }
    }

    /// A table, or one word that stands for one.
    pub(super) fn text_or_section(&mut self, key: &'static str, problems: &mut Problems) -> Option<Value<'t>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Value::Section(self.below(&value, table))),
            _ => self.scalar(key, value, problems).map(Value::Text),
        }
    }

    /// `[[key]]`, as often as it stands there; `whole` is the key with those above it.
    pub(super) fn sections(&mut self, key: &'static str, whole: &str, problems: &mut Problems) -> Vec<Section<'t>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Array(values) = value.get_ref() else {
            problems.usage(format!("{}: write [[{whole}]], twice bracketed: there may be several", self.line(&value)));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for value in values {
            match value.get_ref() {
                DeValue::Table(table) => sections.push(self.below(value, table)),
                _ => problems.usage(format!("{}: {key} holds something that is no table", self.line(value))),
            }
        }
        sections
    }

    /// Notes the keys that nobody asked for. `elsewhere` says of a key where it belongs, if not here.
    pub(super) fn end(self, problems: &mut Problems, elsewhere: impl Fn(&str) -> Option<&'static str>) {
        let mut unknown: Vec<_> = self.table.keys().collect();
        unknown.sort_by_key(|key| key.span().start);
        for key in unknown {
            let (at, key) = (self.line(key), key.get_ref());
            let near = self.known.iter().map(|known| (strsim::damerau_levenshtein(known, key), known));
            let near = near.filter(|(typos, _)| *typos <= TYPOS).min_by_key(|(typos, _)| *typos);
            let advice = match (elsewhere(key), near) {
                (Some(advice), _) => advice.to_owned(),
                (None, Some((_, known))) => format!("did you mean {known}?"),
                (None, None) => format!("what can be said here: {}", self.known.join(", ")),
            };
            problems.usage(format!("{at}: there is no key {key:?} here; {advice}"));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn scalar(&self, key: &str, value: Spanned<DeValue<'t>>, problems: &mut Problems) -> Option<Typed> {
        let at = self.line(&value);
        let text: Cow<'_, str> = match value.into_inner() {
            DeValue::String(text) => text,
            DeValue::Boolean(yes) => yes.to_string().into(),
            DeValue::Integer(number) => number.to_string().into(),
            _ => {
                problems.usage(format!("{at}: {key} is no text; write {key} = \"...\""));
                return None;
            }
        };
        Some(Typed { shown: format!("{at}: {key} = {text:?}"), value: text.into_owned() })
    }

    fn below(&self, value: &Spanned<DeValue<'t>>, table: &DeTable<'t>) -> Section<'t> {
        Section::new(self.source, self.line(value), table.clone())
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> String {
        self.source.at(spanned.span().start)
    }
}

/// One word, or a table.
#[derive(Debug)]
pub(super) enum Value<'t> {
    Text(Typed),
    Section(Section<'t>),
}
