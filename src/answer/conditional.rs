//! Conditional requests (RFC 9110 section 13).

use httpdate::HttpDate;
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::storage::entity::Entity;

/// The result of a request's preconditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Continue as if there were none.
    Holds,
    /// The client has this representation: 304.
    NotModified,
    /// The client wanted another state of the file: 412.
    Failed,
}

/// Evaluates the preconditions in the order of RFC 9110 section 13.2.2, steps 1 to 4.
pub fn evaluate(method: &Method, headers: &HeaderMap, entity: &Entity) -> Precondition {
    let safe = matches!(*method, Method::GET | Method::HEAD);
    let modified = entity.last_modified.as_ref().map(|modified| modified.date);

    if headers.contains_key(header::IF_MATCH) {
        // 13.1.1
        if !any_tag(headers, header::IF_MATCH, entity, Comparison::Strong) {
            return Precondition::Failed;
        }
    } else if let Some(since) = date(headers, header::IF_UNMODIFIED_SINCE) {
        // 13.1.4: ignored if the file has no date. A file that has neither a date nor a tag was changed a moment ago, and that
        // change must not be overwritten
        let is_fresh = modified.is_none() && entity.etag.is_none();
        if modified.is_some_and(|modified| modified > since) || (is_fresh && !safe) {
            return Precondition::Failed;
        }
    }

    if headers.contains_key(header::IF_NONE_MATCH) {
        // 13.1.2: the date is ignored
        if any_tag(headers, header::IF_NONE_MATCH, entity, Comparison::Weak) {
            return if safe { Precondition::NotModified } else { Precondition::Failed };
        }
    } else if let (true, Some(since)) = (safe, date(headers, header::IF_MODIFIED_SINCE)) {
        // 13.1.3
        if modified.is_some_and(|modified| modified <= since) {
            return Precondition::NotModified;
        }
    }

    Precondition::Holds
}

/// The same for a missing file: `If-Match` requires that it exists (RFC 9110 section 13.1.1), also as `*`; every other
/// condition holds.
pub fn evaluate_missing(headers: &HeaderMap) -> Precondition {
    if headers.contains_key(header::IF_MATCH) { Precondition::Failed } else { Precondition::Holds }
}

/// The `Range` field, if it applies: GET only (section 14.2), one line, and `If-Range` (section 13.1.5, step 5 of
/// section 13.2.2) confirms that the file is still the one of which the client has a part.
pub fn range<'a>(method: &Method, headers: &'a HeaderMap, entity: &Entity) -> Option<&'a HeaderValue> {
    if method != Method::GET {
        return None;
    }
    let range = only(headers, header::RANGE)?;
    if headers.contains_key(header::IF_RANGE) {
        let validator = only(headers, header::IF_RANGE)?.as_bytes();
        let current = match Tag::parse(validator) {
            Some((tag, b"")) => entity.etag.as_ref().is_some_and(|etag| tag.fits(etag, Comparison::Strong)),
            _ => entity.last_modified.as_ref().is_some_and(|modified| http_date(validator) == Some(modified.date)),
        };
        if !current {
            return None;
        }
    }
    Some(range)
}

/// An entity tag as a client sent it (RFC 9110 section 8.8.3), including the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Parses one tag at the start; returns it and the rest.
    fn parse(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, text) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let inside = text.strip_prefix(b"\"")?;
        let close = inside.iter().position(|&b| b == b'"')?;
        let (opaque, rest) = text.split_at(close + 2);
        // etagc: no controls, no space
        if opaque.iter().any(|&b| b <= b' ' || b == 0x7f) {
            return None;
        }
        Some((Self { weak, opaque }, rest))
    }

    fn fits(self, etag: &HeaderValue, comparison: Comparison) -> bool {
        let strong_enough = comparison == Comparison::Weak || !self.weak;
        strong_enough && self.opaque == etag.as_bytes()
    }
}

/// Section 8.8.3.2; our own tags are never weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of tags, over all lines of the header, contains one that matches, or is `*` (the file exists).
/// The rest of a line after a malformed member is ignored.
fn any_tag(headers: &HeaderMap, name: HeaderName, entity: &Entity, comparison: Comparison) -> bool {
    headers.get_all(name).iter().any(|line| {
        let mut rest = line.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        loop {
            // section 5.6.1.2: empty elements are ignored
            while let [b',' | b' ' | b'\t', after @ ..] = rest {
                rest = after;
            }
            let Some((tag, after)) = Tag::parse(rest) else { return false };
            if entity.etag.as_ref().is_some_and(|etag| tag.fits(etag, comparison)) {
                return true;
            }
            rest = after;
        }
    })
}

/// A date field with one line and one valid date (sections 13.1.3 and 13.1.4: else it is ignored).
fn date(headers: &HeaderMap, name: HeaderName) -> Option<HttpDate> {
    http_date(only(headers, name)?.as_bytes())
}

fn http_date(text: &[u8]) -> Option<HttpDate> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;
