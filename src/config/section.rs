//! `Section`: a table of the configuration file, read key by key. A key that was not read is unknown, which is a
//! problem.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys;
use super::problems::Problems;
use super::typed::{self, Typed};

/// The file, to show the line that a problem is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    /// Its path as it was typed.
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
    /// The position of its first byte.
    at: String,
    table: DeTable<'t>,
    /// The keys that were read.
    known: Vec<String>,
}

impl<'t> Section<'t> {
    pub(super) fn new(source: Source<'t>, at: String, table: DeTable<'t>) -> Self {
        Self { source, at, table, known: Vec::new() }
    }

    /// The name of the file and the line at which it begins.
    pub(super) fn at(&self) -> &str {
        &self.at
    }

    /// A string, a yes or no, or a number.
    pub(super) fn text(&mut self, key: &str, problems: &mut Problems) -> Option<Typed> {
        let value = self.take(key)?;
        self.scalar(key, &value, problems)
    }

    /// One text, or an array of them.
    pub(super) fn texts(&mut self, key: &str, problems: &mut Problems) -> Vec<Typed> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let values = match value.get_ref() {
            DeValue::Array(values) => values.iter().cloned().collect(),
            _ => vec![value],
        };
        values.into_iter().filter_map(|value| self.scalar(key, &value, problems)).collect()
    }

    /// A table of texts, as `(name, value)`.
    pub(super) fn pairs(&mut self, key: &str, problems: &mut Problems) -> Vec<(String, Typed)> {
        let Some(section) = self.section(key, problems) else { return Vec::new() };
        let entries = section.table.clone().into_iter();
        entries
            .filter_map(|(name, value)| {
                let typed = section.scalar(name.get_ref(), &value, problems)?;
                Some((name.into_inner().into_owned(), typed))
            })
            .collect()
    }

    /// A text, or a table of texts as `name=value,name=value`.
    pub(super) fn text_or_pairs(&mut self, key: &str, problems: &mut Problems) -> Option<Typed> {
        match self.text_or_section(key, problems)? {
            Value::Text(typed) => Some(typed),
            Value::Section(section) => {
                let mut entries: Vec<_> = section.table.iter().collect();
                // what the others change comes first
                entries.sort_by_key(|(name, _)| (name.get_ref() != "preset", name.span().start));
                let texts = entries.into_iter().map(|(name, value)| {
                    let typed = section.scalar(name.get_ref(), value, problems)?;
                    Some(format!("{}={}", name.get_ref(), typed.value))
                });
                let value = texts.collect::<Option<Vec<_>>>()?.join(",");
                let shown = format!("{}: {key} = {value:?}", section.at);
                Some(Typed { value, shown, source: typed::Source::File })
            }
        }
    }

    /// A table below this one.
    pub(super) fn section(&mut self, key: &str, problems: &mut Problems) -> Option<Section<'t>> {
        match self.text_or_section(key, problems)? {
            Value::Section(section) => Some(section),
            Value::Text(typed) => {
                problems.usage(format!("{}: not a table; write {key} = {{ ... }}", typed.shown));
                None
            }
        }
    }

    /// A table, or a word that abbreviates one.
    pub(super) fn text_or_section(&mut self, key: &str, problems: &mut Problems) -> Option<Value<'t>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Value::Section(self.below(&value, table))),
            _ => self.scalar(key, &value, problems).map(Value::Text),
        }
    }

    /// All tables `[[key]]`; `whole` is the key with those above it.
    pub(super) fn sections(&mut self, key: &str, whole: &str, problems: &mut Problems) -> Vec<Section<'t>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Array(values) = value.get_ref() else {
            problems
                .usage(format!("{}: write [[{whole}]] in double brackets: there may be several", self.line(&value)));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for value in values {
            match value.get_ref() {
                DeValue::Table(table) => sections.push(self.below(value, table)),
                _ => problems.usage(format!("{}: {key} contains something that is not a table", self.line(value))),
            }
        }
        sections
    }

    /// Reports the keys that were not read. `other` may return the right key, or where the key belongs; it receives the
    /// key and its value, if that is a text, a number or a boolean.
    pub(super) fn end(self, problems: &mut Problems, other: impl Fn(&str, Option<&str>) -> Option<String>) {
        let mut unknown: Vec<_> = self.table.iter().collect();
        unknown.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in unknown {
            let (at, key) = (self.line(key), key.get_ref());
            let value = text_of(value.get_ref());
            let near = keys::nearest(key, &self.known);
            let advice = match (near, other(key, value.as_deref())) {
                (Some((known, true)), _) => format!("write {known}"),
                (_, Some(advice)) => advice,
                (Some((known, false)), None) => format!("did you mean {known}?"),
                (None, None) => format!("valid keys: {}", self.known.join(", ")),
            };
            problems.usage(format!("{at}: unknown key {key:?}; {advice}"));
        }
    }

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key.to_owned());
        self.table.remove(key)
    }

    fn scalar(&self, key: &str, value: &Spanned<DeValue<'t>>, problems: &mut Problems) -> Option<Typed> {
        let at = self.line(value);
        let Some(text) = text_of(value.get_ref()) else {
            problems.usage(format!("{at}: {key} is not a text; write {key} = \"...\""));
            return None;
        };
        let shown = format!("{at}: {key} = {text:?}");
        Some(Typed { value: text.into_owned(), shown, source: typed::Source::File })
    }

    fn below(&self, value: &Spanned<DeValue<'t>>, table: &DeTable<'t>) -> Section<'t> {
        Section::new(self.source, self.line(value), table.clone())
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> String {
        self.source.at(spanned.span().start)
    }
}

/// A text, a boolean or a number, as text.
fn text_of<'v>(value: &'v DeValue<'_>) -> Option<Cow<'v, str>> {
    match value {
        DeValue::String(text) => Some(Cow::Borrowed(text)),
        DeValue::Boolean(yes) => Some(yes.to_string().into()),
        DeValue::Integer(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// One word, or a table.
#[derive(Debug)]
pub(super) enum Value<'t> {
    Text(Typed),
    Section(Section<'t>),
}
