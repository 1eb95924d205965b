//! Rules by path: which policy judges it, and how it is served. Pure.
//!
//! Of the rules that match, the first that says something of a matter decides it. A rule about caching can thus not lift
//! the guard that a later one sets.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use hyper::header::{self, HeaderMap, HeaderValue};
use unicode_normalization::UnicodeNormalization as _;

use super::Policy;
use crate::answer::disposition::Disposition;
use crate::request::path::MediaPath;

/// What a rule says of the paths that it matches.
#[derive(Debug, Default)]
pub struct Rule {
    /// Who may see them, where that is not as in the mount as a whole.
    pub access: Option<Policy>,
    /// Their `Cache-Control`.
    pub cache_control: Option<HeaderValue>,
    /// What a browser is to do with them.
    pub disposition: Option<Disposition>,
    /// Fields of their own.
    pub fields: HeaderMap,
}

/// The patterns of one rule.
///
/// A pattern is relative to the mount. `*` stays in its segment, `**` does not. A pattern without a slash matches names at
/// any depth; a folder that matches does so with all that is in it, and `folder/**` is the folder, too.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// As they were typed.
    text: Vec<String>,
    exact: GlobSet,
    /// Matches what a file system that does not tell case or Unicode form would take for a match.
    folded: GlobSet,
}

impl Patterns {
    /// Reads patterns as people type them.
    pub fn parse<'a>(patterns: impl Iterator<Item = &'a str> + Clone) -> Result<Self, PatternError> {
        patterns.clone().try_for_each(check)?;
        let exact = set(patterns.clone().map(str::to_owned))?;
        let folded = set(patterns.clone().map(fold))?;
        Ok(Self { text: patterns.map(str::to_owned).collect(), exact, folded })
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.text.iter().map(|pattern| format!("{pattern:?}")).collect();
        f.pad(&quoted.join(", "))
    }
}

/// Why a text is no pattern. `Display` is advice, to be read after the text.
#[derive(Debug)]
pub enum PatternError {
    /// Nothing, or only a slash.
    Empty,
    /// What can match nothing: no path has such a segment.
    Segment,
    /// `**` beside other characters, which is a `*` twice.
    Stars,
    /// A `!`, which negates in a `.gitignore` only.
    Negated,
    /// Several patterns in one text, or blanks at an end.
    Blanks,
    /// What globset says.
    Glob(globset::Error),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty; write ** for everything in the mount",
            Self::Segment => "it has an empty segment, '.' or '..'; write private/**, relative to the mount",
            Self::Stars => "** is a segment of its own; write private/**/*.txt",
            Self::Negated => "there is no '!'; put a rule with access = \"public\" before this one",
            Self::Blanks => "it has blanks at an end, or a list in it; write [\"a/**\", \"b/**\"] or {a,b}/**",
            Self::Glob(error) => return error.fmt(f),
        })
    }
}

impl From<globset::Error> for PatternError {
    fn from(error: globset::Error) -> Self {
        Self::Glob(error)
    }
}

/// Refuses what would guard nothing although it looks as if it did.
fn check(pattern: &str) -> Result<(), PatternError> {
    let segments = pattern.strip_prefix('/').unwrap_or(pattern);
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    if segments.is_empty() {
        Err(PatternError::Empty)
    } else if segments.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        Err(PatternError::Segment)
    } else if segments.split('/').any(|segment| segment != "**" && segment.contains("**")) {
        Err(PatternError::Stars)
    } else if pattern.starts_with('!') {
        Err(PatternError::Negated)
    } else if pattern.trim() != pattern || pattern.contains(", ") {
        Err(PatternError::Blanks)
    } else {
        Ok(())
    }
}

fn set(patterns: impl Iterator<Item = String>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let anchored = pattern.strip_prefix('/').unwrap_or(&pattern);
        let is_name = !pattern.trim_end_matches('/').contains('/');
        let anchored = if is_name { format!("**/{anchored}") } else { anchored.to_owned() };
        let folder = anchored.strip_suffix("/**").unwrap_or(&anchored).trim_end_matches('/');
        for pattern in [folder, &format!("{folder}/**")] {
            set.add(GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?);
        }
    }
    set.build()
}

/// The rules of a mount, and the policy of what none of them matches.
#[derive(Debug, Default)]
pub struct Access {
    default: Policy,
    rules: Vec<(Patterns, Rule)>,
}

impl Access {
    /// Puts a mount's policy and its rules together.
    pub fn new(default: Policy, rules: Vec<(Patterns, Rule)>) -> Self {
        Self { default, rules }
    }

