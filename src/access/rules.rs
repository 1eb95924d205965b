//! Rules by path: which policies guard a path, and which header fields its files get. Pure.
//!
//! For each setting, the first matching rule that has the setting decides it. A rule about caching therefore never removes
//! the access control of a later rule.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use hyper::header::{self, HeaderMap, HeaderValue};
use unicode_normalization::UnicodeNormalization as _;

use super::Policy;
use crate::answer::disposition::Disposition;
use crate::request::path::MediaPath;
use crate::system;

/// The settings of a rule for the paths that it matches.
#[derive(Debug, Default)]
pub struct Rule {
    /// Who may see them; `None` leaves that to later rules and the mount.
    pub access: Option<Policy>,
    /// Their `Cache-Control`.
    pub cache_control: Option<HeaderValue>,
    /// Whether a browser shows them or downloads them.
    pub disposition: Option<Disposition>,
    /// Additional response header fields.
    pub fields: HeaderMap,
}

/// The patterns of one rule.
///
/// A pattern is relative to the mount. `*` matches within one segment, `**` matches any number of segments. A pattern without
/// a slash matches names at any depth. A pattern that matches a folder also matches everything in it, and `folder/**` also
/// matches the folder itself.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// As they were typed.
    text: Vec<String>,
    exact: GlobSet,
    /// Matches paths in the form of [`spelling`], for file systems that accept several spellings of one name.
    folded: GlobSet,
}

impl Patterns {
    /// Parses patterns.
    pub fn parse<'a>(patterns: impl Iterator<Item = &'a str> + Clone) -> Result<Self, PatternError> {
        patterns.clone().try_for_each(check)?;
        let exact = set(patterns.clone().map(str::to_owned))?;
        let folded = set(patterns.clone().map(pattern_spelling))?;
        Ok(Self { text: patterns.map(str::to_owned).collect(), exact, folded })
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.text.iter().map(|pattern| format!("{pattern:?}")).collect();
        f.pad(&quoted.join(", "))
    }
}

/// Why a text is not a pattern. `Display` is advice that follows the quoted text.
#[derive(Debug)]
pub enum PatternError {
    /// The text is empty, or only a slash.
    Empty,
    /// A segment is empty, `.` or `..`; no path has such a segment, so the pattern would never match.
    Segment,
    /// `**` next to other characters, where globset would treat it as two `*`.
    Stars,
    /// A leading `!`, which negates a pattern in a `.gitignore` but not here.
    Negated,
    /// Several patterns in one text, or leading or trailing spaces.
    Blanks,
    /// An error of globset.
    Glob(globset::Error),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty; write ** for everything in the mount",
            Self::Segment => "it has an empty segment, '.' or '..'; write private/**, relative to the mount",
            Self::Stars => "** must be a whole segment; write private/**/*.txt",
            Self::Negated => "patterns cannot be negated with '!'; put a rule with access = \"public\" before this one",
            Self::Blanks => {
                "it has spaces at the start or the end, or contains a list; write [\"a/**\", \"b/**\"] or {a,b}/**"
            }
            Self::Glob(error) => {
                return write!(f, "{}; write \\ before a character that is meant itself", error.kind());
            }
        })
    }
}

impl From<globset::Error> for PatternError {
    fn from(error: globset::Error) -> Self {
        Self::Glob(error)
    }
}

/// Refuses patterns that would never match although they look as if they did.
fn check(pattern: &str) -> Result<(), PatternError> {
    let segments = pattern.strip_prefix('/').unwrap_or(pattern);
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    // a group whose alternatives are all empty, such as {,}
    let is_empty_group = |segment: &str| {
        segment.starts_with('{') && segment.ends_with('}') && segment.trim_matches(['{', ',', '}']).is_empty()
    };
    if segments.is_empty() {
        Err(PatternError::Empty)
    } else if segments.split('/').any(|segment| matches!(segment, "" | "." | "..") || is_empty_group(segment)) {
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

/// A set of policies of one [`Access`], by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicySet(Vec<usize>);

impl PolicySet {
    fn add(&mut self, policy: usize) {
        if !self.0.contains(&policy) {
            self.0.push(policy);
        }
    }

    /// These policies and those of another set.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        other.0.iter().for_each(|policy| self.add(*policy));
        self
    }

    /// These policies without those of another set.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.0.retain(|policy| !other.0.contains(policy));
        self
    }
}

