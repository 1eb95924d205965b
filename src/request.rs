//! What was asked, and by whom. Pure: no file system, no clock, no log.

pub mod guard;
pub mod path;
pub mod prefix;
