//! Conditions, ranges, the decision and the head of a response. Pure: no file system, no clock, no log, no async.

pub mod conditional;
pub mod cors;
pub mod decide;
pub mod disposition;
pub mod head;
pub mod multipart;
pub mod piece;
pub mod range;
