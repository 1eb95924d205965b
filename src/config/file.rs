//! `devmedia.toml`: the settings that flags can give, and those they cannot. Flags and the environment override it. An
//! unknown key is a problem.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::access;
use super::keys::{self, Place};
use super::layer::Layer;
use super::problems::Problems;
use super::section::{Section, Source};
use super::setting::Scope;
use super::settings::{CONFIG, NO_CONFIG, ROOT, URL};
use super::syntax;
use super::typed::{self, Typed};
use crate::access::Policy;
use crate::access::rules::{Patterns, Rule};

/// The file that is read by default.
pub const NAME: &str = "devmedia.toml";

/// The content of the file, as typed.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Its path, if there is one.
    pub path: Option<PathBuf>,
    /// The settings at its top.
    pub top: Layer,
    pub mounts: Vec<FileMount>,
}

/// A `[[mount]]`.
#[derive(Debug)]
pub(super) struct FileMount {
    pub settings: Layer,
    pub access: Policy,
    pub rules: Vec<(Patterns, Rule)>,
}

impl File {
    /// Reads the file that `--config` names, or else the one in the working directory, if it exists.
    pub(super) fn read(flags: &Layer, problems: &mut Problems) -> Self {
        let named = flags.typed(&CONFIG);
        if flags.is_on(&NO_CONFIG, problems) {
            let by_flag = |typed: &Typed| typed.source == typed::Source::CommandLine;
            match (named.filter(|named| by_flag(named)), flags.typed(&NO_CONFIG).is_some_and(by_flag)) {
                (Some(named), true) => {
                    problems.usage(format!("{} contradicts --no-config; remove one of the two", named.shown));
                    return Self::default();
                }
                // the flag overrides the variable
                (Some(_), false) => {}
                (None, _) => return Self::default(),
            }
        }
        if let Some(named) = named.filter(|named| named.value.is_empty()) {
            problems.usage(format!(
                "{}: the name of the file is empty; write its path, or --no-config to read no file",
                named.shown
            ));
            return Self::default();
        }
        let path = named.map_or(Path::new(NAME), |named| Path::new(&named.value));
        let text = match (std::fs::read_to_string(path), named) {
            (Ok(text), _) => text,
            // a broken link is not a missing file: its access rules would silently disappear
            (Err(_), None) if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) => {
                return Self::default();
            }
            (Err(error), named) => {
                let shown = named.map_or_else(|| NAME.to_owned(), |typed| typed.shown.clone());
                problems.system(format!(
                    "{shown}: the configuration cannot be read: {error}. Write the path of a TOML file in UTF-8"
                ));
                return Self::default();
            }
        };
        let name = path.display().to_string();
        let source = Source { name: &name, text: &text };
        let table = match DeTable::parse(&text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                problems.usage(syntax_error(source, &error));
                return Self::default();
            }
        };
        let mut section = Section::new(source, name.clone(), table);
        let top = Layer::of_file(&mut section, &[Scope::Server, Scope::Mounts], problems);
        let mounts = section.sections("mount", "mount", problems);
        section.end(problems, |key, value| keys::advice(Place::Top, key, value));
        let mounts = mounts.into_iter().map(|section| FileMount::read(section, problems)).collect();
        Self { path: Some(path.to_owned()), top, mounts }
    }
}

fn syntax_error(source: Source<'_>, error: &toml::de::Error) -> String {
    let start = error.span().map(|span| span.start);
    let at = start.map_or(source.name.to_owned(), |start| source.at(start));
    let message = error.message().replace('\n', "; ");
    let line = start.and_then(|start| source.text.get(start..)?.lines().next()).unwrap_or_default();
    let advice = match message.contains("duplicate") {
        true if line.contains("mount.rule") || line.starts_with("[[mount") || line.starts_with("mount") => {
            Some("a [[mount.rule]] stands below its [[mount]]".to_owned())
        }
        true => Some("remove one of the two".to_owned()),
        false => start.and_then(|start| syntax::advice(source.text, start)),
    };
    match advice {
        Some(advice) => format!("{at}: this is not TOML ({message}); {advice}"),
        None => format!("{at}: this is not TOML: {message}"),
    }
}

impl FileMount {
    fn read(mut section: Section<'_>, problems: &mut Problems) -> Self {
        let settings = Layer::of_file(&mut section, &[Scope::FirstMount, Scope::FileMount, Scope::Mounts], problems);
        let (url, root) = (settings.typed(&URL), settings.typed(&ROOT));
        let missing = match (url, root) {
            (Some(_), Some(_)) => None,
            (None, Some(_)) => Some("url; write url = \"/media/\""),
            (Some(_), None) => Some("root; write root = \"./media\""),
            (None, None) => Some("url and no root; write url = \"/media/\" and root = \"./media\""),
        };
        if let Some(missing) = missing {
            problems.usage(format!("{}: this [[mount]] has no {missing}", section.at()));
        }
        let access = access::policy(&mut section, problems);
        let rules = access::rules(url.map(|typed| typed.value.as_str()), &mut section, problems);
        section.end(problems, |key, value| keys::advice(Place::Mount, key, value));
        Self { settings, access: access.unwrap_or(Policy::Public), rules }
    }
}
