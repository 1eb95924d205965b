//! The parsers of all kinds of values. They are pure, except for headers that read a secret from the environment.
//! Errors are advice, which follows the value as it was typed.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use hyper::header::{self, HeaderName, HeaderValue};
use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::environment;
use crate::fallback::upstream::Upstream;
use crate::forward::address::Address;
use crate::guard::{HostPattern, OriginPattern};
use crate::log::LogFormat;
use crate::network::conditions::Conditions;
use crate::request::prefix::Prefix;
use crate::server::listener::{Host, Listen};
use crate::signature::Key;
use crate::signature::secret::Secret;
use crate::storage::media_type::MediaType;

/// The problem with a value, and what to write instead.
pub type Advice = Cow<'static, str>;

/// `--placeholder`: when missing images, video and audio are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholders {
    /// Never.
    No,
    /// With status 200.
    Yes,
    /// With status 404.
    KeepStatus,
}

/// `--s3`: whether there is an S3 endpoint, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Switch {
    /// There is none.
    Off,
    /// At its default address.
    On,
    /// Here.
    At(Listen),
}

/// `--s3-hosts`: another name of the S3 endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Host {
    /// As it was typed: a name, and a port if signatures have one.
    pub text: String,
    /// The name for the guard.
    pub pattern: HostPattern,
}

/// `--type`: an extension, in lower case and without its dot, and its type.
pub type TypeOf = (String, MediaType);

/// Headers that say where a request goes, how it travels, or which bytes it asks for. The fallback sets them itself.
const OWN_HEADERS: [HeaderName; 11] = [
    header::HOST,
    header::VIA,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::UPGRADE,
];

/// The shortest `--poll`: reading a folder takes time, and a shorter interval would leave time for nothing else.
const MIN_POLL: Duration = Duration::from_millis(50);

/// Numbers without a unit below this are more likely megabytes than bytes.
const MIN_BARE_SIZE: u64 = 1024;

/// Any text; it is checked where it is used.
#[expect(clippy::unnecessary_wraps, reason = "it has the same type as all parsers")]
pub(super) fn text(text: &str) -> Result<String, Advice> {
    Ok(text.to_owned())
}

/// A file that is written.
pub(super) fn output_file(text: &str) -> Result<PathBuf, Advice> {
    if text.is_empty() { Err("not a file; write a path such as devmedia.url".into()) } else { Ok(text.into()) }
}

/// 1/true/yes/on and 0/false/no/off, in any case; `None` is anything else.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, Advice> {
    boolean(text).ok_or("neither yes nor no; write true or false".into())
}

pub(super) fn placeholders(text: &str) -> Result<Placeholders, Advice> {
    match (boolean(text), text) {
        (Some(true), _) => Ok(Placeholders::Yes),
        (Some(false), _) => Ok(Placeholders::No),
        (None, "status") => Ok(Placeholders::KeepStatus),
        _ => Err("neither yes nor no; write true, false, or status to keep the status 404".into()),
    }
}

pub(super) fn prefix(text: &str) -> Result<Prefix, Advice> {
    Prefix::parse(text).map_err(|error| error.to_string().into())
}

pub(super) fn port(text: &str) -> Result<u16, Advice> {
    let advice = "not a port; write a number from 0 to 65535, such as 8001 (0 picks a free one)";
    text.trim().parse().map_err(|_| match text.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => format!("has an address; write --listen {text}").into(),
        _ => advice.into(),
    })
}

pub(super) fn host(text: &str) -> Result<Host, Advice> {
    Host::parse(text).map_err(Into::into)
}

pub(super) fn listen(text: &str) -> Result<Listen, Advice> {
    Listen::parse(text).map_err(Into::into)
}

