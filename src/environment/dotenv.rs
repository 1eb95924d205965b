//! Parses a file of variables (`.env`). Pure.
//!
//! There is no standard. This is what the parsers of Node (`dotenv`), Python (`python-dotenv`), Ruby (`dotenv`), PHP
//! (`phpdotenv`) and docker compose agree on, without their expansion of `$NAME`, on which they do not agree:
//!
//! ```text
//! # a comment
//! NAME=value             # a comment, after a space
//! export NAME = value
//! NAME='literal, also over several lines'
//! NAME="with \n, \t, \", \\ and \$"
//! ```

use std::fmt;

/// A variable of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its value, without quotes.
    pub value: String,
    /// The number of its line, from 1.
    pub line: usize,
    /// Whether other parsers would replace `${NAME}` in the value.
    pub has_reference: bool,
}

/// The value may be a secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=... (line {})", self.name, self.line)
    }
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong, and what to write instead. It does not show the value, which may be a secret.
    pub advice: String,
}

/// Parses the text of a file.
pub fn parse(text: &str) -> Result<Vec<Entry>, Mistake> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut line, mut entries) = (1, Vec::new());
    while !rest.is_empty() {
        let (this, after) = split_line(rest);
        let content = this.trim();
        if content.is_empty() || content.starts_with('#') {
            (rest, line) = (after, line + 1);
            continue;
        }
        let fail = |advice: String| Mistake { line, advice };
        let without_export = match content.strip_prefix("export") {
            Some(assignment) if assignment.starts_with([' ', '\t']) => assignment.trim_start(),
            _ => content,
        };
        let Some((name, _)) = without_export.split_once('=') else {
            return Err(fail(missing_sign(without_export)));
        };
        let name = name.trim_end();
        if !is_name(name) {
            let advice = "this is not the name of a variable; write NAME=value, with letters, digits and _ in the name";
            return Err(fail(format!("{name:?}: {advice}")));
        }
        // the value may continue on the next lines
        let start = rest.find('=').expect("the line has one") + 1;
        let (value, length) = value(name, &rest[start..]).map_err(fail)?;
        let end = start + length;
        let (trailing, after) = split_line(&rest[end..]);
        let trailing = trailing.trim();
        if !trailing.is_empty() && !trailing.starts_with('#') {
            return Err(fail(format!(
                "{name}: there is text after the closing quote; put the whole value into the quotes, or write # before a \
                 comment"
            )));
        }
        let Value { text: value, has_reference } = value;
        entries.push(Entry { name: name.to_owned(), value, line, has_reference });
        line += rest[..end].matches('\n').count() + 1;
        rest = after;
    }
    Ok(entries)
}

/// A line without its line break, and the text after it.
fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit() || matches!(c, '.' | '-'))
}

fn missing_sign(content: &str) -> String {
    match content.split_once(':').map(|(name, _)| name.trim_end()) {
        Some(name) if is_name(name) => format!("{name}: there is a ':' in place of '='; write {name}=value"),
        _ if is_name(content) => format!("{content}: there is no '='; write {content}=value, or remove the line"),
        _ => "there is no '='; write NAME=value, or # at the start of a comment".to_owned(),
    }
}

struct Value {
    text: String,
    has_reference: bool,
}

/// The value at the start of `text`, and its length there, with quotes.
fn value(name: &str, text: &str) -> Result<(Value, usize), String> {
    let skipped = text.len() - text.trim_start_matches([' ', '\t']).len();
    let rest = &text[skipped..];
    let unclosed = |quote: char| format!("{name}: the closing {quote} is missing; write it at the end of the value");
    match rest.chars().next() {
        Some(quote @ ('\'' | '`')) => {
            let content = rest[1..].split_once(quote).ok_or_else(|| unclosed(quote))?.0;
            let value = Value { text: content.replace("\r\n", "\n"), has_reference: false };
            Ok((value, skipped + content.len() + 2))
        }
        Some('"') => {
            let (value, length) = escaped(&rest[1..]).ok_or_else(|| unclosed('"'))?;
            Ok((value, skipped + length + 2))
        }
        _ => {
            let line = split_line(rest).0;
            // a # in the middle of a word is part of it, as in a URL
            let comment =
                line.match_indices('#').find(|(at, _)| line[..*at].is_empty() || line[..*at].ends_with([' ', '\t']));
            let content = comment.map_or(line, |(at, _)| &line[..at]);
            let text = content.trim().to_owned();
            let has_reference = text.contains("${");
            Ok((Value { text, has_reference }, skipped + content.len()))
        }
    }
}

