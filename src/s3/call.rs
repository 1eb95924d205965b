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
use super::{delete, metadata, put, read, settings, tags, xml};
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::connection::Connection;
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
    /// All buckets.
    pub buckets: &'a Arc<Buckets>,
    /// ETags that could not be stored.
    pub known: &'a Arc<Known>,
}

impl Call<'_> {
    /// Performs the operation.
    pub async fn perform(self, body: &mut RequestBody, connection: &Connection) -> Result<Response<Body>, S3Error> {
        let (headers, method) = (self.request.headers(), self.request.method());
        let unsigned = signature::Payload::Unsigned;
        let signed = self.verified.map_or(&unsigned, |verified| &verified.payload);
        let payload = Payload::new(body, headers, signed, None)?;
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
        match self.operation {
            Operation::HeadBucket => {
                let mut response = Response::new(Body::Empty);
                response.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static("us-east-1"));
                return Ok(response);
            }
            Operation::DeleteBucket => {
                let buckets = Arc::clone(self.buckets);
                blocking(move || buckets.delete(&bucket)).await?;
                return Ok(no_content());
            }
            Operation::ListObjects => return self.list(bucket, Kind::V1).await,
            Operation::ListObjectsV2 => return self.list(bucket, Kind::V2).await,
            Operation::ListObjectVersions => return self.list(bucket, Kind::Versions).await,
            Operation::DeleteObjects => {
                let body = payload.collect(xml::MAX_BODY).await?;
                let (known, caller) = (Arc::clone(self.known), self.caller);
                let at = move |key| Target { bucket: Arc::clone(&bucket), known: Arc::clone(&known), key, caller };
                return delete::several(body, at).await;
            }
            Operation::GetBucketSetting(setting) => {
                return blocking(move || settings::get(&bucket, setting)).await;
            }
            Operation::PutBucketSetting(setting) => {
                let body = payload.collect(xml::MAX_BODY).await?;
                let canned = self.canned_acl();
                return blocking(move || settings::put(&bucket, setting, canned.as_deref(), &body)).await;
            }
            Operation::DeleteBucketSetting(setting) => {
                return Ok(blocking(move || settings::delete(&bucket, setting)).await);
            }
            _ => {}
        }
        let target = self.target(bucket)?;
        match self.operation {
            Operation::GetObject | Operation::HeadObject => {
                read::get(&target, method, headers, self.query, connection).await
            }
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
                payload.collect(xml::MAX_BODY).await?;
                target.find().await?;
                settings::check_acl(self.canned_acl().as_deref())?;
                Ok(Response::new(Body::Empty))
            }
            Operation::GetObjectLegalHold | Operation::GetObjectRetention => {
                target.find().await?;
                let message = "The specified object does not have a ObjectLock configuration";
                Err(S3Error::new(Code::NoSuchObjectLockConfiguration, message))
            }
            other => Err(S3Error::not_implemented(&format!("{other:?}"))),
        }
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
