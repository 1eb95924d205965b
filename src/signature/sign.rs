//! Signing as clients do, for `devmedia sign` and the tests.

use hyper::header::HeaderMap;
use hyper::{Method, Uri};
use jiff::Timestamp;

use super::canonical::{Canonical, Parameters, UNSIGNED_PAYLOAD, encode, encode_path};
use super::chunked::{chunk_text, trailer_text};
use super::digest::sha256_hex;
use super::key::Key;
use super::payload::ChunkSeed;
use super::time;
use super::v4::{self, ALGORITHM, LONGEST};

/// Presigns a URL, which must contain its host, and signs the host only. The error is advice for the user.
pub fn presign(
    key: &Key,
    region: &str,
    method: &Method,
    url: &Uri,
    now: Timestamp,
    expires: Timestamp,
) -> Result<String, String> {
    let host =
        url.authority().ok_or("s3 also signs the host: write the whole URL, such as http://localhost:8001/...")?;
    let seconds = expires.as_second() - now.as_second();
    if !(1..=LONGEST).contains(&seconds) {
        return Err(
            "a presigned URL must expire after 1 second to 7 days; write --expires 1h or --expires 7d".to_owned()
        );
    }
    let date = time::to_basic(now);
    let scope = format!("{}/{region}/s3/aws4_request", &date[..8]);
    let credential = encode(format!("{}/{scope}", key.id).as_bytes());
    let query = url.query().map(|query| format!("{query}&")).unwrap_or_default();
    let query = format!(
        "{query}X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={date}&X-Amz-Expires={seconds}\
         &X-Amz-SignedHeaders=host"
    );
    let mut headers = HeaderMap::new();
    headers.insert(
        "host",
        host.as_str().try_into().map_err(|_| "the host name contains characters that a header cannot contain")?,
    );
    let canonical = Parameters::parse(&query).canonical();
    let canonical = Canonical::new(method, encode_path(url.path()), canonical, &headers, "host", UNSIGNED_PAYLOAD);
    let text = v4::string_to_sign(&date, &scope, &canonical.to_bytes());
    let signature = v4::signature(&v4::signing_key(&key.secret, &scope), &text);
    let origin = url.scheme_str().map(|scheme| format!("{scheme}://{host}")).unwrap_or_default();
    Ok(format!("{origin}{}?{query}&X-Amz-Signature={signature}", url.path()))
}

/// An Authorization header, and what the signatures of chunks start with.
///
/// `headers` must have host, `x-amz-date` and `x-amz-content-sha256`. Host and all `x-amz-` headers are signed.
pub fn authorize(
    key: &Key,
    region: &str,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> Option<(String, ChunkSeed)> {
    let date = headers.get("x-amz-date")?.to_str().ok()?.to_owned();
    let payload = headers.get("x-amz-content-sha256")?.to_str().ok()?;
    let scope = format!("{}/{region}/s3/aws4_request", date.get(..8)?);
    let names = headers.keys().map(hyper::header::HeaderName::as_str);
    let mut names: Vec<_> = names.filter(|name| *name == "host" || name.starts_with("x-amz-")).collect();
    names.sort_unstable();
    let signed = names.join(";");
    let query = Parameters::parse(query).canonical();
    let canonical = Canonical::new(method, encode_path(path), query, headers, &signed, payload);
    let signing_key = v4::signing_key(&key.secret, &scope);
    let signature = v4::signature(&signing_key, &v4::string_to_sign(&date, &scope, &canonical.to_bytes()));
    let header = format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", key.id);
    let has_trailer = payload.ends_with("-TRAILER");
    Some((header, ChunkSeed { signing_key, date, scope, signature, has_trailer }))
}

/// Encodes a body as `aws-chunked` with signed chunks, and the trailer if the seed has one.
pub fn chunks(seed: &ChunkSeed, chunks: &[&[u8]], trailers: &[(String, String)]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut previous = seed.signature.clone();
    let full = chunks.iter().copied().filter(|chunk| !chunk.is_empty());
    for chunk in full.chain([&b""[..]]) {
        previous = v4::signature(&seed.signing_key, &chunk_text(seed, &previous, &sha256_hex(chunk)));
        body.extend_from_slice(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).as_bytes());
        if !chunk.is_empty() {
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
    }
    if seed.has_trailer {
        let signature = v4::signature(&seed.signing_key, &trailer_text(seed, &previous, trailers));
        for (name, value) in trailers {
            body.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        }
        body.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
    }
    body.extend_from_slice(b"\r\n");
    body
}