/// The rules of a mount, and the policy for paths that no rule matches.
#[derive(Debug, Default)]
pub struct Access {
    default: Policy,
    rules: Vec<(Patterns, Rule)>,
}

impl Access {
    /// Creates the access control of a mount from its policy and its rules.
    pub fn new(default: Policy, rules: Vec<(Patterns, Rule)>) -> Self {
        Self { default, rules }
    }

    /// The policy for paths that no rule matches.
    pub fn default_policy(&self) -> &Policy {
        &self.default
    }

    /// The rules in the order of the configuration.
    pub fn rules(&self) -> &[(Patterns, Rule)] {
        &self.rules
    }

    /// A short name for the landing page.
    pub fn name(&self) -> String {
        let with_rules = if self.is_uniform() { "" } else { ", with rules" };
        format!("{}{with_rules}", self.default.name())
    }

    /// Whether any policy restricts access.
    pub fn guards(&self) -> bool {
        let rules = self.rules.iter().filter_map(|(_, rule)| rule.access.as_ref());
        std::iter::once(&self.default).chain(rules).any(|policy| !policy.is_public())
    }

    /// Whether everybody may see all paths, so that no policy need be asked.
    pub fn is_open(&self) -> bool {
        self.default.is_public() && self.is_uniform()
    }

    /// Whether the same policy applies to all paths.
    pub fn is_uniform(&self) -> bool {
        self.rules.iter().all(|(_, rule)| rule.access.is_none())
    }

