//! `Content-Disposition` (RFC 6266): whether a browser shows or saves a file, and under which name. Pure.

use hyper::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What a browser should do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Show it.
    Inline,
    /// Save it.
    Attachment,
}

/// RFC 8187 section 3.2.1 allows more; Django writes these.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl Disposition {
    /// Parses the keyword.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "inline" => Some(Self::Inline),
            "attachment" => Some(Self::Attachment),
            _ => None,
        }
    }

    /// The keyword.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        }
    }

    /// The header for a file of this name, as Django's `content_disposition_header` writes it.
    pub fn header(self, name: &[u8]) -> HeaderValue {
        let kind = self.word();
        let is_plain = name.iter().all(|&b| b == b'\t' || (b' '..=b'~').contains(&b));
        let text = if is_plain {
            let quoted = String::from_utf8_lossy(name).replace('\\', r"\\").replace('"', r#"\""#);
            format!("{kind}; filename=\"{quoted}\"")
        } else {
            format!("{kind}; filename*=utf-8''{}", percent_encode(name, PLAIN))
        };
        HeaderValue::try_from(text).expect("visible ASCII, spaces and tabs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows created by Django's own `content_disposition_header`.
    #[test]
    fn as_django_writes_it() {
        let rows: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/django_names.json")).expect("rows");
        let rows = rows["content_disposition"].as_array().expect("rows");
        for row in rows.iter().filter(|row| row["in"] != "") {
            let name = row["in"].as_str().expect("a name");
            let kind = if row["as_attachment"] == true { Disposition::Attachment } else { Disposition::Inline };
            let header = kind.header(name.as_bytes());
            assert_eq!(Some(header.to_str().expect("ASCII")), row["ok"].as_str(), "{name:?}");
        }
    }
}
