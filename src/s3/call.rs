//! `Call`: a request whose signature has been checked, and the operation that it becomes.

use std::sync::Arc;

use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::address::Address;
use super::bucket::{Bucket, Buckets, Caller};
use super::error::{Code, S3Error};
use super::key::Key;
use super::listing::{self, Kind};
use super::object::Known;
use super::operation::Operation;
use super::parameters::Parameters;
use super::payload::Payload;
use super::target::Target;
use super::{copy, delete, form, join, metadata, multipart, put, read, settings, tags, upload_lists, xml};
use crate::access_log::Verdict;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::connection::Connection;
use crate::network::Passage;
use crate::signature;
use crate::storage::blocking;

/// A request and all that is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What to do.
    pub operation: Operation,
    /// With what.
    pub address: &'a Address,
    /// The parameters.
    pub query: &'a Parameters,
    /// The request without its body.
    pub request: &'a Request<()>,
    /// Who sends the request.
    pub caller: Caller,
    /// The signature; `None` for an anonymous request.
    pub verified: Option<&'a signature::Verified>,
    /// The keys, for forms, whose signature is in the body.
    pub keys: &'a [signature::Key],
    /// How URLs of this endpoint begin, as the client knows it: `http://127.0.0.1:9000`.
    pub origin: &'a str,
    /// All buckets.
    pub buckets: &'a Arc<Buckets>,
    /// ETags that could not be stored.
    pub known: &'a Arc<Known>,
}

