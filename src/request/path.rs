//! `MediaPath`: the path that a request asks for, decoded once.
//!
//! Every decision (mounts, hidden names, access, the file system) is made about this value and never about the text it came
//! from, so no other spelling of a path can slip past a rule.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::system;

/// RFC 3986 section 2.3: the unreserved characters stand for themselves, all else is escaped. Stricter than a path
/// needs; it makes the output safe in an attribute, a header and a shell, and a `:` cannot pass for a scheme.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How the names of devmedia's own files start: uploads that are not complete. Nothing under such a name is ever served.
pub const OWN: &str = ".devmedia-";

/// Whether a name is one of devmedia's own, in upper or lower case: some file systems ignore case.
pub fn is_own(name: &[u8]) -> bool {
    name.get(..OWN.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN.as_bytes()))
}

/// A relative path that is safe to look up beneath a root.
///
/// The proof it carries: no segment is empty, `.` or `..`, none holds a NUL or a `/`. Segments are bytes, not UTF-8
/// (Unix names are bytes). No segments at all is the top itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MediaPath {
    /// Segments joined by single slashes, none at either end.
    bytes: Vec<u8>,
    /// The text ended in a slash (or a `.` segment): it asked for a directory.
    slash: bool,
}

/// Why a target is not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// A NUL byte, which no file name can hold.
    Nul,
    /// A `..` segment. Refused rather than resolved: no browser sends one, and each way of resolving it has been a hole.
    Parent,
}

impl MediaPath {
    /// The top of a mount.
    pub fn top() -> Self {
        Self { bytes: Vec::new(), slash: true }
    }

    /// Decodes a request target (RFC 3986 section 2.1), exactly once.
    ///
    /// The target ends at the first `?` or `#`. Malformed escapes stay literal, `%2F` separates like `/`, a backslash
    /// is an ordinary character. Empty and `.` segments collapse, as in nginx and Django.
    pub fn parse(target: &[u8]) -> Result<Self, PathError> {
        let end = target.iter().position(|b| matches!(b, b'?' | b'#'));
        let mut bytes = Vec::with_capacity(target.len());
        let mut slash = true;
        let decoded = percent_decode(&target[..end.unwrap_or(target.len())]);
        let decoded: Cow<[u8]> = decoded.into();
        for segment in decoded.split(|&b| b == b'/') {
            match segment {
                b"" | b"." => slash = true,
                b".." => return Err(PathError::Parent),
                name if name.contains(&0) => return Err(PathError::Nul),
                name => {
                    if !bytes.is_empty() {
                        bytes.push(b'/');
                    }
                    bytes.extend_from_slice(name);
                    slash = false;
                }
            }
        }
        Ok(Self { bytes, slash })
    }

    /// The path without the leading `prefix`, matched by whole segments; `None` if it is not below it.
    pub fn strip(&self, prefix: &MediaPath) -> Option<MediaPath> {
        let rest = self.bytes.strip_prefix(prefix.bytes.as_slice())?;
        let rest = match rest {
            _ if prefix.is_top() => rest,
            [] => rest,
            [b'/', rest @ ..] => rest,
            _ => return None,
        };
        Some(Self { bytes: rest.to_vec(), slash: self.slash })
    }

    /// This path with one more segment, for a listing or a suggestion.
    ///
    /// `name` comes from the file system: it contains neither `/` nor NUL and is neither `.` nor `..`.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> MediaPath {
        debug_assert!(!name.contains(&b'/') && !matches!(name, b"" | b"." | b".."));
        let mut bytes = self.bytes.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        let slash = false;
        Self { bytes, slash }
    }

    /// The same path with or without a trailing slash, which asks for a directory.
    #[must_use]
    pub fn with_slash(&self, slash: bool) -> MediaPath {
        let bytes = self.bytes.clone();
        Self { bytes, slash }
    }

    /// The first `count` segments, as a directory.
    #[must_use]
    pub fn head(&self, count: usize) -> MediaPath {
        let bytes = self.segments().take(count).collect::<Vec<_>>().join(&b'/');
        Self { bytes, slash: true }
    }

    /// The path with backslashes read as separators, for URLs built on Windows; `None` if it has no backslash.
    pub fn with_backslashes_turned(&self) -> Option<MediaPath> {
        if !self.bytes.contains(&b'\\') {
            return None;
        }
        let turned = |b: &u8| if *b == b'\\' { b'/' } else { *b };
        let encoded = percent_encode(&self.bytes.iter().map(turned).collect::<Vec<_>>(), NON_ALPHANUMERIC).to_string();
        Self::parse(encoded.as_bytes()).ok()
    }

    /// The segments, top first.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&b| b == b'/').filter(|segment| !segment.is_empty())
    }

    /// Whether this is the top of the mount.
    pub fn is_top(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the text ended in a slash, and so asked for a directory.
    pub fn has_slash(&self) -> bool {
        self.slash
    }

    /// Whether any segment starts with a dot.
    pub fn is_hidden(&self) -> bool {
        self.segments().any(|segment| segment.starts_with(b"."))
    }

    /// Whether any segment is a name of devmedia's own.
    pub fn is_own(&self) -> bool {
        self.segments().any(is_own)
    }

    /// The folder that contains it; the top is its own parent.
    #[must_use]
    pub fn parent(&self) -> MediaPath {
        self.head(self.segments().count().saturating_sub(1))
    }

    /// The last segment; empty at the top.
    pub fn file_name(&self) -> &[u8] {
        self.segments().last().unwrap_or_default()
    }

    /// The segments, joined by single slashes; empty at the top.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// For the file system: relative, `.` at the top.
    pub fn as_path(&self) -> Cow<'_, Path> {
        match system::name(if self.bytes.is_empty() { b"." } else { &self.bytes }) {
            Cow::Borrowed(name) => Cow::Borrowed(Path::new(name)),
            Cow::Owned(name) => Cow::Owned(name.into()),
        }
    }

    /// Percent-encoded for a URL, without a leading slash; `parse` gives the same path back.
    pub fn to_url(&self) -> String {
        let mut url = String::with_capacity(self.bytes.len() + 1);
        for segment in self.segments() {
            if !url.is_empty() {
                url.push('/');
            }
            url.extend(percent_encode(segment, UNRESERVED));
        }
        if self.slash && !url.is_empty() {
            url.push('/');
        }
        url
    }
}

/// For people and logs: bytes that are not UTF-8 are shown as U+FFFD. See [`Visible`].
impl fmt::Display for MediaPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Visible(&String::from_utf8_lossy(&self.bytes)).fmt(f)?;
        if self.slash && !self.is_top() {
            f.write_str("/")?;
        }
        Ok(())
    }
}

/// Text that cannot affect the terminal or the page that shows it: control characters, line separators and
/// marks that change the writing direction are escaped (`\n`, `\u{202e}`).
#[derive(Debug, Clone, Copy)]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(acts) {
            match part.chars().next_back().filter(|&last| acts(last)) {
                Some(last) => write!(f, "{}{}", &part[..part.len() - last.len_utf8()], last.escape_default())?,
                None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for MediaPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Percent-encodes one name for a URL's path.
pub fn encode_segment(name: &[u8]) -> String {
    // quicker than its `Display`
    percent_encode(name, UNRESERVED).collect()
}

#[cfg(test)]
mod tests;
