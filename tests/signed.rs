//! Signed URLs, beside the real programs that check and make them.

mod signing;
mod support;