    /// All policies that guard a file under any of its `paths`. Each path is matched twice: as it is, and as a file system
    /// reads it that ignores case, Unicode normalization and the other differences that [`spelling`] removes.
    pub fn guarding<'p>(&self, paths: impl IntoIterator<Item = &'p MediaPath>) -> PolicySet {
        let mut policies = PolicySet::default();
        if self.is_uniform() {
            policies.add(DEFAULT);
            return policies;
        }
        for path in paths {
            let decides = |(_, rule): &(usize, &Rule)| rule.access.is_some();
            let exact = self.exact(path).find(decides);
            let folded = self.folded(path).find(decides);
            for policy in [exact, folded] {
                policies.add(policy.map_or(DEFAULT, |(place, _)| place));
            }
        }
        policies
    }

    /// The policies in a set.
    pub fn policies<'a>(&'a self, set: &'a PolicySet) -> impl Iterator<Item = &'a Policy> {
        set.0.iter().map(|place| match place.checked_sub(1).and_then(|rule| self.rules.get(rule)) {
            Some((_, rule)) => rule.access.as_ref().unwrap_or(&self.default),
            None => &self.default,
        })
    }

    /// Like [`Access::guarding`], but returns the policies themselves, each once.
    pub fn policies_for<'p>(&self, paths: impl Iterator<Item = &'p MediaPath>) -> Vec<&Policy> {
        let set = self.guarding(paths);
        let all = std::iter::once(&self.default).chain(self.rules.iter().filter_map(|(_, rule)| rule.access.as_ref()));
        let wanted: Vec<*const Policy> = self.policies(&set).map(std::ptr::from_ref).collect();
        all.filter(|policy| wanted.contains(&std::ptr::from_ref(*policy))).collect()
    }

    /// The policies that the owner of the files passes: all but `deny`, which holds for everybody.
    pub fn owner(&self) -> PolicySet {
        let rules = self.rules.iter().map(|(_, rule)| rule.access.as_ref());
        let all = std::iter::once(Some(&self.default)).chain(rules).enumerate();
        let passed = all.filter(|(_, policy)| policy.is_some_and(|policy| !matches!(policy, Policy::Deny)));
        PolicySet(passed.map(|(place, _)| place).collect())
    }

    /// True if passing `passed` implies access to everything `required` guards.
    pub fn implies(&self, passed: &PolicySet, required: &PolicySet) -> bool {
        self.policies(&required.clone().without(passed)).all(Policy::is_public)
    }

    /// The rules that match `path` as it is, in order, with the indices of their policies.
    fn exact<'a>(&'a self, path: &MediaPath) -> impl Iterator<Item = (usize, &'a Rule)> + use<'a> {
        // the root is the empty path, not `.`, which `?` and `.*` would match
        let path = system::name(path.as_bytes()).into_owned();
        self.matching(move |patterns| patterns.exact.is_match(&path))
    }

    /// The rules that match `path` or another spelling of it, in order.
    fn folded<'a>(&'a self, path: &MediaPath) -> impl Iterator<Item = (usize, &'a Rule)> + use<'a> {
        let path = spelling(&String::from_utf8_lossy(path.as_bytes()));
        self.matching(move |patterns| patterns.folded.is_match(&path))
    }

    fn matching<'a>(&'a self, matches: impl Fn(&Patterns) -> bool + 'a) -> impl Iterator<Item = (usize, &'a Rule)> {
        let matching = self.rules.iter().enumerate().filter(move |(_, (patterns, _))| matches(patterns));
        matching.map(|(place, (_, rule))| (place + 1, rule))
    }

    /// Whether everybody may see `path`.
    pub fn is_public(&self, path: &MediaPath) -> bool {
        self.policies(&self.guarding([path])).all(Policy::is_public)
    }

    /// Adds the header fields that the rules set for `path`. The first matching rule that has a setting decides it.
    ///
    /// A rule's Content-Security-Policy is added to the sandbox policy of files that can run scripts, and does not replace
    /// it: browsers enforce both.
    pub fn apply_headers(&self, path: &MediaPath, headers: &mut HeaderMap) {
        if self.rules.is_empty() {
            return;
        }
        // media types by extension ignore case as well
        if let Some(cache_control) = self.folded(path).find_map(|(_, rule)| rule.cache_control.as_ref()) {
            headers.insert(header::CACHE_CONTROL, cache_control.clone());
        }
        if let Some(disposition) = self.folded(path).find_map(|(_, rule)| rule.disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition.header(path.file_name()));
        }
        let fields = self.folded(path).map(|(_, rule)| &rule.fields).find(|fields| !fields.is_empty());
        for (name, value) in fields.into_iter().flatten() {
            if name == header::CONTENT_SECURITY_POLICY {
                headers.append(name, value.clone());
            } else {
                headers.insert(name, value.clone());
            }
        }
    }
}

/// The index of the mount's own policy; the policies of the rules follow it.
const DEFAULT: usize = 0;

/// Maps all spellings that some file system treats as the same path to one text. It ignores case and Unicode normalization
/// (APFS, HFS+, NTFS, ext4 with casefold), dots and spaces at the end of a name (VFAT, NTFS), and invisible characters (ext4,
/// HFS+).
pub fn spelling(path: &str) -> String {
    let visible: String = path.chars().filter(|c| !is_ignorable(*c)).collect();
    let names = visible.split('/').map(|name| match name.trim_end_matches(['.', ' ']) {
        // "..." is a valid name
        "" => name,
        short => short,
    });
    fold(&names.collect::<Vec<_>>().join("/"))
}

/// Like [`spelling`], for a pattern. Escaped characters are kept.
fn pattern_spelling(pattern: &str) -> String {
    let visible: String = pattern.chars().filter(|c| !is_ignorable(*c)).collect();
    let names = visible.split('/').map(|name| match name.trim_end_matches(['.', ' ']) {
        short if short.is_empty() || short.ends_with('\\') => name,
        short => short,
    });
    fold(&names.collect::<Vec<_>>().join("/"))
}

/// Unicode's `Default_Ignorable_Code_Point`, which `NFKC_Casefold` removes (Unicode 16, `DerivedCoreProperties.txt`).
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Folds case and Unicode normalization.
///
/// Goes through upper case, so that letters with two lowercase forms (`ß` and `ss`, `ſ`, `ς`) become equal.
fn fold(text: &str) -> String {
    let upper = text.nfc().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests;
