//! What the fuzz targets use of devmedia, imported in one place, and the input types that they share.
//!
//! A target does not only look for panics: it states what must hold for every input, and fails where it does not.

use arbitrary::{Arbitrary, Unstructured};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

pub use devmedia::access::Policy;
pub use devmedia::access::rules::{Access, Patterns, Rule};
pub use devmedia::signature::secret::Secret;
pub use devmedia::access::signed::{Asked, Hmac, S3, SecureLink, Signed};
pub use devmedia::answer::conditional::{self, Precondition};
pub use devmedia::answer::decide::{Decision, decide};
pub use devmedia::answer::disposition::Disposition;
pub use devmedia::answer::head::head;
pub use devmedia::answer::piece::length;
pub use devmedia::answer::range::{Requested, requested};
pub use devmedia::connection::ListenerKind;
pub use devmedia::guard::{Guard, HostPattern, OriginPattern, Row};
pub use devmedia::live;
pub use devmedia::request::format::Format;
pub use devmedia::request::path::{MediaPath, Visible};
pub use devmedia::request::prefix::Prefix;
pub use devmedia::request::query::Query;
pub use devmedia::signature;
pub use devmedia::storage::entity::Entity;
pub use devmedia::storage::media_type::MediaType;
use devmedia::upload::disposition;
pub use devmedia::upload::names;

/// The `filename` of a `Content-Disposition`.
pub fn file_name(field: &[u8]) -> Option<String> {
    disposition::parameter(field, "filename")
}

/// The value of a header field: any bytes that HTTP allows in one.
#[derive(Debug, Clone)]
pub struct Value(pub HeaderValue);

impl<'a> Arbitrary<'a> for Value {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let bytes: &[u8] = u.arbitrary()?;
        HeaderValue::from_bytes(bytes).map(Self).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

/// Adds a field line for each value.
pub fn append(headers: &mut HeaderMap, name: &HeaderName, values: &[Value]) {
    for Value(value) in values {
        headers.append(name, value.clone());
    }
}

/// A path as a fuzzer makes it: percent-encoded or not, whatever is in it.
pub fn media_path(target: &[u8]) -> Option<MediaPath> {
    MediaPath::parse(target).ok()
}

/// A path of exactly these bytes, slashes aside; `None` where no file can have that name.
pub fn literal_path(bytes: &[u8]) -> Option<MediaPath> {
    let encoded = percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string();
    MediaPath::parse(encoded.as_bytes()).ok()
}
