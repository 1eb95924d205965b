//! Rules by path: which policy judges it, and how it is served. The first rule that matches decides. Pure.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

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
/// A pattern is relative to the mount. `*` stays in its segment, `**` does not; a pattern without a slash matches names
/// at any depth, as in a `.gitignore`; what matches a folder's content matches the folder.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// As they were typed.
    text: Vec<String>,
    exact: GlobSet,
    /// Matches what a file system that does not tell case or Unicode form would take for a match.
    folded: GlobSet,
}

impl Patterns {
    /// Reads patterns as people type them; fails with what is wrong with one.
    pub fn parse<'a>(patterns: impl Iterator<Item = &'a str> + Clone) -> Result<Self, globset::Error> {
        let exact = set(patterns.clone().map(str::to_owned))?;
        let folded = set(patterns.clone().map(fold))?;
        Ok(Self { text: patterns.map(str::to_owned).collect(), exact, folded })
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text.join(" "))
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

    /// Whether one policy judges all paths.
    pub fn is_uniform(&self) -> bool {
        self.rules.iter().all(|(_, rule)| rule.access.is_none())
    }

    /// The rule that says how `path` is served.
    pub fn rule(&self, path: &MediaPath) -> Option<&Rule> {
        self.rule_of(path.as_bytes(), |patterns| &patterns.exact)
    }

    /// All policies that judge a file under any of its `paths`, each once: the one of the path as it is, and the one of
    /// the path as a file system reads it that tells neither case nor Unicode form.
    pub fn judges<'a>(&'a self, paths: impl Iterator<Item = &'a MediaPath>) -> Vec<&'a Policy> {
        let mut policies: Vec<&Policy> = Vec::with_capacity(1);
        let mut add = |policy: &'a Policy| {
            if !policies.iter().any(|known| std::ptr::eq(*known, policy)) {
                policies.push(policy);
            }
        };
        if self.is_uniform() {
            add(&self.default);
            return policies;
        }
        for path in paths {
            let folded = fold(&String::from_utf8_lossy(path.as_bytes()));
            add(self.policy(self.rule(path)));
            add(self.policy(self.rule_of(folded.as_bytes(), |patterns| &patterns.folded)));
        }
        policies
    }

    /// Whether the same policies judge two paths.
    pub fn judges_alike(&self, one: &MediaPath, other: &MediaPath) -> bool {
        let (one, other) = (self.judges(std::iter::once(one)), self.judges(std::iter::once(other)));
        one.len() == other.len() && one.iter().all(|policy| other.iter().any(|other| std::ptr::eq(*policy, *other)))
    }

    /// Whether everybody may see `path`.
    pub fn is_public(&self, path: &MediaPath) -> bool {
        self.judges(std::iter::once(path)).iter().all(|policy| policy.is_public())
    }

    /// Puts what the rule of a file says on its answer.
    ///
    /// A rule's Content-Security-Policy joins the sandbox of what can run script: with two, browsers obey both.
    pub fn dress(&self, path: &MediaPath, headers: &mut HeaderMap) {
        let Some(rule) = self.rule(path) else { return };
        if let Some(cache_control) = &rule.cache_control {
            headers.insert(header::CACHE_CONTROL, cache_control.clone());
        }
        if let Some(disposition) = rule.disposition {
            headers.insert(header::CONTENT_DISPOSITION, disposition.header(path.file_name()));
        }
        for (name, value) in &rule.fields {
            if name == header::CONTENT_SECURITY_POLICY {
                headers.append(name, value.clone());
            } else {
                headers.insert(name, value.clone());
            }
        }
    }

    fn policy<'a>(&'a self, rule: Option<&'a Rule>) -> &'a Policy {
        rule.and_then(|rule| rule.access.as_ref()).unwrap_or(&self.default)
    }

    fn rule_of(&self, path: &[u8], which: impl Fn(&Patterns) -> &GlobSet) -> Option<&Rule> {
        if self.rules.is_empty() {
            return None;
        }
        let path = Path::new(OsStr::from_bytes(path));
        self.rules.iter().find(|(patterns, _)| which(patterns).is_match(path)).map(|(_, rule)| rule)
    }
}

/// One spelling for what such a file system takes for the same.
fn fold(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests;
