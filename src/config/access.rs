//! `access = ...` and `[[mount.rule]]`: who may see which files.

use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::cache_control::cache_control;
use super::keys::{self, Place};
use super::problems::Problems;
use super::section::{Section, Value};
use super::typed::Typed;
use super::values::{Advice, duration};
use crate::access::Policy;
use crate::access::ask::Ask;
use crate::access::rules::{Patterns, Rule};
use crate::access::signed::{Hmac, S3, SecureLink, Signed};
use crate::answer::disposition::Disposition;
use crate::environment;
use crate::forward::app_url::AppUrl;
use crate::signature::secret::Secret;

/// How long devmedia waits for the app, by default.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest time for which an approval may be remembered: a log-out should take effect soon.
const LONGEST_MEMORY: Duration = Duration::from_secs(10);

/// Headers that neither a rule nor an app may set: they describe the answer's framing or type, or protect the browser.
const OURS: &[&str] = &[
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cross-origin-resource-policy",
    "date",
    "etag",
    "last-modified",
    "location",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
];

/// The name of a header that a rule or an app may set.
fn field_name(text: &str) -> Result<HeaderName, &'static str> {
    match text.parse::<HeaderName>() {
        Ok(name) if OURS.contains(&name.as_str()) || name.as_str().starts_with("access-control-") => {
            Err("devmedia sets this header itself; remove it")
        }
        Ok(name) => Ok(name),
        Err(_) => Err("not a header name; write one such as X-User"),
    }
}

/// The `access` of a mount or a rule, if it has one.
pub(super) fn policy(section: &mut Section<'_>, problems: &mut Problems) -> Option<Policy> {
    match section.text_or_section("access", problems)? {
        Value::Text(typed) => problems.check(&typed, |word| match word {
            "public" => Ok(Policy::Public),
            "deny" => Ok(Policy::Deny),
            _ => Err(
                r#"not an access rule; write "public", "deny", { ask = "http://..." } or { signed = "...", secret = ... }"#,
            ),
        }),
        Value::Section(mut access) => {
            let (asked, signed) = (access.text("ask", problems), access.text("signed", problems));
            let policy = match (asked, signed) {
                (Some(url), None) => ask(&url, &mut access, problems),
                (None, Some(scheme)) => self::signed(&scheme, &mut access, problems).map(Policy::Signed),
                _ => {
                    let at = access.at();
                    problems
                        .usage(format!("{at}: access is either {{ ask = \"http://...\" }} or {{ signed = \"...\" }}"));
                    return None;
                }
            };
            access.end(problems, |key, _| {
                let with = match key {
                    "timeout" | "cache" | "copy" => "ask = \"http://...\"",
                    "secret" => "signed = \"...\"",
                    "expression" | "link" => "signed = \"secure_link\"",
                    "access_key" | "region" => "signed = \"s3\"",
                    _ => return None,
                };
                Some(format!("it is valid only beside {with}"))
            });
            policy
        }
    }
}

fn ask(url: &Typed, section: &mut Section<'_>, problems: &mut Problems) -> Option<Policy> {
    // it may contain a password or a key, so errors do not show it
    let url =
        AppUrl::parse(&url.value).map_err(|advice| problems.usage(format!("{}: ask: {advice}", section.at()))).ok();
    let patience = section.text("timeout", problems).and_then(|typed| {
        problems.check(&typed, |text| match duration(text)? {
            Duration::ZERO => Err(Advice::from("too short for any app; write one such as 10s, 500ms or 1m")),
            span => Ok(span),
        })
    });
    let remember = section.text("cache", problems).and_then(|typed| {
        problems.check(&typed, |text| match duration(text)? {
            span if span <= LONGEST_MEMORY => Ok(span),
            _ => Err(Advice::from("too long: an approval is remembered for 10s at most; write 10s or less")),
        })
    });
    let copy = section.texts("copy", problems);
    let copy = problems.each(&copy, |name| match field_name(name)? {
        header::CONTENT_SECURITY_POLICY => Err("it would replace the sandbox of files that can run scripts; remove it"),
        name => Ok(name),
    });
    let ask = Ask::new(url?, patience.unwrap_or(PATIENCE), copy, remember.unwrap_or_default());
    Some(Policy::Ask(Box::new(ask)))
}