    /// The policy of what no rule matches.
    pub fn default_policy(&self) -> &Policy {
        &self.default
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[(Patterns, Rule)] {
        &self.rules
    }

    /// In a word or two, for the landing page.
    pub fn name(&self) -> String {
        let with_rules = if self.is_uniform() { "" } else { ", with rules" };
        format!("{}{with_rules}", self.default.name())
    }

    /// Whether it keeps anybody from anything.
    pub fn guards(&self) -> bool {
        let rules = self.rules.iter().filter_map(|(_, rule)| rule.access.as_ref());
        std::iter::once(&self.default).chain(rules).any(|policy| !policy.is_public())
    }

    /// Whether one policy judges all paths.
    pub fn is_uniform(&self) -> bool {
        self.rules.iter().all(|(_, rule)| rule.access.is_none())
    }

    /// All policies that judge a file under any of its `paths`, each once: the one of the path as it is, and the one of
    /// the path as a file system reads it that tells neither case nor Unicode form.
    pub fn policies_for<'p>(&self, paths: impl Iterator<Item = &'p MediaPath>) -> Vec<&Policy> {
        if self.is_uniform() {
            return vec![&self.default];
        }
        let mut policies = Vec::with_capacity(1);
        for path in paths {
            let exact = self.exact(path).find_map(|rule| rule.access.as_ref());
            let folded = self.folded(path).find_map(|rule| rule.access.as_ref());
            for policy in [exact, folded].map(|policy| policy.unwrap_or(&self.default)) {
                if !is_among(policy, &policies) {
                    policies.push(policy);
                }
            }
        }
        policies
    }

    /// The rules that match `path` as it is, in their order.
    fn exact<'a>(&'a self, path: &MediaPath) -> impl Iterator<Item = &'a Rule> + use<'a> {
        // the top is the empty path, not `.`, which `?` and `.*` would match
        let path = OsStr::from_bytes(path.as_bytes()).to_owned();
        let matching = move |(patterns, _): &&(Patterns, Rule)| patterns.exact.is_match(&path);
        self.rules.iter().filter(matching).map(|(_, rule)| rule)
    }

    /// The rules that match `path` where case and Unicode form are not told, in their order.
    fn folded<'a>(&'a self, path: &MediaPath) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let path = fold(&String::from_utf8_lossy(path.as_bytes()));
        let matching = move |(patterns, _): &&(Patterns, Rule)| patterns.folded.is_match(&path);
        self.rules.iter().filter(matching).map(|(_, rule)| rule)
    }

    /// Whether everybody may see `path`.
    pub fn is_public(&self, path: &MediaPath) -> bool {
        self.policies_for(std::iter::once(path)).iter().all(|policy| policy.is_public())
    }

    /// Puts what the rules say of a file on its answer: of each thing, what the first rule says that says any.
    ///
    /// A rule's Content-Security-Policy joins the sandbox of what can run script: with two, browsers obey both.
    pub fn apply_headers(&self, path: &MediaPath, headers: &mut HeaderMap) {
        if self.rules.is_empty() {
            return;
        }
        // types by extension tell no case either
        if let Some(cache_control) = self.folded(path).find_map(|rule| rule.cache_control.as_ref()) {
            headers.insert(header::CACHE_CONTROL, cache_control.clone());
        }
        if let Some(disposition) = self.folded(path).find_map(|rule| rule.disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition.header(path.file_name()));
        }
        let fields = self.folded(path).map(|rule| &rule.fields).find(|fields| !fields.is_empty());
        for (name, value) in fields.into_iter().flatten() {
            if name == header::CONTENT_SECURITY_POLICY {
                headers.append(name, value.clone());
            } else {
                headers.insert(name, value.clone());
            }
        }
    }
}

/// Whether a policy is one of these, not merely one like it.
fn is_among(policy: &Policy, policies: &[&Policy]) -> bool {
    policies.iter().any(|known| std::ptr::eq(*known, policy))
}

/// True if passing `passed` implies access to everything `required` guards.
pub fn implies(passed: &[&Policy], required: &[&Policy]) -> bool {
    required.iter().all(|policy| policy.is_public() || is_among(policy, passed))
}

/// One spelling for what such a file system takes for the same.
///
/// By way of upper case, so that the letters which have two small forms (`ß` and `ss`, `ſ`, `ς`) are one.
fn fold(text: &str) -> String {
    let upper = text.nfc().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests;
