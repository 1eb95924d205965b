//! A request that changes something, and the rules that it follows.

use std::sync::Arc;

use hyper::Request;
use hyper::header::{self, HeaderMap};

use super::error::UploadError;
use super::folder::UploadTo;
use super::names::MAX_PATH;
use crate::access::rules::PolicySet;
use crate::request::path::MediaPath;
use crate::site::Site;

/// How a mount accepts uploads.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// The most bytes that one request may bring, and one resumable upload.
    pub max: u64,
    /// Where uploads to the mount's top go.
    pub to: UploadTo,
}

/// A request that changes something: what it is about, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Where it is stored.
    pub site: &'a Arc<Site>,
    /// The rules of the mount.
    pub uploads: &'a Uploads,
    /// The file, or the folder that is posted to.
    pub path: &'a MediaPath,
    /// The request without its body.
    pub request: &'a Request<()>,
    /// The access policies that the request has passed.
    pub passed: &'a PolicySet,
}

/// Files are sent without a `Content-Encoding`, so a coded body would come back as something else.
pub(super) fn check_content_encoding(headers: &HeaderMap) -> Result<(), UploadError> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(UploadError::UnsupportedMediaType { wanted: "a body without Content-Encoding" })
        }
        _ => Ok(()),
    }
}

/// Refuses a path that no program could open.
pub(super) fn check_length(path: &MediaPath) -> Result<(), UploadError> {
    match path.as_bytes().len() {
        ..=MAX_PATH => Ok(()),
        length => Err(UploadError::LongPath { length }),
    }
}
