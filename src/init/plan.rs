//! `Plan`: what `devmedia init` writes and prints.

use std::fmt;

/// The frameworks that are recognised, in the order of preference: one that stores uploads is preferred to one that only builds
/// pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Framework {
    Django,
    Rails,
    Laravel,
    Phoenix,
    FastApi,
    Flask,
    Go,
    Express,
    Next,
    Vite,
}

impl Framework {
    /// Whether it serves or builds pages, and usually stores no uploads.
    pub(super) fn is_for_pages(self) -> bool {
        matches!(self, Self::Next | Self::Vite)
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Django => "Django",
            Self::Rails => "Rails",
            Self::Laravel => "Laravel",
            Self::Phoenix => "Phoenix",
            Self::FastApi => "FastAPI",
            Self::Flask => "Flask",
            Self::Go => "Go",
            Self::Express => "Express",
            Self::Next => "Next",
            Self::Vite => "Vite",
        })
    }
}

/// A folder to serve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mount {
    /// The URL prefix.
    pub url: String,
    /// Relative to the project with `/`, or absolute.
    pub root: String,
    /// Where this was found, for the comment.
    pub why: String,
    /// Whether only the app hands out its files.
    pub internal: bool,
    /// Patterns of files that nobody may see, and the reason.
    pub denied: Vec<(&'static str, &'static str)>,
}

impl Mount {
    pub(super) fn new(url: impl Into<String>, root: impl Into<String>, why: impl Into<String>) -> Self {
        Self { url: url.into(), root: root.into(), why: why.into(), ..Self::default() }
    }
}

/// Lines to add to a file of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    /// The file.
    pub file: String,
    /// What they are for: `so that ...`.
    pub why: String,
    /// The lines.
    pub text: String,
}

impl Lines {
    pub(super) fn new(file: impl Into<String>, why: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), why: why.into(), text: text.into() }
    }
}

/// What to write and to print.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// The folders, at least one.
    pub mounts: Vec<Mount>,
    /// What the reader should know, a sentence each.
    pub notes: Vec<String>,
    /// What to add to the app.
    pub lines: Vec<Lines>,
    /// The command that starts the app; none if there is no app.
    pub command: Option<String>,
}

/// The last segment of a path.
pub(super) fn last_segment(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
