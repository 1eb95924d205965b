//! The `Range` header (RFC 9110 section 14).

use crate::storage::byte_range::ByteRange;

/// The maximum number of parts. A request for more parts after coalescing gets the whole file (RFC 9110 section 17.15).
const MAX_PARTS: usize = 16;

/// Ranges closer than this are combined: the header lines of a part cost about as much.
const GAP: u64 = 80;

/// The parts of a file that a `Range` header requests.
#[derive(Debug, PartialEq, Eq)]
pub enum Requested {
    /// The whole file: the header is ignored, because it is malformed, has another unit, requests too much, or the file
    /// is empty.
    Whole,
    /// One part, or several in the requested order.
    Parts(Vec<ByteRange>),
    /// Only bytes that the file does not have: 416.
    Unsatisfiable,
}

/// Parses a `Range` header for a file of `len` bytes (RFC 9110 sections 14.1.1, 14.1.2 and 14.2).
///
/// A malformed set is ignored as a whole. Parts that overlap or almost touch are coalesced (section 15.3.7.2), and a
/// set that requests more bytes than the file has gets the whole file. So a response is never larger than the file
/// (CVE-2011-3192, CVE-2025-62727).
pub fn requested(field: &[u8], len: u64) -> Requested {
    let Some(specs) = parse(field) else {
        return Requested::Whole;
    };
    if len == 0 {
        return Requested::Whole;
    }
    let parts: Vec<ByteRange> = specs.iter().filter_map(|spec| spec.within(len)).collect();
    if parts.is_empty() {
        return Requested::Unsatisfiable;
    }
    let asked = parts.iter().map(|part| part.len()).try_fold(0, u64::checked_add);
    if asked.is_none_or(|asked| asked > len) {
        return Requested::Whole;
    }
    let parts = coalesce(parts);
    if parts.len() > MAX_PARTS {
        return Requested::Whole;
    }
    Requested::Parts(parts)
}

/// `int-range` or `suffix-range`, before the file's length is known.
#[derive(Debug, Clone, Copy)]
enum Spec {
    From { first: u64, last: u64 },
    Suffix(u64),
}

impl Spec {
    /// The satisfiable part, clamped to the file.
    fn within(self, len: u64) -> Option<ByteRange> {
        let (start, end) = match self {
            Spec::From { first, last } => (first, last.saturating_add(1).min(len)),
            Spec::Suffix(count) => (len.saturating_sub(count), len),
        };
        (start < end).then_some(ByteRange { start, end })
    }
}

/// `bytes=` and a list with at least one element; empty elements are allowed (RFC 9110 section 5.6.1.2).
fn parse(field: &[u8]) -> Option<Vec<Spec>> {
    let field = std::str::from_utf8(field).ok()?;
    let (unit, set) = field.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let members = set.split(',').map(|member| member.trim_matches([' ', '\t']));
    let specs: Vec<Spec> = members.filter(|member| !member.is_empty()).map(spec).collect::<Option<_>>()?;
    (!specs.is_empty()).then_some(specs)
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", suffix) => Some(Spec::Suffix(number(suffix)?)),
        (first, "") => Some(Spec::From { first: number(first)?, last: u64::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From { first, last })
        }
    }
}

/// Digits only; a number too large for any file counts as the largest (RFC 9110 section 14.1.1 sets no limit).
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Merges ranges that overlap or almost touch; a merged range has the position of its first one.
fn coalesce(parts: Vec<ByteRange>) -> Vec<ByteRange> {
    let mut by_start: Vec<(usize, ByteRange)> = parts.into_iter().enumerate().collect();
    by_start.sort_unstable_by_key(|(_, part)| part.start);
    let mut merged: Vec<(usize, ByteRange)> = Vec::with_capacity(by_start.len());
    for (order, part) in by_start {
        match merged.last_mut() {
            Some((first, before)) if part.start <= before.end.saturating_add(GAP) => {
                before.end = before.end.max(part.end);
                *first = order.min(*first);
            }
            _ => merged.push((order, part)),
        }
    }
    merged.sort_unstable_by_key(|(order, _)| *order);
    merged.into_iter().map(|(_, part)| part).collect()
}

#[cfg(test)]
mod tests;
