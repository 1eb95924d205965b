//! The file name in a part's `Content-Disposition` (RFC 7578 section 4.2), also as `filename*` (RFC 8187), which browsers
//! do not send but old clients do. Follows Django's `parse_header_parameters`. Pure.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The file name as the client wrote it; `None` where the part is not a file.
pub fn file_name(field: &[u8]) -> Option<String> {
    let field = String::from_utf8_lossy(field);
    let mut name = None;
    for parameter in parameters(&field).skip(1) {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let value = unquoted(value.trim());
        match key.trim().to_ascii_lowercase().as_str() {
            // section 3.2.1 of RFC 8187: it wins over the plain one
            "filename*" => return decoded(&value).filter(|name| !name.is_empty()),
            "filename" => name = Some(value),
            _ => {}
        }
    }
    name.filter(|name| !name.is_empty())
}

/// Split at the semicolons that are not in quotes.
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

/// Without its quotes, and without what escapes a quote in them. A lone backslash stays: it is a folder's end in the
/// names that old Windows clients send.
fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\\", "\\").replace("\\\"", "\""),
        None => value.to_owned(),
    }
}

/// `charset'language'percent-encoded`, in the two charsets that RFC 8187 names; another is no name.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Cow<'_, [u8]> = percent_decode_str(text).into();
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => Some(String::from_utf8_lossy(&bytes).into_owned()),
        "iso-8859-1" => Some(bytes.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_spelling() {
        for (field, expected) in [
            (r#"form-data; name="f"; filename="a.txt""#, Some("a.txt")),
            (r#"form-data; name="f"; FILENAME="a.txt""#, Some("a.txt")),
            ("form-data; name=f; filename=a.txt", Some("a.txt")),
            ("form-data; name=f; filename = a.txt ; x=y", Some("a.txt")),
            (r#"form-data; name="f; filename=no"; filename="a;b.txt""#, Some("a;b.txt")),
            (r#"form-data; name="f"; filename="a\"b;c.txt""#, Some("a\"b;c.txt")),
            (r#"form-data; name="f"; filename="C:\x\a.txt""#, Some(r"C:\x\a.txt")),
            (r#"form-data; name="f"; filename="a\\""#, Some(r"a\")),
            (r#"form-data; name="f"; filename="""#, None), // a form whose file was not chosen
            (r#"form-data; name="f""#, None),
            ("form-data; filename*=UTF-8''%e2%82%ac%20rates.txt", Some("\u{20ac} rates.txt")),
            (r#"form-data; filename="plain.txt"; filename*="utf-8'en'%C3%A9.txt""#, Some("\u{e9}.txt")),
            ("form-data; filename*=iso-8859-1'en'%A3.txt", Some("\u{a3}.txt")),
            ("form-data; filename*=koi8-r''%C1.txt", None),
            ("form-data; filename*=broken.txt", None),
            ("form-data; name=\"f\"; filename=\"\u{e9}\u{4e2d}.txt\"", Some("\u{e9}\u{4e2d}.txt")),
            ("", None),
        ] {
            assert_eq!(file_name(field.as_bytes()).as_deref(), expected, "{field}");
        }
        assert_eq!(file_name(b"form-data; filename=\"\xff.txt\"").as_deref(), Some("\u{fffd}.txt"));
    }
}