/// The text up to a double quote, and its length.
fn escaped(text: &str) -> Option<(Value, usize)> {
    let (mut value, mut has_reference) = (String::new(), false);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((Value { text: value, has_reference }, at)),
            '\r' if characters.peek().is_some_and(|(_, next)| *next == '\n') => {}
            '$' if characters.peek().is_some_and(|(_, next)| *next == '{') => {
                has_reference = true;
                value.push(c);
            }
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '\'' | '`') => value.push(escaped),
                // C:\media
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_other_parsers_read_them() {
        type Expected<'a> = &'a [(&'a str, &'a str, usize)];
        let rows: &[(&str, Expected<'_>)] = &[
            ("", &[]),
            ("\n# a comment\n\n  # another\n", &[]),
            ("A=b", &[("A", "b", 1)]),
            ("A=", &[("A", "", 1)]),
            ("A= # nothing", &[("A", "", 1)]),
            ("A=#b", &[("A", "", 1)]),
            ("\u{feff}A=b\r\nB=c\r\n", &[("A", "b", 1), ("B", "c", 2)]),
            ("export A=b\nexport\tB=c", &[("A", "b", 1), ("B", "c", 2)]),
            ("exported=b\nexport=c", &[("exported", "b", 1), ("export", "c", 2)]),
            ("  A = b c  ", &[("A", "b c", 1)]),
            ("A=b # c", &[("A", "b", 1)]),
            ("A=https://a.example/#b?c=d", &[("A", "https://a.example/#b?c=d", 1)]),
            ("A='b # c'  # d", &[("A", "b # c", 1)]),
            ("A='b\\n$c \"d\"'", &[("A", "b\\n$c \"d\"", 1)]),
            ("A=`it's`", &[("A", "it's", 1)]),
            (r#"A="b\n\t\"c\" \\ \$d 'e' C:\media""#, &[("A", "b\n\t\"c\" \\ $d 'e' C:\\media", 1)]),
            ("A=\"b\nc\"\nB='d\r\n\r\ne'\nC=f", &[("A", "b\nc", 1), ("B", "d\n\ne", 3), ("C", "f", 6)]),
            ("A=b\"c\"", &[("A", "b\"c\"", 1)]),
            ("A.B-C_1=b", &[("A.B-C_1", "b", 1)]),
            ("A=b\nA=c", &[("A", "b", 1), ("A", "c", 2)]),
            ("A=\u{e9}\u{fc} \u{1f600}", &[("A", "\u{e9}\u{fc} \u{1f600}", 1)]),
        ];
        for (text, expected) in rows {
            let entries = parse(text).unwrap_or_else(|mistake| panic!("{text:?}: {mistake:?}"));
            let read: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.value.as_str(), e.line)).collect();
            assert_eq!(read, *expected, "{text:?}");
        }
    }

    #[test]
    fn mistakes_have_the_number_of_their_line() {
        for (text, line, says) in [
            ("A=b\n\nB", 3, "B: there is no '='; write B=value"),
            ("A: b", 1, "write A=value"),
            ("just words", 1, "there is no '='"),
            ("1A=b", 1, "not the name of a variable"),
            ("=b", 1, "not the name of a variable"),
            ("A B=c", 1, "not the name of a variable"),
            ("A=b\nB=\"c\nD=e\n", 2, "B: the closing \" is missing"),
            ("A='b", 1, "the closing ' is missing"),
            ("A=\"b\\\"", 1, "the closing \" is missing"),
            ("A=\"b\\", 1, "the closing \" is missing"),
            ("A='b\nc'\nB='d' e", 3, "text after the closing quote"),
        ] {
            let mistake = parse(text).expect_err(text);
            assert_eq!(mistake.line, line, "{text:?}: {mistake:?}");
            assert!(mistake.advice.contains(says), "{text:?}: {mistake:?}");
        }
    }

    #[test]
    fn references_are_noticed_where_other_parsers_replace_them() {
        for (text, expected) in [
            ("A=${B}/c", true),
            ("A=\"${B}\"", true),
            ("A=\"\\${B}\"", false),
            ("A='${B}'", false),
            ("A=pa$$word", false),
        ] {
            assert_eq!(parse(text).expect(text)[0].has_reference, expected, "{text}");
        }
    }

    #[test]
    fn odd_bytes_never_panic() {
        let odd = ["A", "=", "\"", "'", "`", "\\", "\n", "\r", "#", " ", "$", "{", "\u{e9}", "export"];
        for a in odd {
            for b in odd {
                for c in odd {
                    for d in odd {
                        let _ = parse(&[a, b, c, d].concat());
                        let _ = parse(&["A=", a, b, c, d].concat());
                    }
                }
            }
        }
    }
}
