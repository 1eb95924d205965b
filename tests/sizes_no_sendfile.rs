//! The byte-exact tests in `http/sizes.rs`, without `sendfile`.

#[path = "http/sizes.rs"]
mod sizes;
mod support;

const WAY: support::Way = support::Way::NoSendfile;
