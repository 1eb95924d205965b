//! The black-box tests of `http/`, over this way to the files.

mod http;
mod support;

const WAY: support::Way = support::Way::HandWalk;
