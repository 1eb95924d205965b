//! `hmac`: our own scheme, for apps that have none yet. It takes ten lines in any language (`docs/signed-urls.md`).
//!
//! The query is `?expires=UNIX&signature=HEX`, where HEX is the HMAC-SHA256 of three lines: the method, the decoded
//! path and the expiry. A URL for GET is also valid for HEAD; other methods need a URL of their own. The rest of the
//! query is not covered, so a thumbnail of a signed image does not need a signature of its own.

use ::hmac::Mac as _;
use hyper::{Method, StatusCode, Uri};
use jiff::Timestamp;
use sha2::Sha256;

use super::mistake::{explain, path_variants};
use super::{Asked, BadSignature, decoded_path, path_of, with_query};
use crate::signature::digest::{hex, mac, unhex};
use crate::signature::secret::Secret;

/// URLs that are signed with HMAC-SHA256.
#[derive(Debug, Clone)]
pub struct Hmac {
    secret: Secret,
}

type HmacSha256 = ::hmac::Hmac<Sha256>;

impl Hmac {
    /// Creates the scheme. The secret may have any length.
    pub fn new(secret: Secret) -> Self {
        Self { secret }
    }

    /// Checks the signature and returns the expiry of the URL.
    pub fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Timestamp, BadSignature> {
        let query = asked.uri.query().unwrap_or_default();
        let find = |name| {
            let mut found = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|pair| pair.0 == name);
            match (found.next(), found.next()) {
                (_, Some(_)) => Err(BadSignature::malformed(name, "given only once")),
                (first, None) => Ok(first.map(|(_, value)| value)),
            }
        };
        let (expires, signature) = match (find("expires")?, find("signature")?) {
            (Some(expires), Some(signature)) => (expires, signature),
            (expires, signature) => {
                let missing = [("expires", expires), ("signature", signature)];
                let missing = missing.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| (*name).to_owned());
                return Err(BadSignature::Missing(missing.collect()));
            }
        };
        let until = expires.parse().ok().filter(|_| expires.bytes().all(|b| b.is_ascii_digit()));
        let until = until.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let until =
            until.ok_or_else(|| BadSignature::malformed("expires", "Unix time in seconds (not milliseconds)"))?;
        let signature = unhex(signature.as_bytes())
            .ok_or_else(|| BadSignature::malformed("signature", "64 lower-case hexadecimal digits"))?;

        let is_valid = |asked: &Asked<'_>, path: &[u8]| {
            self.mac(&message(asked.method, path, expires)).verify_slice(&signature).is_ok()
        };
        let path = decoded_path(asked.path);
        if !is_valid(asked, &path) {
            let variants = path_variants(asked, &["expires", "signature"]);
            return Err(explain(asked, &path, &variants, &message(asked.method, &path, expires), is_valid));
        }
        if now.as_second() > until.as_second() {
            return Err(BadSignature::Expired { ago: now.duration_since(until), status: StatusCode::GONE });
        }
        Ok(until)
    }

    /// Returns the signed URL. The error is advice for the user.
    pub fn sign(&self, method: &Method, url: &Uri, expires: Timestamp) -> Result<String, String> {
        let expires = expires.as_second().to_string();
        let mac = self.mac(&message(method, &decoded_path(&path_of(url)?), &expires));
        let signature = hex(&mac.finalize().into_bytes());
        Ok(with_query(url, &format!("expires={expires}&signature={signature}")))
    }

    fn mac(&self, message: &[u8]) -> HmacSha256 {
        mac(self.secret.as_bytes(), message)
    }
}

/// The text to sign. A path may contain line breaks, but the first line is always the method and the last the expiry.
fn message(method: &Method, path: &[u8], expires: &str) -> Vec<u8> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    [method.as_str().as_bytes(), path, expires.as_bytes()].join(&b'\n')
}