pub(super) fn s3(text: &str) -> Result<S3Switch, Advice> {
    match boolean(text) {
        Some(true) => Ok(S3Switch::On),
        Some(false) => Ok(S3Switch::Off),
        None => Listen::parse(text).map(S3Switch::At).map_err(|_| {
            "not an IP address and a port; write --s3 alone, or an address such as --s3=127.0.0.1:9000".into()
        }),
    }
}

pub(super) fn s3_key(text: &str) -> Result<Key, Advice> {
    s3_key_with(text, environment::variable)
}

fn s3_key_with(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Key, Advice> {
    const ADVICE: &str =
        "not a key; write ID:env:NAME, such as my-key:env:S3_SECRET, with the secret in the variable NAME";
    let (id, name) = text.split_once(":env:").ok_or(ADVICE)?;
    if id.is_empty() || name.is_empty() || id.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(ADVICE.into());
    }
    let secret = variable(name).and_then(|secret| Secret::new(secret.trim()));
    let secret = secret.ok_or_else(|| {
        format!("the environment variable {name} is not set, or empty; set it before you start devmedia")
    })?;
    Ok(Key { id: id.to_owned(), secret })
}

pub(super) fn s3_host(text: &str) -> Result<S3Host, Advice> {
    const ADVICE: &str = "not a host; write minio, or minio:9000, without a scheme";
    let text = text.trim();
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => text,
    };
    match HostPattern::parse(name) {
        Some(pattern @ HostPattern::Exactly(_)) => Ok(S3Host { text: text.to_ascii_lowercase(), pattern }),
        _ => Err(ADVICE.into()),
    }
}

pub(super) fn host_pattern(name: &str) -> Result<HostPattern, Advice> {
    HostPattern::parse(name)
        .ok_or("not a host name; write app.example.dev or *.example.dev, without a scheme and without a port".into())
}

pub(super) fn origin_pattern(origin: &str) -> Result<OriginPattern, Advice> {
    OriginPattern::parse(origin)
        .ok_or("not an origin; write https://app.example:3000, or http://app.example:* for any port".into())
}

pub(super) fn upstream(url: &str) -> Result<Upstream, Advice> {
    Upstream::parse(url)
}

pub(super) fn app(text: &str) -> Result<Address, Advice> {
    const ADVICE: &str = "not the address of an app; write one such as http://127.0.0.1:8000";
    // 8000 and localhost:8000 are what people type
    let url = match text.trim().parse::<u16>() {
        Ok(port) => format!("http://127.0.0.1:{port}"),
        Err(_) if text.contains("://") => text.trim().to_owned(),
        // a mistyped port, not the name of a host
        Err(_) if text.trim().starts_with(|c: char| c.is_ascii_digit()) && !text.contains(['.', ':']) => {
            return Err(ADVICE.into());
        }
        Err(_) => format!("http://{}", text.trim()),
    };
    let url: hyper::Uri = url.parse().map_err(|_| ADVICE)?;
    match (url.scheme_str(), url.path(), url.query()) {
        (Some("https"), ..) => {
            Err("devmedia reaches the app over http, not https: it runs on this machine; write http://".into())
        }
        (_, "" | "/", None) => Address::of(&url).ok_or(ADVICE.into()),
        _ => Err("the app gets each path as it is; write its address without a path".into()),
    }
}

pub(super) fn type_of(value: &str) -> Result<TypeOf, Advice> {
    const ADVICE: &str = "not an extension and its type; write them as stl=model/stl";
    let (extension, media_type) = value.split_once('=').ok_or(ADVICE)?;
    let extension = extension.trim().trim_start_matches('.').to_ascii_lowercase();
    let media_type = MediaType::parse(media_type).ok_or(ADVICE)?;
    if extension.is_empty() || extension.contains(['.', '/']) {
        return Err(ADVICE.into());
    }
    Ok((extension, media_type))
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Advice> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("not a log format; write pretty or json".into()),
    }
}

pub(super) fn network(text: &str) -> Result<Conditions, Advice> {
    Conditions::parse(text).map_err(Into::into)
}

