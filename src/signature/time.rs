//! The dates in signed requests.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

const BASIC: &str = "%Y%m%dT%H%M%SZ";

/// Parses a date in the basic format of ISO 8601, such as `20130524T000000Z`. Other spellings are not valid.
pub fn basic(text: &str) -> Option<Timestamp> {
    let date = civil::DateTime::strptime(BASIC, text).ok()?.to_zoned(TimeZone::UTC).ok()?;
    (to_basic(date.timestamp()) == text).then(|| date.timestamp())
}

/// The time in the basic format of ISO 8601.
pub fn to_basic(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime(BASIC).to_string()
}

/// Parses a `Date` header: RFC 9110, or RFC 5322 as some clients of Signature Version 2 send it.
pub fn header(text: &str) -> Option<Timestamp> {
    basic(text).or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp()))
}