fn signed(scheme: &Typed, section: &mut Section<'_>, problems: &mut Problems) -> Option<Signed> {
    let secret = secret(section, problems);
    let signed = match scheme.value.as_str() {
        "secure_link" => {
            let (expression, link) = (section.text("expression", problems), section.text("link", problems));
            let text = |typed: &Option<Typed>| typed.as_ref().map(|typed| typed.value.clone());
            // nginx's own expression contains the secret, so errors do not show it
            match SecureLink::new(secret?, text(&expression).as_deref(), text(&link).as_deref()) {
                Ok(scheme) => Signed::SecureLink(scheme),
                Err(advice) => {
                    problems.usage(format!("{}: secure_link: {advice}", section.at()));
                    return None;
                }
            }
        }
        "hmac" => Signed::Hmac(Hmac::new(secret?)),
        "s3" => {
            let (access_key, region) = (section.text("access_key", problems), section.text("region", problems));
            let Some(access_key) = access_key else {
                problems.usage(format!(
                    "{}: access_key is missing; write access_key = \"...\", as in the app's S3 client",
                    scheme.shown
                ));
                return None;
            };
            Signed::S3(S3::new(access_key.value, secret?, region.map(|typed| typed.value)))
        }
        _ => {
            problems.usage(format!("{}: not a kind of signature; write secure_link, hmac or s3", scheme.shown));
            return None;
        }
    };
    Some(signed)
}

/// `secret = "..."`, `{ env = "NAME" }` or `{ file = "PATH" }`. No error shows it.
fn secret(section: &mut Section<'_>, problems: &mut Problems) -> Option<Secret> {
    const EMPTY: &str = "the secret is empty";
    let at = section.at().to_owned();
    let Some(value) = section.text_or_section("secret", problems) else {
        problems.usage(format!(r#"{at}: signed access needs a secret; write secret = {{ env = "MEDIA_SECRET" }}"#));
        return None;
    };
    let read = match value {
        Value::Text(typed) => Secret::new(typed.value).ok_or(EMPTY.to_owned()),
        Value::Section(mut source) => {
            let (env, file) = (source.text("env", problems), source.text("file", problems));
            source.end(problems, |_, _| None);
            match (env, file) {
                (Some(name), None) => match environment::variable(&name.value) {
                    Some(value) => Secret::new(value).ok_or_else(|| format!("the variable {} is empty", name.value)),
                    None => Err(format!("the variable {} is not set; set it before you start devmedia", name.value)),
                },
                (None, Some(path)) => match std::fs::read(&path.value) {
                    Ok(bytes) => Secret::new(bytes.trim_ascii_end()).ok_or_else(|| format!("{} is empty", path.value)),
                    Err(error) => Err(format!("{} cannot be read: {error}", path.value)),
                },
                _ => Err(r#"a secret is { env = "NAME" } or { file = "PATH" }"#.to_owned()),
            }
        }
    };
    read.map_err(|advice| problems.usage(format!("{at}: secret: {advice}"))).ok()
}

/// The `[[mount.rule]]`s of the mount at `url`.
pub(super) fn rules(url: Option<&str>, section: &mut Section<'_>, problems: &mut Problems) -> Vec<(Patterns, Rule)> {
    let sections = section.sections("rule", "mount.rule", problems);
    sections.into_iter().filter_map(|section| rule(url, section, problems)).collect()
}

fn rule(url: Option<&str>, mut section: Section<'_>, problems: &mut Problems) -> Option<(Patterns, Rule)> {
    let at = section.at().to_owned();
    let typed = section.texts("match", problems);
    let mut all_read = true;
    for typed in &typed {
        let read = problems.check(typed, |pattern| match (Patterns::parse(std::iter::once(pattern)), url) {
            (Ok(_), Some(url)) if url != "/" && pattern.starts_with(url) => {
                Err(format!("patterns are relative to the mount; write {}", &pattern[url.len()..]))
            }
            (read, _) => read.map_err(|error| error.to_string()),
        });
        all_read &= read.is_some();
    }
    let patterns = Patterns::parse(typed.iter().map(|typed| typed.value.as_str())).ok().filter(|_| all_read);
    if typed.is_empty() {
        problems.usage(format!(
            r#"{at}: this [[mount.rule]] has no match; write match = "private/**" or ["*.pdf", "*.doc"]"#
        ));
    }
    let cache = section.text("cache_control", problems);
    let disposition = section.text("disposition", problems);
    let rule = Rule {
        access: policy(&mut section, problems),
        cache_control: cache.and_then(|typed| problems.check(&typed, cache_control)),
        disposition: disposition.and_then(|typed| {
            let read = |word: &str| Disposition::parse(word).ok_or("not a disposition; write attachment or inline");
            problems.check(&typed, read)
        }),
        fields: fields(&mut section, problems),
    };
    section.end(problems, |key, value| keys::advice(Place::Rule, key, value));
    Some((patterns?, rule))
}

/// `headers = { ... }`.
fn fields(section: &mut Section<'_>, problems: &mut Problems) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, typed) in section.pairs("headers", problems) {
        let field = problems.check(&typed, |value| {
            let value =
                HeaderValue::from_str(value).map_err(|_| "not a header value; write visible characters in one line")?;
            Ok::<_, &str>((field_name(&name)?, value))
        });
        fields.extend(field);
    }
    fields
}
