//! The XML of requests and responses, by serde.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Code, S3Error};
use crate::body::Body;

/// The namespace of S3's elements.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The most bytes of an XML body. DeleteObjects with 1,000 keys of 1,024 bytes fits, and so does CompleteMultipartUpload
/// with 10,000 parts.
pub const MAX_BODY: u64 = 4 * 1024 * 1024;

/// The first line of a document.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Creates a document.
pub fn document(value: &impl Serialize) -> String {
    let xml = quick_xml::se::to_string(value).expect("names and texts only");
    format!("{DECLARATION}{xml}")
}

/// A response with a document.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    raw(status, document(value))
}

/// A response with a document whose root element has another name than the type says.
pub fn answer_as(status: StatusCode, root: &str, value: &impl Serialize) -> Response<Body> {
    let xml = quick_xml::se::to_string_with_root(root, value).expect("names and texts only");
    raw(status, format!("{DECLARATION}{xml}"))
}

/// A response with a document that is text already.
pub fn raw(status: StatusCode, document: String) -> Response<Body> {
    let mut response = Response::new(Body::full(document));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// Reads the document of a request.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, S3Error> {
    let malformed = |why: String| {
        let message = format!("The XML of the request is not well-formed, or lacks an element: {why}");
        S3Error::new(Code::MalformedXML, message)
    };
    let text = std::str::from_utf8(text).map_err(|error| malformed(error.to_string()))?;
    quick_xml::de::from_str(text).map_err(|error| malformed(error.to_string()))
}

/// Text that XML 1.0 can hold: other characters become U+FFFD. Clients that need the real text ask for
/// `encoding-type=url`.
pub fn text(text: &str) -> String {
    let is_allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Thing {
        #[serde(rename = "@xmlns", default)]
        namespace: String,
        key: String,
        #[serde(default)]
        tag: Vec<String>,
    }

    #[test]
    fn documents_survive_a_round() {
        for key in ["a", "<&>\"'", " a ", "\u{e9}\u{1f600}", "a\nb", ""] {
            let thing =
                Thing { namespace: NAMESPACE.to_owned(), key: key.to_owned(), tag: vec!["1".into(), "2".into()] };
            let text = document(&thing);
            assert_eq!(parse::<Thing>(text.as_bytes()).expect("our own"), thing, "{text}");
        }
        assert_eq!(text("a\u{1}\u{0}b\tc\u{ffff}"), "a\u{fffd}\u{fffd}b\tc\u{fffd}");
    }

    #[test]
    fn broken_documents_are_errors() {
        for text in
            ["", "<", "<Thing>", "<Thing><Key>a</Thing>", "<Thing></Thing>", "\u{0}", "<!DOCTYPE a [<!ENTITY b 'c'>]>"]
        {
            let error = parse::<Thing>(text.as_bytes()).expect_err(text);
            assert_eq!(error.code, Code::MalformedXML, "{text}");
        }
    }
}
