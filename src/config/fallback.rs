//! `--fallback` and what belongs to it, and `--placeholder`. A field's secret comes from the environment, and no problem
//! about it shows it.

use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use hyper::header::{self, HeaderName, HeaderValue};

use super::days;
use super::layers::Settings;
use super::problems::Problems;
use super::typed::Typed;
use super::uploads::size;
use crate::debug_gate::boolean;
use crate::fallback::upstream::Upstream;
use crate::fallback::{Fallback, Rules};
use crate::placeholder::Placeholder;

/// Fields that say where a request goes, how it travels, or which bytes are asked for: the client's own.
const OWN_FIELDS: [HeaderName; 11] = [
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

/// The most that is stored of one file, if nobody says otherwise.
const MAX: ByteSize = ByteSize::gib(1);

/// Who has what is missing in a mount. With `guarded`, that is so for what an access policy judges, too.
pub(super) fn read(url: &Typed, guarded: bool, settings: &Settings, problems: &mut Problems) -> Option<Arc<Fallback>> {
    let store = settings.fallback_store.as_ref();
    let store = store.is_none() || problems.boolean(store);
    let max = settings.fallback_max.as_ref().and_then(|typed| problems.check(typed, size));
    let refresh = settings.fallback_refresh.as_ref().and_then(|typed| problems.check(typed, age));
    let secret = |name: &str| std::env::var(name).ok();
    let headers: Vec<Typed> = settings.fallback_header.iter().map(without_value).collect();
    let headers = problems.each(&headers, |typed| field(typed, secret));
    let query = problems.boolean(settings.fallback_query.as_ref());
    let url = &without_query(url);
    let upstream = problems.check(url, Upstream::parse)?;
    let rules = Rules { store, max: max.unwrap_or(MAX).as_u64(), refresh, guarded, query };
    let fallback = Fallback::new(upstream, headers.into_iter().collect(), rules).map_err(|error| {
        problems.system(format!(
            "{}: this system trusts no certificate authority ({error}); install ca-certificates, or name a file of \
             certificates in SSL_CERT_FILE",
            url.shown
        ));
    });
    fallback.ok().map(Arc::new)
}

/// How what nobody has is drawn, if it is. With `guarded`, that is so for what an access policy judges, too.
pub(super) fn placeholder(settings: &Settings, guarded: bool, problems: &mut Problems) -> Option<Placeholder> {
    let read = |text: &str| match (boolean(text), text) {
        (Some(yes), _) => Ok(yes.then_some(Placeholder { keeps_status: false, guarded })),
        (None, "status") => Ok(Some(Placeholder { keeps_status: true, guarded })),
        _ => Err("it is neither yes nor no; write true, false, or status to keep the status 404"),
    };
    problems.check(settings.placeholder.as_ref()?, read)?
}

/// Reads a time span of hours or days.
fn age(text: &str) -> Result<Duration, &'static str> {
    days(text).ok_or("it is no time span; write 12h, 1d or 2w")
}

/// A URL whose query, which may be a secret, no problem shows.
fn without_query(typed: &Typed) -> Typed {
    match typed.value.split_once('?') {
        Some((_, query)) => {
            // as it is quoted there
            let quoted = format!("{query:?}");
            let shown = typed.shown.replace(&quoted[1..quoted.len() - 1], "...");
            Typed { value: typed.value.clone(), shown }
        }
        None => typed.clone(),
    }
}

/// A field that no problem shows: it may be a secret, or hold one where nobody would look for it.
fn without_value(typed: &Typed) -> Typed {
    let shown = typed.shown.replace(&format!("{:?}", typed.value), "\"...\"");
    Typed { value: typed.value.clone(), shown }
}

/// A field to add: any word of its value may be `env:NAME`.
fn field(typed: &str, secret: impl Fn(&str) -> Option<String>) -> Result<(HeaderName, HeaderValue), String> {
    const ADVICE: &str = "it is no field; write 'Name: value', or 'Name: env:VARIABLE' for a secret";
    let (name, value) = typed.split_once(':').ok_or(ADVICE)?;
    let name: HeaderName = name.trim().parse().map_err(|_| ADVICE)?;
    if OWN_FIELDS.contains(&name) {
        return Err(format!("{name} is devmedia's own to send; leave it away"));
    }
    let mut words = Vec::new();
    for word in value.split_whitespace() {
        words.push(match word.strip_prefix("env:") {
            // a file that a script read into it ends in a line break
            Some(variable) => secret(variable).map(|value| value.trim().to_owned()).ok_or_else(|| {
                format!("the environment variable {variable} is not set; export it before devmedia starts")
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
    fn an_age_is_typed_in_hours_or_days() {
        let hours = |count: u64| Some(Duration::from_secs(count * 3600));
        for (typed, expected) in [
            ("12h", hours(12)),
            ("1d", hours(24)),
            ("2w", hours(24 * 14)),
            ("1d 6h", hours(30)),
            ("0s", hours(0)),
            ("-1d", None),
            ("1", None),
            ("1 month", None),
        ] {
            assert_eq!(age(typed).ok(), expected, "{typed}");
        }
    }

    #[test]
    fn a_field_is_typed_as_it_is_sent_but_for_its_secret() {
        let secret = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        for (typed, expected) in [
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
            let read = field(typed, secret).ok();
            let read = read.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            assert_eq!(read.as_deref(), expected, "{typed}");
        }
        let (_, value) = field("Authorization: env:TOKEN", secret).unwrap();
        assert!(!format!("{value:?}").contains("s3cret"), "a secret is in no log");
    }
}
