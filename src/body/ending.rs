//! The end of an exchange: a HEAD response has no body, and a request whose body was not read needs care.

use hyper::body::Body as _;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, Version};

use super::Body;
use super::incoming::RequestBody;

/// A HEAD response is the GET response without its body.
pub fn drop_body(response: &mut Response<Body>) {
    // hyper sets Content-Length from the body, which is removed here; responses with a file have the field already
    if let Some(length @ 1..) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::Empty;
}

/// Handles the unread bytes of a request body: reads them, or closes the connection.
pub fn finish_receiving(request: &Request<()>, body: &mut RequestBody, response: &mut Response<Body>) {
    if !body.is_unread() {
        return;
    }
    // a client that waits for 100 (Continue) may omit the body, and its next request would be read as the body
    let is_awaited = request.headers().contains_key(header::EXPECT) && body.is_untouched();
    // most clients stop sending when the response says that the connection will be closed
    let is_unwanted = body.is_long() && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // HTTP/2 has no such field (RFC 9113 section 8.2.2): it resets the stream
    if request.version() < Version::HTTP_2 && (is_awaited || is_unwanted) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    std::mem::replace(body, RequestBody::none()).linger();
}
