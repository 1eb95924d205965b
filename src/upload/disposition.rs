//! Parses the parameters of `Content-Disposition` and `Content-Type` in a form (RFC 7578 section 4.2). Supports
//! `filename*` (RFC 8187), which browsers do not send but old clients do. Follows Django's `parse_header_parameters`,
//! which is based on Python's `email.message`. Pure.

use encoding_rs::Encoding;
use percent_encoding::percent_decode_str;

/// The value of a parameter, or `None` if the parameter is missing or empty.
///
/// An extended value (`filename*`) takes precedence over a plain one in any order, as RFC 8187 section 4.2 says. If its
/// charset is unknown, the plain one is used. Bytes that are not valid in the charset become U+FFFD.
pub fn parameter(field: &[u8], wanted: &str) -> Option<String> {
    let field = String::from_utf8_lossy(field);
    let mut plain = None;
    let mut pieces: Vec<Piece> = Vec::new();
    for parameter in parameters(&field).skip(1) {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), unquoted(value.trim()));
        if key == wanted {
            plain = Some(value);
        } else if let Some((number, is_encoded)) = key.strip_prefix(wanted).and_then(continuation) {
            pieces.push(Piece { number, value, is_encoded });
        }
    }
    let not_empty = |value: &String| !value.is_empty();
    extended(pieces).filter(not_empty).or(plain.filter(not_empty))
}

/// True if the parameter has only an extended value with an unknown charset, so that [`parameter`] cannot read it.
pub fn has_unknown_charset(field: &[u8], wanted: &str) -> bool {
    let field = String::from_utf8_lossy(field);
    parameters(&field).skip(1).any(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap_or_default();
        let key = key.trim().to_ascii_lowercase();
        let text = value.splitn(3, '\'').nth(2).unwrap_or_default();
        key.strip_prefix(wanted).and_then(continuation).is_some() && !text.trim_matches('"').is_empty()
    })
}

/// A part of a value (RFC 2231 section 3): `filename*0*=UTF-8''%e2; filename*1=b.txt`.
struct Piece {
    number: Option<u32>,
    value: String,
    is_encoded: bool,
}

/// Parses what follows the name in `filename*`, `filename*0` and `filename*0*`: the number, and whether the value is
/// encoded.
fn continuation(suffix: &str) -> Option<(Option<u32>, bool)> {
    let number = suffix.strip_prefix('*')?;
    let (digits, is_encoded) = number.strip_suffix('*').map_or((number, number.is_empty()), |digits| (digits, true));
    match digits {
        "" => is_encoded.then_some((None, true)),
        _ => Some((Some(digits.parse().ok()?), is_encoded)),
    }
}

/// Joins the pieces in order and decodes them in the charset that the first of them names.
fn extended(mut pieces: Vec<Piece>) -> Option<String> {
    pieces.sort_by_key(|piece| piece.number);
    if pieces.is_empty() {
        return None;
    }
    let has_charset = pieces.iter().any(|piece| piece.is_encoded);
    let mut value = Vec::new();
    for Piece { value: text, is_encoded, .. } in &pieces {
        if *is_encoded { value.extend(percent_decode_str(text)) } else { value.extend_from_slice(text.as_bytes()) }
    }
    if !has_charset {
        return String::from_utf8(value).ok();
    }
    let mut parts = value.splitn(3, |&b| b == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_language), Some(text)) => decoded(charset, text),
        _ => Some(ascii(&value)),
    }
}

/// Decodes bytes in the named charset. `None` if the charset is unknown.
fn decoded(charset: &[u8], bytes: &[u8]) -> Option<String> {
    let charset = String::from_utf8_lossy(charset).to_ascii_lowercase().replace('_', "-");
    match charset.as_str() {
        // browsers treat both as Windows-1252, Python does not
        "" | "iso-8859-1" | "iso8859-1" | "latin-1" | "latin1" => Some(bytes.iter().copied().map(char::from).collect()),
        "us-ascii" | "ascii" => Some(ascii(bytes)),
        _ => {
            let label = if charset == "shift-jis" { "shift_jis" } else { &charset };
            let encoding = Encoding::for_label(label.as_bytes())?;
            Some(encoding.decode_without_bom_handling(bytes).0.into_owned())
        }
    }
}

fn ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| if b.is_ascii() { char::from(b) } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Splits a header at the semicolons outside quotes.
fn parameters(field: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    field.split(move |c| {
        let escape = escaped;
        escaped = quoted && c == '\\' && !escape;
        quoted ^= c == '"' && !escape;
        c == ';' && !quoted
    })
}

