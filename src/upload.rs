//! Bytes arrive, get a safe name, are stored beneath the root, and have a URL.

pub mod names;
