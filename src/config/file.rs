//! `devmedia.toml`: what flags cannot carry. Flags and environment beat it; an unknown key in it is a problem.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::access;
use super::layers::{General, Settings};
use super::problems::Problems;
use super::section::{Section, Source};
use super::typed::Typed;
use crate::access::Policy;
use crate::access::rules::{Patterns, Rule};
use crate::cli::Args;

/// The file that is read without being asked for.
pub const NAME: &str = "devmedia.toml";

/// What the file says, as typed.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Its path, if there is one.
    pub path: Option<PathBuf>,
    pub general: General,
    /// For all mounts that do not say otherwise.
    pub settings: Settings,
    pub mounts: Vec<FileMount>,
}

/// A `[[mount]]`.
#[derive(Debug)]
pub(super) struct FileMount {
    pub url: Option<Typed>,
    pub root: Option<Typed>,
    pub fallback: Option<Typed>,
    pub settings: Settings,
    pub access: Policy,
    pub rules: Vec<(Patterns, Rule)>,
}

impl File {
    /// Reads the file that was named, else the one in the working directory if it is there.
    pub(super) fn read(args: &Args, problems: &mut Problems) -> Self {
        let (path, named) = match args.config.as_ref().filter(|named| !named.is_empty()) {
            Some(named) => (Path::new(named), Some(Typed::by_flag(args, "--config", named))),
            None => (Path::new(NAME), None),
        };
        let text = match (std::fs::read_to_string(path), named) {
            (Ok(text), _) => text,
            // a link that leads nowhere is no file that is not there: its guards would vanish with it
            (Err(_), None) if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) => {
                return Self::default();
            }
            (Err(error), named) => {
                let shown = named.map_or_else(|| NAME.to_owned(), |typed| typed.shown);
                problems.system(format!(
                    "{shown}: the configuration cannot be read: {error}. It is a file of TOML in UTF-8"
                ));
                return Self::default();
            }
        };
        let name = path.display().to_string();
        let source = Source { name: &name, text: &text };
        let table = match DeTable::parse(&text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let at = error.span().map_or(name.clone(), |span| source.at(span.start));
                let message = error.message().replace('\n', "; ");
                let hint =
                    if message.contains("duplicate") { "; a [[mount.rule]] stands below its [[mount]]" } else { "" };
                problems.usage(format!("{at}: this is not TOML: {message}{hint}"));
                return Self::default();
            }
        };
        let mut section = Section::new(source, name.clone(), table);
        let general = General::of_file(&mut section, problems);
        let settings = Settings::of_file(&mut section, problems);
        let mounts = section.sections("mount", "mount", problems);
        section.end(problems, |key| match key {
            "debug" => Some("a file that is deployed by accident must not say yes: write --debug, or set DEBUG=1"),
            "url" | "root" | "fallback" | "access" | "rule" => Some("it belongs to a mount; write it below [[mount]]"),
            _ => None,
        });
        let mounts = mounts.into_iter().map(|section| FileMount::read(section, problems)).collect();
        Self { path: Some(path.to_owned()), general, settings, mounts }
    }
}

impl FileMount {
    fn read(mut section: Section<'_>, problems: &mut Problems) -> Self {
        let (url, root) = (section.text("url", problems), section.text("root", problems));
        let missing = [("url", &url), ("root", &root)].into_iter().filter(|(_, value)| value.is_none());
        let missing: Vec<&str> = missing.map(|(key, _)| key).collect();
        if !missing.is_empty() {
            problems.usage(format!("{}: this [[mount]] has no {}", section.at(), missing.join(" and no ")));
        }
        let fallback = section.text("fallback", problems);
        let settings = Settings::of_file(&mut section, problems);
        let access = access::policy(&mut section, problems);
        let rules = access::rules(url.as_ref().map(|typed| typed.value.as_str()), &mut section, problems);
        section.end(problems, |_| None);
        Self { url, root, fallback, settings, access: access.unwrap_or(Policy::Public), rules }
    }
}
