//! The S3 endpoint (`--s3`): the folders of the mounts as buckets, on a listener of its own.
//!
//! 1. **guard**: refuse requests from pages of other sites, as on the other listeners.
//! 2. **address**: find the bucket and the key, in the path or in the host name.
//! 3. **operation**: find out what is asked for. What is not implemented is 501 and changes nothing.
//! 4. **signature**: find out who sends the request; an error says which part of the request differs.
//! 5. **access**: a request without a signature may only read objects that are public.
//! 6. **act**: read, store, list or remove.
//! 7. **answer**: the response, or an XML document with the error.
//! 8. **access log**: log the request after the last byte has been sent. The server does this.
//!
//! ```text
//! Endpoint::respond --address, operation--> Call --signature--> Target { bucket, key, caller } --> read, put, delete, ...
//! ```
//!
//! An object is a file: `object` opens it, `record` keeps what a file system does not know of it (ETag, metadata, tags),
//! `target` stores it whole or not at all, `walk` and `page` list in the order of keys.
//!
//! # Why not the crate `s3s`
//!
//! Measured in November 2026 with `s3s` 0.14.1: its generated types are 150,000 lines with 126 more crates, which take 137 s
//! to build and add 3.4 MB to a release binary (two operations, thin LTO). It needs Rust 1.92, and devmedia promises 1.88. A
//! mismatch of signatures is one constant text, it cannot try other host names, and checksums are left to its user. devmedia
//! needs some forty operations, and shares the signature code with the access rules. So the XML is read and written by
//! `quick-xml` and the rest is here.

#![allow(clippy::doc_markdown, reason = "the names of S3's operations, and the ETag, are words of every sentence here")]

pub mod address;
pub mod beside;
pub mod bucket;
pub mod call;
pub mod copy;
pub mod delete;
pub mod error;
pub mod form;
pub mod join;
pub mod key;
pub mod listing;
pub mod metadata;
pub mod multipart;
pub mod object;
pub mod operation;
pub mod page;
pub mod parameters;
pub mod payload;
pub mod put;
pub mod read;
pub mod record;
pub mod settings;
pub mod tags;
pub mod target;
pub mod upload_lists;
pub mod uploads;
pub mod walk;
pub mod xml;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use self::address::Address;
use self::bucket::{Buckets, Caller};
use self::call::Call;
use self::error::{Code, S3Error};
use self::object::Known;
use self::operation::Operation;
use self::parameters::Parameters;
use crate::access_log::{Reason, Verdict as LoggedVerdict};
use crate::answer::cors;
use crate::body::Body;
use crate::body::ending::{drop_body, finish_receiving};
use crate::body::incoming::RequestBody;
use crate::connection::{Connection, Scheme};
use crate::guard::{Guard, GuardError};
use crate::refusal::Refusal;
use crate::request::codings;
use crate::signature::{Key, SignedRequest, Verdict, Verified, Version, verify};
use crate::storage::token::token;
use crate::upload::sweep::stale;

/// The methods of the endpoint.
const METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS";

/// The header with the name of a request, which is also in its error.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The S3 endpoint: everything that its requests need, created once at startup.
#[derive(Debug)]
pub struct Endpoint {
    guard: Guard,
    buckets: Arc<Buckets>,
    keys: Vec<Key>,
    /// Names below which the first part of a host name is a bucket: `localhost`, and the names of `--s3-hosts`.
    names: Vec<String>,
    /// Other names of this endpoint, for signatures that were made for one of them.
    hosts: Vec<String>,
    known: Arc<Known>,
}

/// An error as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorDocument<'e> {
    code: &'static str,
    message: String,
    #[serde(flatten)]
    details: std::collections::BTreeMap<&'static str, String>,
    resource: String,
    request_id: &'e str,
}

