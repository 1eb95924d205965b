//! The parsed parts of a request. Pure: no file system, no clock, no log.

pub mod codings;
pub mod format;
pub mod path;
pub mod prefix;
pub mod query;
pub mod via;
