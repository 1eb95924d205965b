//! A request that changes something, and the rules that apply to it.

use std::sync::Arc;

use hyper::Request;
use hyper::header::{self, HeaderMap};

use super::error::UploadError;
use super::folder::UploadTo;
use super::names::MAX_PATH;
use crate::access::rules::PolicySet;
use crate::request::path::MediaPath;
use crate::site::Site;

/// The upload settings of a mount.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// The most bytes in one request, or in one resumable upload.
    pub max: u64,
    /// Where uploads to the top of the mount are stored.
    pub to: UploadTo,
}

/// A request that changes something.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// The site that stores the file.
    pub site: &'a Arc<Site>,
    /// The upload settings of the mount.
    pub uploads: &'a Uploads,
    /// The file, or the folder of a POST.
    pub path: &'a MediaPath,
    /// The request without its body.
    pub request: &'a Request<()>,
    /// The access policies that the request has passed.
    pub passed: &'a PolicySet,
}

/// Files are served without a `Content-Encoding`, so an encoded body would not be served as the file it represents.
pub(super) fn check_content_encoding(headers: &HeaderMap) -> Result<(), UploadError> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(UploadError::UnsupportedMediaType { wanted: "a body without Content-Encoding" })
    }
}

/// Rejects a path that is too long for other programs to open.
pub(super) fn check_length(path: &MediaPath) -> Result<(), UploadError> {
    match path.as_bytes().len() {
        ..=MAX_PATH => Ok(()),
        length => Err(UploadError::LongPath { length }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_content_encoding_counts() {
        for (lines, is_accepted) in [
            (&[][..], true),
            (&["identity"], true),
            (&["Identity", "identity"], true),
            (&["gzip"], false),
            (&["identity", "gzip"], false),
            (&["identity, gzip"], false),
            (&[""], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CONTENT_ENCODING, header::HeaderValue::from_static(line));
            }
            assert_eq!(check_content_encoding(&headers).is_ok(), is_accepted, "{headers:?}");
        }
    }
}
