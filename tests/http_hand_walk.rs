//! The black-box tests in `http/`, with this way of reading files.

mod http;
mod support;

const WAY: support::Way = support::Way::HandWalk;
