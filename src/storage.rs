//! What is there: the root, its files and what they are, its folders.

pub mod entity;
pub mod folder;
#[cfg(target_os = "linux")]
mod follow;
pub mod growth;
pub mod media_type;
pub mod nearby;
pub mod open_file;
pub mod root;