impl Endpoint {
    /// Creates an endpoint. `hosts` are its other names, with or without a port.
    pub fn new(guard: Guard, buckets: Buckets, keys: Vec<Key>, hosts: Vec<String>) -> Self {
        let without_port = |host: &String| match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name.to_owned(),
            _ => host.clone(),
        };
        let is_name = |name: &String| name.parse::<std::net::Ipv4Addr>().is_err() && !name.contains(['*', '[']);
        let mut names: Vec<String> = hosts.iter().map(without_port).filter(is_name).collect();
        names.push("localhost".to_owned());
        Self { guard, buckets: Arc::new(buckets), keys, names, hosts, known: Arc::default() }
    }

    /// Removes what a killed process left behind, and multipart uploads that were never completed. Blocks.
    pub fn sweep(&self) {
        for bucket in self.buckets.all().into_iter().filter(|bucket| bucket.is_writable()) {
            if bucket.mount.is_none() {
                // those of the mounts are swept with them
                stale(bucket.root());
            }
            uploads::sweep(&bucket);
        }
    }

    /// Answers a request. This never fails: errors and panics become responses.
    pub async fn respond(
        &self,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Response<Body> {
        let id = token(16).to_ascii_uppercase();

        // 1. guard
        let admission = self.guard.admit(request, connection.listener);
        let answer = match &admission {
            Ok(_) => {
                let answer = AssertUnwindSafe(self.answer(request, body, connection)).catch_unwind().await;
                answer.unwrap_or_else(|_| Err(Refusal::panicked().into()))
            }
            Err(error) => Err(refused(error.clone())),
        };

        // 7. answer
        let mut response = answer.unwrap_or_else(|error| self.explained(error, request, &id));
        let exposed = exposed(&response);
        cors::add(request, admission.as_ref().ok(), "", response.headers_mut());
        let headers = response.headers_mut();
        if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        headers.insert(REQUEST_ID, HeaderValue::try_from(&id).expect("letters and digits"));
        if request.method() == Method::HEAD {
            drop_body(&mut response);
        }
        finish_receiving(request, body, &mut response);
        response
    }

    /// Steps 2 to 6.
    async fn answer(
        &self,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Result<Response<Body>, S3Error> {
        if connection.scheme == Scheme::HttpForHttps {
            return Err(S3Error::new(
                Code::InvalidRequest,
                "This server uses https. Write https:// in the endpoint URL.",
            ));
        }
        if request.method() == Method::OPTIONS {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
            return Ok(response);
        }
        if let Some(codings) = codings::unknown(request.headers()) {
            return Err(S3Error::not_implemented(&format!("Transfer-Encoding: {codings}")));
        }

        // 2. address
        let host = host(request);
        let names = self.names.iter().map(String::as_str);
        let address = Address::parse(host, request.uri().path(), names)
            .map_err(|error| error.refuse(request.uri().path().trim_start_matches('/')))?;

        // 3. operation
        let query = Parameters::parse(request.uri().query());
        let operation = Operation::of(request.method(), &address, &query, request.headers())
            .map_err(|what| S3Error::not_implemented(&what))?;

        // 4. signature
        let signed = SignedRequest {
            method: request.method(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            host,
            virtual_bucket: address.bucket.as_deref().filter(|_| address.is_in_host),
        };
        let verified = match verify(&signed, &self.keys, &self.hosts, Timestamp::now())? {
            Verdict::Verified(verified) => Some(verified),
            Verdict::Anonymous => None,
        };

        // Signature Version 2 does not cover these parameters, so a presigned URL of the object would be enough
        let is_for_object = verified.as_ref().is_some_and(|it| it.version == Version::V2 && it.expires.is_some());
        if is_for_object && operation.is_outside_v2() {
            let message =
                "A URL presigned by Signature Version 2 does not cover this operation. Presign it by Version 4.";
            return Err(S3Error::new(Code::AccessDenied, message));
        }

        // 5. access
        let caller = if verified.is_some() { Caller::Owner } else { Caller::Anonymous };
        if caller == Caller::Anonymous && !operation.may_be_unsigned() && !operation.is_form() {
            let message = "The request is not signed. Give the client the keys that devmedia prints at its start; only objects \
                           of a public mount can be read without a signature.";
            return Err(S3Error::new(Code::AccessDenied, message));
        }

        // 6. act
        let call = Call {
            operation,
            address: &address,
            query: &query,
            request,
            caller,
            verified: verified.as_ref(),
            keys: &self.keys,
            origin: &format!("{}://{host}", connection.scheme.as_str()),
            buckets: &self.buckets,
            known: &self.known,
        };
        let mut response = call.perform(body, connection).await?;
        if let Some(verified) = verified {
            response.extensions_mut().insert(LoggedVerdict(approval(&verified)));
        }
        Ok(response)
    }

    /// The response of an error.
    fn explained(&self, error: S3Error, request: &Request<()>, id: &str) -> Response<Body> {
        let names = self.names.iter().map(String::as_str);
        let address = Address::parse(host(request), request.uri().path(), names);
        let reason = error.reason();
        let document = ErrorDocument {
            code: error.code.as_str(),
            message: xml::text(&error.message),
            details: error.details.into_iter().map(|(name, value)| (name, xml::text(&value))).collect(),
            resource: xml::text(
                &address.map_or_else(|_| request.uri().path().to_owned(), |address| address.resource()),
            ),
            request_id: id,
        };
        let mut response = xml::answer_as(error.code.status(), "Error", &document);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(error.fields);
        response.extensions_mut().insert(Reason(reason));
        response
    }
}

/// What the access log says about a signature.
fn approval(verified: &Verified) -> String {
    match &verified.accepted_host {
        Some(host) => format!("s3: {}, signed for {host}", verified.key_id),
        None => format!("s3: {}", verified.key_id),
    }
}

/// The host that a request names.
fn host(request: &Request<()>) -> &str {
    let field = || request.headers().get(header::HOST)?.to_str().ok();
    request.uri().authority().map(hyper::http::uri::Authority::as_str).or_else(field).unwrap_or_default()
}

/// The names of the headers that scripts of allowed origins may read: those of S3 that the response has.
fn exposed(response: &Response<Body>) -> HeaderValue {
    let names = response.headers().keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    let names: Vec<&str> = names.chain(["x-amz-request-id", "last-modified"]).collect();
    HeaderValue::try_from(names.join(", ")).expect("names of fields")
}

/// A request that the guard refuses.
fn refused(error: GuardError) -> S3Error {
    let code = if matches!(error, GuardError::BadHost { .. }) { Code::InvalidRequest } else { Code::AccessDenied };
    S3Error { code, ..Refusal::from(error).into() }
}