/// Removes the quotes, and the backslashes that escape quotes inside them. Other backslashes stay: they separate
/// folders in the names that old Windows clients send.
fn unquoted(value: &str) -> String {
    if let Some(inside) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return inside.replace("\\\\", "\\").replace("\\\"", "\"");
    }
    let inside = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inside.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Django 5.2 returns, except for the rows that say so.
    #[test]
    fn file_names_in_every_syntax() {
        for (field, expected) in [
            (r#"form-data; name="f"; filename="a.txt""#, Some("a.txt")),
            (r#"form-data; name="f"; FILENAME="a.txt""#, Some("a.txt")),
            ("form-data; name=f; filename=a.txt", Some("a.txt")),
            ("form-data; name=f; filename = a.txt ; x=y", Some("a.txt")),
            (r#"form-data; name="f; filename=no"; filename="a;b.txt""#, Some("a;b.txt")),
            (r#"form-data; name="f"; filename="a\"b;c.txt""#, Some("a\"b;c.txt")),
            (r#"form-data; name="f"; filename="C:\x\a.txt""#, Some(r"C:\x\a.txt")),
            (r#"form-data; name="f"; filename="a\\""#, Some(r"a\")),
            (r#"form-data; name="f"; filename="""#, None), // a form without a chosen file
            (r#"form-data; name="f""#, None),
            ("form-data; filename=a.txt; filename=b.txt", Some("b.txt")),
            ("form-data; filename=<a.txt>", Some("a.txt")),
            ("form-data; filename='a.txt'", Some("'a.txt'")),
            ("form-data; filename=\"a.txt", Some("\"a.txt")),
            ("form-data; filename=\"=?UTF-8?B?w6kudHh0?=\"", Some("=?UTF-8?B?w6kudHh0?=")),
            ("form-data; name=\"f\"; filename=\"\u{e9}\u{4e2d}.txt\"", Some("\u{e9}\u{4e2d}.txt")),
            ("form-data; filename*=UTF-8''%e2%82%ac%20rates.txt", Some("\u{20ac} rates.txt")),
            (r#"form-data; filename="plain.txt"; filename*="utf-8'en'%C3%A9.txt""#, Some("\u{e9}.txt")),
            ("form-data; filename*=utf-8''a.txt; filename=plain.txt", Some("a.txt")),
            ("form-data; filename*=utf-8''%ff.txt", Some("\u{fffd}.txt")),
            ("form-data; filename*=utf8''%c3%a9.txt", Some("\u{e9}.txt")),
            ("form-data; filename*=iso-8859-1'en'%A3.txt", Some("\u{a3}.txt")),
            ("form-data; filename*=latin-1''%e9.txt", Some("\u{e9}.txt")),
            ("form-data; filename*=us-ascii''%80.txt", Some("\u{fffd}.txt")),
            ("form-data; filename*=''%C3%A9.txt", Some("\u{c3}\u{a9}.txt")),
            ("form-data; filename*=koi8-r''%C1.txt", Some("\u{430}.txt")),
            ("form-data; filename*=windows-1251''%E0.txt", Some("\u{430}.txt")),
            ("form-data; filename*=shift_jis''%83%41.txt", Some("\u{30a2}.txt")),
            ("form-data; filename*=broken.txt", Some("broken.txt")),
            ("form-data; filename*=%C3%A9.txt", Some("\u{fffd}\u{fffd}.txt")),
            ("form-data; filename*0=a; filename*1=b.txt", Some("ab.txt")),
            ("form-data; filename*1=b.txt; filename*0=a", Some("ab.txt")),
            ("form-data; filename=x; filename*0*=UTF-8''%e2%82; filename*1*=%ac.txt", Some("\u{20ac}.txt")),
            // Django skips a part with an unknown charset or an empty extended name
            ("form-data; filename=\"lost.txt\"; filename*=klingon''%C1.txt", Some("lost.txt")),
            ("form-data; filename=lost.txt; filename*=UTF-8''", Some("lost.txt")),
            ("form-data; filename*=klingon''%C1.txt", None),
            ("form-data; filename*x=a.txt", None),
            ("", None),
        ] {
            assert_eq!(parameter(field.as_bytes(), "filename").as_deref(), expected, "{field}");
        }
        // Django skips it
        assert_eq!(parameter(b"form-data; filename=\"\xff.txt\"", "filename").as_deref(), Some("\u{fffd}.txt"));
    }
}
