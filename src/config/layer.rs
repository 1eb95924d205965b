//! `Layer`: the settings as they were typed in one place: the command line and the environment, a `[[mount]]`, or the
//! top of the file.

use std::collections::HashMap;

use super::problems::Problems;
use super::section::Section;
use super::setting::{Declared, Form, Scope, Setting};
use super::settings::ALL;
use super::typed::Typed;

/// What was typed, by the names of the settings.
#[derive(Debug, Clone, Default)]
pub struct Layer(HashMap<&'static str, Vec<Typed>>);

impl Layer {
    /// Puts the values of a setting in place of those it has.
    pub fn set(&mut self, declared: &Declared, values: Vec<Typed>) {
        if values.is_empty() {
            self.0.remove(declared.name);
        } else {
            self.0.insert(declared.name, values);
        }
    }

    /// The settings of these scopes that a section of the file has.
    pub(super) fn of_file(section: &mut Section<'_>, scopes: &[Scope], problems: &mut Problems) -> Self {
        let mut layer = Self::default();
        for declared in ALL.iter().filter(|declared| scopes.contains(&declared.scope)) {
            let key = declared.key();
            let values = match declared.form {
                Form::One | Form::Switch | Form::SwitchOfMounts => section.text(&key, problems).into_iter().collect(),
                Form::OneOrTable => section.text_or_pairs(&key, problems).into_iter().collect(),
                Form::List | Form::ListWithCommas => section.texts(&key, problems),
                Form::Pairs => {
                    let pairs = section.pairs(&key, problems).into_iter();
                    pairs.map(|(name, typed)| typed.part(&format!("{name}={}", typed.value))).collect()
                }
            };
            layer.set(declared, values);
        }
        layer
    }

    /// The settings of these scopes.
    pub(super) fn only(&self, scopes: &[Scope]) -> Self {
        let mut layer = self.clone();
        for declared in ALL.iter().filter(|declared| !scopes.contains(&declared.scope)) {
            layer.0.remove(declared.name);
        }
        layer
    }

    /// This layer on top of another: its settings have priority.
    pub(super) fn over(&self, below: &Self) -> Self {
        let mut merged = below.clone();
        for declared in ALL {
            let above = self.all_of(declared);
            let values = match declared.form {
                // of two values for one name, the later wins
                Form::Pairs => [below.all_of(declared), above].concat(),
                _ if above.is_empty() => continue,
                _ => above.to_vec(),
            };
            merged.set(declared, values);
        }
        merged
    }

    /// What was typed for a setting that has one value.
    pub fn typed<T>(&self, setting: &Setting<T>) -> Option<&Typed> {
        self.all(setting).first()
    }

    /// Everything that was typed for a setting.
    pub fn all<T>(&self, setting: &Setting<T>) -> &[Typed] {
        self.all_of(&setting.declared)
    }

    /// Whether anything was typed for a setting.
    pub fn has(&self, declared: &Declared) -> bool {
        !self.all_of(declared).is_empty()
    }

    fn all_of(&self, declared: &Declared) -> &[Typed] {
        self.0.get(declared.name).map_or(&[], Vec::as_slice)
    }

    /// The value of a setting, if it was typed and can be read.
    pub(super) fn get<T>(&self, setting: &Setting<T>, problems: &mut Problems) -> Option<T> {
        problems.check(self.typed(setting)?, setting.read)
    }

    /// The values of a repeatable setting that can be read.
    pub(super) fn each<T>(&self, setting: &Setting<T>, problems: &mut Problems) -> Vec<T> {
        problems.each(self.all(setting), setting.read)
    }

    /// Whether a switch is on; it is off by default.
    pub(super) fn is_on(&self, setting: &Setting<bool>, problems: &mut Problems) -> bool {
        self.get(setting, problems).unwrap_or_default()
    }
}
