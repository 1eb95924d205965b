//! What was typed in each layer: flags and their environment variables, a `[[mount]]` of the file, the file as a whole.
//! The earlier beats the later.

use super::problems::Problems;
use super::section::Section;
use super::typed::Typed;
use crate::cli::Args;

/// What is said of the server.
#[derive(Debug, Default)]
pub(super) struct General {
    pub listen: Vec<Typed>,
    pub allow_host: Vec<Typed>,
    pub allow_origin: Vec<Typed>,
    pub allow_project_root: Option<Typed>,
    pub types: Vec<Typed>,
    pub grace: Option<Typed>,
    pub poll: Option<Typed>,
    pub log_format: Option<Typed>,
    pub open: Option<Typed>,
}

impl General {
    pub(super) fn of_flags(args: &Args) -> Self {
        let one = |flag, value: &Option<String>| value.as_ref().map(|value| Typed::by_flag(args, flag, value));
        let all = |flag, values: &[String]| values.iter().map(|value| Typed::by_flag(args, flag, value)).collect();
        Self {
            listen: all("--listen", &args.listen),
            allow_host: all("--allow-host", &args.allow_host),
            allow_origin: all("--allow-origin", &args.allow_origin),
            allow_project_root: one("--allow-project-root", &args.allow_project_root),
            types: all("--type", &args.types),
            grace: one("--grace", &args.grace),
            poll: one("--poll", &args.poll),
            log_format: one("--log-format", &args.log_format),
            open: one("--open", &args.open),
        }
    }

    pub(super) fn of_file(section: &mut Section<'_>, problems: &mut Problems) -> Self {
        let types = section.pairs("type", problems).into_iter();
        Self {
            listen: section.texts("listen", problems),
            allow_host: section.texts("allow_host", problems),
            allow_origin: section.texts("allow_origin", problems),
            allow_project_root: section.text("allow_project_root", problems),
            types: types.map(|(extension, typed)| typed.part(&format!("{extension}={}", typed.value))).collect(),
            grace: section.text("grace", problems),
            poll: section.text("poll", problems),
            log_format: section.text("log_format", problems),
            open: section.text("open", problems),
        }
    }

    /// This layer on top of another.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            listen: first(self.listen, below.listen),
            allow_host: first(self.allow_host, below.allow_host),
            allow_origin: first(self.allow_origin, below.allow_origin),
            allow_project_root: self.allow_project_root.or(below.allow_project_root),
            // the later of two types of one extension counts
            types: [below.types, self.types].concat(),
            grace: self.grace.or(below.grace),
            poll: self.poll.or(below.poll),
            log_format: self.log_format.or(below.log_format),
            open: self.open.or(below.open),
        }
    }
}

/// What is said of a mount, or of all of them.
#[derive(Debug, Default, Clone)]
pub(super) struct Settings {
    pub no_index: Option<Typed>,
    pub hidden: Option<Typed>,
    pub follow_links: Option<Typed>,
    pub cache_control: Option<Typed>,
    pub upload: Option<Typed>,
    pub upload_to: Option<Typed>,
    pub max_upload: Option<Typed>,
    pub fallback_header: Vec<Typed>,
    pub fallback_store: Option<Typed>,
    pub fallback_max: Option<Typed>,
    pub fallback_refresh: Option<Typed>,
    pub fallback_query: Option<Typed>,
    pub placeholder: Option<Typed>,
}

impl Settings {
    /// `--upload` names mounts, and `--fallback` is about the first, so they are not among them ([`super::uploads`],
    /// [`super::mounts`]).
    pub(super) fn of_flags(args: &Args) -> Self {
        let one = |flag, value: &Option<String>| value.as_ref().map(|value| Typed::by_flag(args, flag, value));
        let all = |flag, values: &[String]| values.iter().map(|value| Typed::by_flag(args, flag, value)).collect();
        Self {
            no_index: one("--no-index", &args.no_index),
            hidden: one("--hidden", &args.hidden),
            follow_links: one("--follow-links", &args.follow_links),
            cache_control: one("--cache-control", &args.cache_control),
            upload: None,
            upload_to: one("--upload-to", &args.upload_to),
            max_upload: one("--max-upload", &args.max_upload),
            fallback_header: all("--fallback-header", &args.fallback_header),
            fallback_store: one("--fallback-store", &args.fallback_store),
            fallback_max: one("--fallback-max", &args.fallback_max),
            fallback_refresh: one("--fallback-refresh", &args.fallback_refresh),
            fallback_query: one("--fallback-query", &args.fallback_query),
            placeholder: one("--placeholder", &args.placeholder),
        }
    }

    pub(super) fn of_file(section: &mut Section<'_>, problems: &mut Problems) -> Self {
        Self {
            no_index: section.text("no_index", problems),
            hidden: section.text("hidden", problems),
            follow_links: section.text("follow_links", problems),
            cache_control: section.text("cache_control", problems),
            upload: section.text("upload", problems),
            upload_to: section.text("upload_to", problems),
            max_upload: section.text("max_upload", problems),
            fallback_header: section.texts("fallback_header", problems),
            fallback_store: section.text("fallback_store", problems),
            fallback_max: section.text("fallback_max", problems),
            fallback_refresh: section.text("fallback_refresh", problems),
            fallback_query: section.text("fallback_query", problems),
            placeholder: section.text("placeholder", problems),
        }
    }

    /// This layer on top of another.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            no_index: self.no_index.or(below.no_index),
            hidden: self.hidden.or(below.hidden),
            follow_links: self.follow_links.or(below.follow_links),
            cache_control: self.cache_control.or(below.cache_control),
            upload: self.upload.or(below.upload),
            upload_to: self.upload_to.or(below.upload_to),
            max_upload: self.max_upload.or(below.max_upload),
            fallback_header: first(self.fallback_header, below.fallback_header),
            fallback_store: self.fallback_store.or(below.fallback_store),
            fallback_max: self.fallback_max.or(below.fallback_max),
            fallback_refresh: self.fallback_refresh.or(below.fallback_refresh),
            fallback_query: self.fallback_query.or(below.fallback_query),
            placeholder: self.placeholder.or(below.placeholder),
        }
    }
}

fn first(above: Vec<Typed>, below: Vec<Typed>) -> Vec<Typed> {
    if above.is_empty() { below } else { above }
}
