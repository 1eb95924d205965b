//! The byte-exact tests of `http/sizes.rs`, where a file system has no `sendfile`.

#[path = "http/sizes.rs"]
mod sizes;
mod support;

const WAY: support::Way = support::Way::NoSendfile;
