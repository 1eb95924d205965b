//! `secure_link`: the links of nginx's `ngx_http_secure_link_module`, so that the same URLs work in both.
//!
//! ```text
//! secure_link      $arg_md5,$arg_expires;                   the argument is `link`
//! secure_link_md5  "$secure_link_expires$uri the-secret";   `expression`, with $secret in place of the secret
//! if ($secure_link = "")  { return 403; }
//! if ($secure_link = "0") { return 410; }
//! ```
//!
//! This follows nginx even in its peculiarities (`tests/signing/secure_link.rs` compares it with a real nginx): the
//! first of several equal parameters counts, parameter names are case-insensitive, values are not decoded, and padding
//! is ignored. There is one exception: if the expression does not contain the method, a link is valid for GET and HEAD
//! only.

mod argument;
mod expression;

use ::hmac::digest::CtOutput;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode, Uri};
use jiff::Timestamp;
use md5::{Digest as _, Md5};

use self::argument::argument;
use self::expression::Expression;
use super::mistake::{explain, path_variants};
use super::{Asked, BadSignature, decoded_path, path_of, with_query};
use crate::signature::secret::Secret;

/// Decodes as nginx does (`ngx_decode_base64url`): the unused bits of the last digit are ignored.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The example in nginx's documentation, without the client's address: with it, links would stop working when a phone
/// changes networks.
const EXPRESSION: &str = "$secure_link_expires$uri $secret";

const LINK: &str = "$arg_md5,$arg_expires";

/// The methods of a link whose expression does not contain the method.
const READING: &str = "GET and HEAD";

/// The valid values of the parameter with the hash.
const HASH: &str = "an MD5 in base64url without padding (22 characters), as printed by openssl md5 -binary | \
                    openssl base64 | tr +/ -_ | tr -d =";

/// Links that are signed as nginx checks them.
#[derive(Debug, Clone)]
pub struct SecureLink {
    secret: Secret,
    expression: Expression,
    /// The name of the parameter with the hash.
    hash: String,
    /// The name of the parameter with the expiry; without one, links do not expire.
    expires: Option<String>,
}

/// The parsed parameters of a link.
struct Link {
    hash: [u8; 16],
    expires: String,
    until: Option<i64>,
}

impl SecureLink {
    /// Creates the scheme. `expression` is the argument of `secure_link_md5`, with `$secret` in place of the secret;
    /// `link` is the argument of `secure_link`. The error is advice for the user.
    pub fn new(secret: Secret, expression: Option<&str>, link: Option<&str>) -> Result<Self, String> {
        let expression = Expression::parse(expression.unwrap_or(EXPRESSION))?;
        let mut names = link.unwrap_or(LINK).split(',').map(|name| {
            let name = name.strip_prefix("$arg_").or_else(|| name.strip_prefix("${arg_")?.strip_suffix('}'));
            name.filter(|name| !name.is_empty() && name.bytes().all(expression::is_name)).map(str::to_owned)
        });
        match (names.next().flatten(), names.next(), names.next()) {
            (Some(hash), None, None) => Ok(Self { secret, expression, hash, expires: None }),
            (Some(hash), Some(Some(expires)), None) => Ok(Self { secret, expression, hash, expires: Some(expires) }),
            _ => Err(format!(
                "link must name query parameters, such as {LINK}, or $arg_md5 for links that do not expire"
            )),
        }
    }