impl Call<'_> {
    /// Performs the operation.
    pub async fn perform(self, body: &mut RequestBody, connection: &Connection) -> Result<Response<Body>, S3Error> {
        let headers = self.request.headers();
        let unsigned = signature::Payload::Unsigned;
        let signed = self.verified.map_or(&unsigned, |verified| &verified.payload);
        if self.operation == Operation::PostObject {
            return self.post(body).await;
        }
        let payload = Payload { body, headers, signed };
        if self.operation.writes() || self.operation == Operation::CreateBucket {
            metadata::check_supported(headers)?;
        }
        match self.operation {
            Operation::ListBuckets => {
                let buckets = Arc::clone(self.buckets);
                return Ok(blocking(move || listing::buckets(&buckets)).await);
            }
            Operation::CreateBucket => {
                payload.collect(xml::MAX_BODY).await?;
                return self.create_bucket().await;
            }
            _ => {}
        }
        let bucket = self.bucket().await?;
        if self.operation.writes() {
            bucket.check_writable()?;
        }
        let mount = bucket.mount.clone();
        let passage = match mount.as_ref().and_then(|mount| mount.network.as_ref()) {
            Some(network) => Some(network.enter(payload.body).await),
            None => None,
        };
        if let Some(refusal) = passage.as_ref().and_then(Passage::refusal) {
            return Err(refusal.into());
        }
        let answer = if self.address.key.is_none() {
            self.on_bucket(bucket, payload).await?
        } else {
            let target = self.target(bucket)?;
            self.on_object(target, payload, connection).await?
        };
        Ok(match passage {
            Some(passage) => passage.leave(answer),
            None => answer,
        })
    }

    /// Performs an operation of a bucket.
    async fn on_bucket(self, bucket: Arc<Bucket>, payload: Payload<'_>) -> Result<Response<Body>, S3Error> {
        match self.operation {
            Operation::HeadBucket => {
                let mut response = Response::new(Body::Empty);
                response.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static("us-east-1"));
                Ok(response)
            }
            Operation::DeleteBucket => {
                let buckets = Arc::clone(self.buckets);
                blocking(move || buckets.delete(&bucket)).await?;
                Ok(no_content())
            }
            Operation::ListObjects => self.list(bucket, Kind::V1).await,
            Operation::ListObjectsV2 => self.list(bucket, Kind::V2).await,
            Operation::ListObjectVersions => self.list(bucket, Kind::Versions).await,
            Operation::ListMultipartUploads => {
                let query = self.query.clone();
                blocking(move || upload_lists::uploads(&bucket, &query)).await
            }
            Operation::DeleteObjects => {
                let body = payload.collect(xml::MAX_BODY).await?;
                let (known, caller) = (Arc::clone(self.known), self.caller);
                let at = move |key| Target { bucket: Arc::clone(&bucket), known: Arc::clone(&known), key, caller };
                delete::several(body, at).await
            }
            Operation::GetBucketSetting(setting) => blocking(move || settings::get(&bucket, setting)).await,
            Operation::PutBucketSetting(setting) => {
                let body = payload.collect(xml::MAX_BODY).await?;
                let canned = self.canned_acl();
                blocking(move || settings::put(&bucket, setting, canned.as_deref(), &body)).await
            }
            Operation::DeleteBucketSetting(setting) => Ok(blocking(move || settings::delete(&bucket, setting)).await),
            // all others have been performed before, or are about objects
            other => Err(S3Error::not_implemented(&format!("{other:?} of a bucket"))),
        }
    }

    /// Performs an operation of an object.
    async fn on_object(
        self,
        target: Target,
        payload: Payload<'_>,
        connection: &Connection,
    ) -> Result<Response<Body>, S3Error> {
        let headers = self.request.headers();
        match self.operation {
            Operation::GetObject | Operation::HeadObject => read::get(&target, headers, self.query, connection).await,
            Operation::GetObjectAttributes => read::attributes(&target, headers, self.query).await,
            Operation::PutObject => put::put(&target, headers, payload).await,
            Operation::DeleteObject => delete::one(&target, headers, self.query).await,
            Operation::GetObjectTagging => tags::get(&target).await,
            Operation::PutObjectTagging => tags::put(&target, payload.collect(xml::MAX_BODY).await?).await,
            Operation::DeleteObjectTagging => tags::delete(&target).await,
            Operation::GetObjectAcl => {
                target.find().await?;
                Ok(settings::acl())
            }
            Operation::PutObjectAcl => {
                let body = payload.collect(xml::MAX_BODY).await?;
                target.find().await?;
                settings::check_acl(self.canned_acl().as_deref(), &body)?;
                Ok(Response::new(Body::Empty))
            }
            Operation::GetObjectLegalHold | Operation::GetObjectRetention => {
                target.find().await?;
                let message = "The specified object does not have a ObjectLock configuration";
                Err(S3Error::new(Code::NoSuchObjectLockConfiguration, message))
            }
            Operation::CopyObject => copy::copy(&target, self.buckets, headers).await,
            Operation::CreateMultipartUpload => multipart::create(&target, headers).await,
            Operation::UploadPart => multipart::upload_part(&target, self.query, payload).await,
            Operation::UploadPartCopy => multipart::copy_part(&target, self.buckets, self.query, headers).await,
            Operation::CompleteMultipartUpload => {
                let about_body = signature::checksum::without_checksum(headers);
                let payload = Payload { headers: &about_body, ..payload };
                let body = payload.collect(xml::MAX_BODY).await?;
                let location = format!("{}{}", self.origin, self.request.uri().path());
                join::complete(&target, self.query, headers, location, body).await
            }
            Operation::AbortMultipartUpload => multipart::abort(&target, self.query).await,
            Operation::ListParts => upload_lists::parts(&target, self.query).await,
            // all others have been performed above
            other => Err(S3Error::not_implemented(&format!("{other:?} of an object"))),
        }
    }

    /// Performs POST Object, whose signature is in the form.
    async fn post(self, body: &mut RequestBody) -> Result<Response<Body>, S3Error> {
        let bucket = self.bucket().await?;
        bucket.check_writable()?;
        let location = format!("{}{}", self.origin, self.request.uri().path().trim_end_matches('/'));
        let known = Arc::clone(self.known);
        let (mut response, key_id) =
            form::post(bucket, known, self.keys, self.request.headers(), &location, body).await?;
        response.extensions_mut().insert(Verdict(format!("s3: {key_id}")));
        Ok(response)
    }

    async fn bucket(self) -> Result<Arc<Bucket>, S3Error> {
        let name = self.address.bucket.clone().unwrap_or_default();
        let buckets = Arc::clone(self.buckets);
        blocking(move || buckets.find(&name)).await
    }

    fn target(self, bucket: Arc<Bucket>) -> Result<Target, S3Error> {
        let key: Option<Key> = self.address.key.clone();
        let key = key.ok_or_else(|| S3Error::new(Code::UserKeyMustBeSpecified, "The request has no key."))?;
        Ok(Target { bucket, known: Arc::clone(self.known), key, caller: self.caller })
    }

    async fn list(self, bucket: Arc<Bucket>, kind: Kind) -> Result<Response<Body>, S3Error> {
        let (known, query) = (Arc::clone(self.known), self.query.clone());
        blocking(move || listing::objects(&bucket, &known, kind, &query)).await
    }

    async fn create_bucket(self) -> Result<Response<Body>, S3Error> {
        let name = self.address.bucket.clone().unwrap_or_default();
        let (buckets, location) = (Arc::clone(self.buckets), format!("/{name}"));
        blocking(move || buckets.create(&name)).await?;
        let mut response = Response::new(Body::Empty);
        let location = HeaderValue::try_from(location).expect("the name of a bucket");
        response.headers_mut().insert(header::LOCATION, location);
        Ok(response)
    }

    fn canned_acl(self) -> Option<String> {
        Some(self.request.headers().get("x-amz-acl")?.to_str().ok()?.to_owned())
    }
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
