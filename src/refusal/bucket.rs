//! The errors of buckets, as refusals.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::Refusal;
use crate::request::path::MediaPath;
use crate::storage::bucket::Bucket;
use crate::storage::bucket::error::BucketError;

impl Refusal {
    /// Why a bucket did not do what a request for `path` needs.
    pub fn of_bucket(bucket: &Bucket, error: &BucketError, path: &MediaPath) -> Self {
        if error.is_missing() {
            let what = format!("There is no {path} in the bucket.");
            let advice = "Check the key as it is stored: keys distinguish upper and lower case.";
            return Self::new(StatusCode::NOT_FOUND, "not-found", what, advice);
        }
        let explained = bucket.explain(error);
        let refusal = Self::new(explained.status, explained.code, explained.what, explained.advice);
        match explained.status {
            StatusCode::SERVICE_UNAVAILABLE => refusal.with_field(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => refusal,
        }
    }
}