    /// Checks the signature and returns the expiry of the URL, or `None` if links do not expire.
    pub fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Option<Timestamp>, BadSignature> {
        let Link { hash, expires, until } = self.parse(asked.uri)?;
        let is_valid = |asked: &Asked<'_>, path: &[u8]| {
            let digest = Md5::digest(self.expression.value(asked, path, &expires, self.secret.as_bytes()));
            CtOutput::<Md5>::from(digest) == CtOutput::from(md5::digest::Output::<Md5>::from(hash))
        };
        let path = decoded_path(asked.path);
        if !is_valid(asked, &path) {
            let message = self.expression.value(asked, &path, &expires, b"$secret");
            let own = [&self.hash, self.expires.as_ref().unwrap_or(&self.hash)].map(String::as_str);
            return Err(explain(asked, &path, &path_variants(asked, &own), &message, is_valid));
        }
        if !self.allows(asked.method) {
            return Err(BadSignature::Method { method: asked.method.clone(), allowed: READING });
        }
        match until {
            Some(until) if now.as_second() > until => {
                let until = Timestamp::from_second(until).expect("after 1970 and before now");
                Err(BadSignature::Expired { ago: now.duration_since(until), status: StatusCode::GONE })
            }
            // milliseconds (a common mistake, which nginx accepts too) may be later than the last valid timestamp
            until => Ok(until.map(|until| Timestamp::from_second(until).unwrap_or(Timestamp::MAX))),
        }
    }

    /// Parses the query. nginx joins the two parameters and splits the result at the first comma, so the parameter with
    /// the hash may also contain the expiry.
    fn parse(&self, uri: &Uri) -> Result<Link, BadSignature> {
        let names = std::iter::once(&self.hash).chain(&self.expires);
        let missing: Vec<String> = names.filter(|name| argument(uri, name).is_empty()).cloned().collect();
        if !missing.is_empty() {
            return Err(BadSignature::Missing(missing));
        }
        let mut link = argument(uri, &self.hash).to_owned();
        if let Some(expires) = &self.expires {
            link = format!("{link},{}", argument(uri, expires));
        }
        let (hash, expires) = link.split_once(',').map_or((link.as_str(), None), |(hash, rest)| (hash, Some(rest)));
        let until = expires.map(|text| {
            let parameter = self.expires.as_ref().unwrap_or(&self.hash);
            seconds(text).ok_or_else(|| BadSignature::malformed(parameter, "Unix time in seconds, greater than 0"))
        });
        let until = until.transpose()?;
        let hash = decode(hash).ok_or_else(|| BadSignature::malformed(&self.hash, HASH))?;
        Ok(Link { hash, expires: expires.unwrap_or_default().to_owned(), until })
    }

    /// In nginx, a link is valid for every method. In devmedia, a link that shows an image could then also delete it.
    fn allows(&self, method: &Method) -> bool {
        self.expression.covers_method() || matches!(*method, Method::GET | Method::HEAD)
    }

    /// Returns the signed URL. If the expression contains the client's address, the URL is signed for 127.0.0.1.
    /// `expires` is ignored if links do not expire. The error is advice for the user.
    pub fn sign(&self, method: &Method, url: &Uri, expires: Timestamp) -> Result<String, String> {
        if !self.allows(method) {
            return Err(format!(
                "links are valid for {READING} only; for other methods, add $request_method to the expression"
            ));
        }
        self.expression.can_sign(url)?;
        let path = path_of(url)?;
        let expires = self.expires.as_ref().map(|name| (name, expires.as_second().to_string()));
        let remote = Some(std::net::Ipv4Addr::LOCALHOST.into());
        let mut headers = HeaderMap::new();
        if let Some(Ok(host)) = url.authority().map(|authority| authority.as_str().try_into()) {
            headers.insert(hyper::header::HOST, host);
        }
        let asked = Asked { method, uri: url, path: &path, headers: &headers, remote };
        let text = expires.as_ref().map_or("", |(_, text)| text);
        let value = self.expression.value(&asked, &decoded_path(&path), text, self.secret.as_bytes());
        let mut parameters = format!("{}={}", self.hash, BASE64URL.encode(Md5::digest(value)));
        if let Some((name, text)) = expires {
            parameters = format!("{parameters}&{name}={text}");
        }
        Ok(with_query(url, &parameters))
    }
}

/// Parses as `ngx_atotm` does: decimal digits, greater than 0.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|seconds| *seconds > 0)
}

/// Decodes a hash as nginx does: at most 24 characters, ignoring everything after the first `=`.
fn decode(text: &str) -> Option<[u8; 16]> {
    let digits = text.split('=').next().filter(|_| text.len() <= 24)?;
    BASE64URL.decode(digits).ok()?.try_into().ok()
}
