//! `Cache-Control`, strictly: a browser ignores what it does not understand, so a typing error would go unnoticed.

use hyper::header::HeaderValue;

use super::values::Advice;

/// Response directives (RFC 9111 section 5.2.2, RFC 5861, RFC 8246) and whether they need a number of seconds.
const DIRECTIVES: &[(&str, bool)] = &[
    ("immutable", false),
    ("max-age", true),
    ("must-revalidate", false),
    ("must-understand", false),
    ("no-cache", false),
    ("no-store", false),
    ("no-transform", false),
    ("private", false),
    ("proxy-revalidate", false),
    ("public", false),
    ("s-maxage", true),
    ("stale-if-error", true),
    ("stale-while-revalidate", true),
];

/// How many letters a mistyped directive may differ in from the right one.
const TYPOS: usize = 2;

/// Reads a `Cache-Control` value. Directives of a vendor's own are accepted beside one that is known.
pub(super) fn cache_control(value: &str) -> Result<HeaderValue, Advice> {
    let value = value.trim();
    let header = HeaderValue::try_from(value).ok().filter(|header| !header.is_empty() && value.is_ascii());
    let header =
        header.ok_or("not a header value; write what production sends, such as 'public, max-age=3600'".to_owned())?;
    if let Some((name, rest)) = value.split_once(':')
        && name.eq_ignore_ascii_case("cache-control")
    {
        return Err(format!("the header's name is not part of its value; write '{}'", rest.trim()).into());
    }
    let mut any_known = false;
    for directive in split(value) {
        any_known |= check(directive)?;
    }
    if any_known { Ok(header) } else { Err(unknown(value)) }
}

/// Whether a directive is known. The error is advice.
fn check(directive: &str) -> Result<bool, Advice> {
    let (name, argument) = match directive.split_once('=') {
        Some((name, argument)) => (name.trim(), Some(argument.trim())),
        None => (directive, None),
    };
    let lower = name.to_ascii_lowercase();
    if let Some((known, needs_seconds)) = DIRECTIVES.iter().find(|(known, _)| *known == lower) {
        let is_seconds = |argument: &str| !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_digit());
        return if *needs_seconds && !argument.is_some_and(is_seconds) {
            Err(format!("{directive:?} needs a whole number of seconds; write {known}=3600 for an hour").into())
        } else {
            Ok(true)
        };
    }
    let words: Vec<&str> = name.split([' ', ';', ':']).filter(|word| !word.is_empty()).collect();
    let is_known = |word: &&str| DIRECTIVES.iter().any(|(known, _)| word.eq_ignore_ascii_case(known));
    if words.len() > 1 && words.iter().any(is_known) {
        let separators = [' ', ';'];
        let fixed: Vec<&str> = directive.split(separators).filter(|word| !word.is_empty()).collect();
        return Err(format!("directives are separated by commas; write '{}'", fixed.join(", ")).into());
    }
    let near =
        DIRECTIVES.iter().map(|(known, _)| (strsim::damerau_levenshtein(known, &lower.replace('_', "-")), known));
    match near.min_by_key(|(typos, _)| *typos) {
        Some((typos, known)) if typos <= TYPOS => {
            Err(format!("{name:?} is not a directive of Cache-Control; did you mean {known}?").into())
        }
        _ => Ok(false),
    }
}

fn unknown(value: &str) -> Advice {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let example = if is_number { format!("max-age={value}") } else { "public, max-age=3600".to_owned() };
    format!("not a Cache-Control value; write what production sends, such as '{example}'").into()
}

/// The directives of a list; a quoted argument may hold commas.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.map(str::trim).filter(|directive| !directive.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_is_checked_for_what_browsers_would_ignore() {
        for (value, expected) in [
            ("no-cache", Ok(())),
            ("public, max-age=3600", Ok(())),
            (" Public,Max-Age=60 ", Ok(())),
            ("private, no-cache=\"Set-Cookie, X-User\", max-age=0", Ok(())),
            ("max-age=31536000, immutable", Ok(())),
            ("public, max-age=60, stale-while-revalidate=30, s-maxage=1", Ok(())),
            ("max-age=60, community=\"UCI\"", Ok(())), // RFC 9111 section 5.2.3
            ("", Err("'public, max-age=3600'")),
            ("3600", Err("'max-age=3600'")),
            ("0", Err("'max-age=0'")),
            ("1h", Err("'public, max-age=3600'")),
            ("yes", Err("'public, max-age=3600'")),
            ("forever", Err("'public, max-age=3600'")),
            ("max-age", Err("max-age=3600")),
            ("max-age=", Err("max-age=3600")),
            ("max-age=1h", Err("max-age=3600")),
            ("max-age=-1", Err("max-age=3600")),
            ("max-age = 60", Ok(())),
            ("public max-age=60", Err("'public, max-age=60'")),
            ("public; max-age=60", Err("'public, max-age=60'")),
            ("max-age:60", Err("")),
            ("nocache", Err("no-cache")),
            ("max_age=60", Err("max-age")),
            ("imutable", Err("immutable")),
            ("Cache-Control: no-store", Err("'no-store'")),
            ("no-store\r\nX: y", Err("'public, max-age=3600'")),
            ("public, caf\u{e9}", Err("'public, max-age=3600'")),
        ] {
            match (cache_control(value), expected) {
                (Ok(_), Ok(())) => {}
                (Err(advice), Err(says)) => assert!(advice.contains(says), "{value}: {advice}"),
                (read, _) => panic!("{value}: {read:?}"),
            }
        }
    }
}
