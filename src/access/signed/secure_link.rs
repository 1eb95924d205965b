//! `secure_link`: the links of nginx's `ngx_http_secure_link_module`, so that the same URLs work on both.
//!
//! ```text
//! secure_link      $arg_md5,$arg_expires;                   the parameters `link` names
//! secure_link_md5  "$secure_link_expires$uri the-secret";   `expression`, with $secret in place of the secret
//! if ($secure_link = "")  { return 403; }
//! if ($secure_link = "0") { return 410; }
//! ```
//!
//! What nginx does is done here, odd or not (`tests/signing/secure_link.rs` asks a real one): the first of several equal parameters
//! counts, their names have no case, values are not decoded, padding is ignored. One thing it does is not: where the
//! expression leaves the method out, a link is good for reading only.

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
use super::mistake::{explain, taken_for_path};
use super::{Asked, BadSignature, decoded_path, path_of, with_query};
use crate::access::secret::Secret;

/// As nginx decodes (`ngx_decode_base64url`): what is left in the last digit does not matter.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// nginx's default in its documentation, without the client's address: a phone that leaves the Wi-Fi loses its links.
const EXPRESSION: &str = "$secure_link_expires$uri $secret";

const LINK: &str = "$arg_md5,$arg_expires";

/// What a link without a method is good for.
const READING: &str = "GET and HEAD";

/// What the parameter with the hash should hold.
const HASH: &str = "an MD5 in base64url without padding, 22 characters; openssl md5 -binary | openssl base64 | \
                    tr +/ -_ | tr -d = makes one";

/// Links that are signed as nginx checks them.
#[derive(Debug, Clone)]
pub struct SecureLink {
    secret: Secret,
    expression: Expression,
    /// The parameter that holds the hash.
    hash: String,
    /// The parameter that holds the expiry; without one links are good for ever.
    expires: Option<String>,
}

/// What a link says.
struct Link {
    hash: [u8; 16],
    expires: String,
    until: Option<i64>,
}

impl SecureLink {
    /// `expression` is the argument of `secure_link_md5`, with `$secret` in place of the secret; `link` is the argument of
    /// `secure_link`. The error is a sentence of advice.
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
                "link names the parameters of the query, such as {LINK}, or $arg_md5 for links without expiry"
            )),
        }
    }

    /// Until when the URL is good; `None` where links have no expiry.
    pub fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Option<Timestamp>, BadSignature> {
        let Link { hash, expires, until } = self.read(asked.uri)?;
        let genuine = |asked: &Asked<'_>, path: &[u8]| {
            let digest = Md5::digest(self.expression.value(asked, path, &expires, self.secret.as_bytes()));
            CtOutput::<Md5>::from(digest) == CtOutput::from(md5::digest::Output::<Md5>::from(hash))
        };
        let path = decoded_path(asked.path);
        if !genuine(asked, &path) {
            let message = self.expression.value(asked, &path, &expires, b"$secret");
            let own = [&self.hash, self.expires.as_ref().unwrap_or(&self.hash)].map(String::as_str);
            return Err(explain(asked, &path, &taken_for_path(asked, &own), &message, genuine));
        }
        if !self.is_for(asked.method) {
            return Err(BadSignature::Method { method: asked.method.clone(), has: READING });
        }
        match until {
            Some(until) if now.as_second() > until => {
                let until = Timestamp::from_second(until).expect("after 1970 and before now");
                Err(BadSignature::Expired { ago: now.duration_since(until), status: StatusCode::GONE })
            }
            // milliseconds, a common mistake that nginx takes as well, are later than any date there is
            until => Ok(until.map(|until| Timestamp::from_second(until).unwrap_or(Timestamp::MAX))),
        }
    }

    /// What the query says. nginx joins the two parameters and divides the whole at the first comma, so a hash may bring
    /// its expiry along.
    fn read(&self, uri: &Uri) -> Result<Link, BadSignature> {
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

    /// nginx lets a link be good for every method. Here that would make a link to a picture one that deletes it.
    fn is_for(&self, method: &Method) -> bool {
        self.expression.covers_method() || matches!(*method, Method::GET | Method::HEAD)
    }

    /// The URL, signed; for ever where links have no expiry, and for 127.0.0.1 where the client's address is covered.
    /// The error is a sentence of advice.
    pub fn sign(&self, method: &Method, url: &Uri, expires: Timestamp) -> Result<String, String> {
        if !self.is_for(method) {
            return Err(format!("links are good for {READING} only, until their expression holds $request_method"));
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

/// As `ngx_atotm` reads: decimal digits, and greater than 0.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|seconds| *seconds > 0)
}

/// As nginx reads a hash: at most 24 characters, and what follows the first `=` does not matter.
fn decode(text: &str) -> Option<[u8; 16]> {
    let digits = text.split('=').next().filter(|_| text.len() <= 24)?;
    BASE64URL.decode(digits).ok()?.try_into().ok()
}
