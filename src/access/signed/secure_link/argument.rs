//! The parameters of a URL as nginx reads them.

use hyper::Uri;

/// The value of a parameter as nginx's `$arg_NAME` has it: raw, the first one, whatever its case; else empty.
pub(super) fn argument<'a>(uri: &'a Uri, name: &str) -> &'a str {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}