pub(super) fn seed(text: &str) -> Result<u64, Advice> {
    text.trim().parse().map_err(|_| "not a seed; write a whole number, such as 1".into())
}

/// A number of bytes.
pub(super) fn size(text: &str) -> Result<ByteSize, Advice> {
    let text = text.trim();
    let size: ByteSize = text.parse().map_err(|_| "not a size; write one such as 500MB or 1GiB")?;
    let is_bare = text.bytes().all(|byte| byte.is_ascii_digit());
    match size.as_u64() {
        0 => Err("must be greater than 0; write a size such as 500MB or 1GiB".into()),
        bytes if is_bare && bytes < MIN_BARE_SIZE => {
            Err(format!("only {bytes} bytes; write {text}MB for megabytes, or {text}B if you mean bytes").into())
        }
        _ => Ok(size),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, Advice> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed.and_then(|duration| duration.try_into().ok()).ok_or_else(|| not_a_duration(text, "10s, 500ms or 1m"))
}

/// An age of hours or days; a day has 24 hours.
pub(super) fn age(text: &str) -> Result<Duration, Advice> {
    days(text).ok_or_else(|| not_a_duration(text, "12h, 1d or 2w"))
}

pub(super) fn poll_interval(text: &str) -> Result<Duration, Advice> {
    match duration(text) {
        Ok(interval) if interval >= MIN_POLL => Ok(interval),
        Ok(_) => Err("too short; write 50ms or more, such as 1s".into()),
        Err(_) => Err(not_a_duration(text, "1s, 500ms or 1m")),
    }
}

/// A duration that may have days and weeks; a day has 24 hours.
pub fn days(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

fn not_a_duration(text: &str, examples: &str) -> Advice {
    let is_bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let what = if is_bare { "has no unit" } else { "not a duration" };
    format!("{what}; write one such as {examples}").into()
}

/// A request header for the fallback: `Name: value`, where a word `env:NAME` is replaced by that environment variable.
pub(super) fn request_header(text: &str) -> Result<(HeaderName, HeaderValue), Advice> {
    header_with_secrets(text, environment::variable)
}

fn header_with_secrets(
    text: &str,
    secret: impl Fn(&str) -> Option<String>,
) -> Result<(HeaderName, HeaderValue), Advice> {
    const ADVICE: &str = "not a header; write 'Name: value', or 'Name: env:VARIABLE' for a secret";
    let (name, value) = text.split_once(':').ok_or(ADVICE)?;
    let name: HeaderName = name.trim().parse().map_err(|_| ADVICE)?;
    if OWN_HEADERS.contains(&name) {
        return Err(format!("devmedia sets {name} itself; remove it").into());
    }
    let mut words = Vec::new();
    for word in value.split_whitespace() {
        words.push(match word.strip_prefix("env:") {
            // a variable that was read from a file ends in a line break
            Some(variable) => secret(variable).map(|value| value.trim().to_owned()).ok_or_else(|| {
                format!("the environment variable {variable} is not set; set it before you start devmedia")
            })?,
            None => word.to_owned(),
        });
    }
    let mut value = HeaderValue::try_from(words.join(" ")).map_err(|_| ADVICE)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_port_is_not_the_host_of_an_app() {
        for (text, expected) in [
            ("8000", Some("http://127.0.0.1:8000")),
            ("app", Some("http://app")),
            ("localhost:8000", Some("http://localhost:8000")),
            ("3.example:8000", Some("http://3.example:8000")),
            ("8000x", None),
            ("99999", None),
            ("127.0.0.1:8000x", None),
            ("localhost:99999", None),
        ] {
            assert_eq!(app(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn s3_keys_name_the_variable_with_the_secret() {
        let variable = |name: &str| (name == "SET").then(|| " secret\n".to_owned());
        for (text, expected) in [
            ("id:env:SET", Ok("id")),
            ("a:b:env:SET", Ok("a:b")),
            ("id:env:UNSET", Err("UNSET is not set")),
            ("id:secret", Err("ID:env:NAME")),
            ("env:SET", Err("ID:env:NAME")),
            (":env:SET", Err("ID:env:NAME")),
            ("a b:env:SET", Err("ID:env:NAME")),
            ("", Err("ID:env:NAME")),
        ] {
            match (s3_key_with(text, variable), expected) {
                (Ok(key), Ok(id)) => assert_eq!((key.id.as_str(), key.secret.as_bytes()), (id, &b"secret"[..])),
                (Err(advice), Err(says)) => assert!(advice.contains(says), "{text}: {advice}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        for (text, is_host) in [
            ("minio", true),
            ("minio:9000", true),
            ("127.0.0.1:19000", true),
            ("http://minio", false),
            ("*.a", false),
            ("", false),
        ] {
            assert_eq!(s3_host(text).is_ok(), is_host, "{text}");
        }
    }

    #[test]
    fn sizes_without_a_unit_must_be_plausible() {
        for (text, expected) in [
            ("1GiB", Ok(1 << 30)),
            ("500MB", Ok(500_000_000)),
            (" 64KiB ", Ok(65536)),
            ("10B", Ok(10)),
            ("1024", Ok(1024)),
            ("5000000", Ok(5_000_000)),
            ("10", Err("write 10MB for megabytes, or 10B")),
            ("512", Err("write 512MB for megabytes, or 512B")),
            ("1.5", Err("not a size")),
            ("0", Err("write a size such as")),
            ("0MB", Err("write a size such as")),
            ("", Err("not a size")),
            ("lots", Err("not a size")),
            ("-1", Err("not a size")),
        ] {
            match (size(text), expected) {
                (Ok(size), Ok(expected)) => assert_eq!(size.as_u64(), expected, "{text}"),
                (Err(advice), Err(expected)) => assert!(advice.contains(expected), "{text}: {advice}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }

    #[test]
    fn durations_have_a_unit() {
        for (text, expected) in [
            ("10s", Ok(Duration::from_secs(10))),
            ("500ms", Ok(Duration::from_millis(500))),
            ("1m", Ok(Duration::from_secs(60))),
            ("10", Err("has no unit; write one such as 10s")),
            ("", Err("not a duration")),
            ("soon", Err("not a duration")),
            ("-1s", Err("not a duration")),
        ] {
            match (duration(text), expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{text}"),
                (Err(advice), Err(expected)) => assert!(advice.contains(expected), "{text}: {advice}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }

    #[test]
    fn ages_have_hours_or_days() {
        let hours = |count: u64| Some(Duration::from_secs(count * 3600));
        for (text, expected) in [
            ("12h", hours(12)),
            ("1d", hours(24)),
            ("2w", hours(24 * 14)),
            ("1d 6h", hours(30)),
            ("0s", hours(0)),
            ("-1d", None),
            ("1", None),
            ("1 month", None),
        ] {
            assert_eq!(age(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn headers_take_secrets_from_the_environment() {
        let secret = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        for (text, expected) in [
            ("Authorization: env:TOKEN", Some("authorization: s3cret")),
            ("Authorization: Bearer env:TOKEN", Some("authorization: Bearer s3cret")),
            ("X-Token:plain", Some("x-token: plain")),
            ("Referer: https://example.com/", Some("referer: https://example.com/")),
            ("Authorization: env:MISSING", None),
            ("Host: evil.example", None),
            ("Via: 1.1 me", None),
            ("no colon", None),
            ("bad name: x", None),
            ("X: a\nb: c", Some("x: a b: c")),
            ("X: a\u{7f}", None),
        ] {
            let read = header_with_secrets(text, secret).ok();
            let read = read.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        let (_, value) = header_with_secrets("Authorization: env:TOKEN", secret).unwrap();
        assert!(!format!("{value:?}").contains("s3cret"), "the secret must not be logged");
    }
}
