//! Advice about lines that are not TOML but in the style of YAML, JSON, nginx or Python.

/// Returns what to write in place of the line at `offset`, if that is clear. Pure.
pub(super) fn advice(text: &str, offset: usize) -> Option<String> {
    let offset = (0..=offset.min(text.len())).rev().find(|&offset| text.is_char_boundary(offset))?;
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    // the error of an unfinished value may be reported at the line after it
    let line = if line.trim().is_empty() { text[..start].lines().last().unwrap_or_default() } else { line };
    of_line(line.trim().trim_end_matches([';', ',']).trim_end())
}

fn of_line(line: &str) -> Option<String> {
    if line.starts_with('{') {
        return Some("this looks like JSON; in TOML, write one setting in a line: grace = \"10s\"".to_owned());
    }
    if let Some(name) = line.strip_prefix('[') {
        let name = name.trim_matches(['[', ']', ' ']);
        let is_closed = line.ends_with(if line.starts_with("[[") { "]]" } else { "]" });
        return (!is_closed).then(|| format!("a bracket is missing; write [[{name}]]"));
    }
    let end = line.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"')))?;
    let (key, rest) = (line[..end].trim_matches('"'), line[end..].trim_start());
    let (sign, value) = match rest.chars().next()? {
        sign @ ('=' | ':') => (sign, rest[1..].trim_start_matches([':', '=']).trim()),
        _ => (' ', rest.trim()),
    };
    if key.is_empty() || value.is_empty() {
        return (!key.is_empty()).then(|| format!("the value is missing; write {key} = \"...\""));
    }
    let quoted = quoted(value);
    if sign != '=' {
        return Some(format!("there is no '='; write {key} = {quoted}"));
    }
    let first = value.chars().next()?;
    match first {
        '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' | '`' => {
            Some(format!("write it in straight quotes: {key} = {quoted}"))
        }
        '"' if value.contains('\\') => {
            let plain = value.trim_matches('"');
            Some(format!("a backslash needs single quotes: {key} = '{plain}'"))
        }
        '"' | '\'' if value.matches(first).count() % 2 == 1 => {
            Some(format!("the closing quote is missing; write {key} = {}", quoted_in(value, first)))
        }
        '"' | '\'' if value.matches(first).count() > 2 => {
            Some(format!("several values are a list; write {key} = [{value}]"))
        }
        '[' if !value.contains(['"', '\'']) => {
            let values = value.trim_matches(['[', ']']).split(',').map(str::trim).filter(|value| !value.is_empty());
            let values: Vec<String> = values.map(self::quoted).collect();
            Some(format!("write texts in quotes: {key} = [{}]", values.join(", ")))
        }
        '[' => Some(format!("separate the values with commas, and close the list: {key} = [\"a\", \"b\"]")),
        '{' => Some(format!("write {key} = {{ name = \"value\" }}, with '=' and quotes, in one line")),
        '"' | '\'' => None,
        _ => Some(match value.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => format!("write {key} = true"),
            "no" | "off" | "false" => format!("write {key} = false"),
            "none" | "null" | "nil" | "~" => format!("TOML has no {value}; remove the line"),
            _ => format!("write texts in quotes: {key} = {quoted}"),
        }),
    }
}

fn quoted(value: &str) -> String {
    let plain = value.trim_matches(['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']);
    let without_comment = plain.split(" #").next().unwrap_or_default().trim_end();
    quoted_in(without_comment, '"')
}

fn quoted_in(value: &str, quote: char) -> String {
    let plain = value.trim_matches(quote);
    let quote = if plain.contains(['\\', '"']) { '\'' } else { quote };
    format!("{quote}{plain}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_toml_is_shown_as_toml() {
        for (line, expected) in [
            ("root = ./media", "write texts in quotes: root = \"./media\""),
            ("root = /srv/media # here", "root = \"/srv/media\""),
            ("grace = 10s", "grace = \"10s\""),
            ("max_upload = 10MB", "max_upload = \"10MB\""),
            ("listen = 127.0.0.1:8000", "listen = \"127.0.0.1:8000\""),
            ("listen = 0.0.0.0:8000;", "listen = \"0.0.0.0:8000\""),
            ("upload = yes", "write upload = true"),
            ("upload = True", "write upload = true"),
            ("hidden = off", "write hidden = false"),
            ("poll = None", "remove the line"),
            ("root: ./media", "root = \"./media\""),
            ("root: \"./media\"", "root = \"./media\""),
            ("\"root\": \"./media\",", "root = \"./media\""),
            ("root := ./media", "root = \"./media\""),
            ("root ./media;", "root = \"./media\""),
            ("root = \"./media", "the closing quote is missing; write root = \"./media\""),
            ("root = './media", "root = './media'"),
            ("root = \"C:\\media\"", "root = 'C:\\media'"),
            ("root = \u{201c}./media\u{201d}", "straight quotes: root = \"./media\""),
            ("listen = \"8000\", \"8001\"", "listen = [\"8000\", \"8001\"]"),
            ("match = [*.pdf, *.doc]", "match = [\"*.pdf\", \"*.doc\"]"),
            ("access = { ask: \"http://127.0.0.1/\" }", "with '=' and quotes"),
            ("root =", "the value is missing; write root = \"...\""),
            ("{ \"root\": \"./media\" }", "JSON"),
            ("[[mount]", "write [[mount]]"),
        ] {
            let said = advice(line, line.len()).unwrap_or_default();
            assert!(said.contains(expected), "{line}: {said}");
        }
        assert_eq!(advice("a = \"x\"", 0), None);
        for odd in ["", "=", "\u{e9}", "[", "a = \u{e9}", "\"", "= = =", "a\u{301} b"] {
            for offset in 0..10 {
                let _ = advice(odd, offset);
            }
        }
    }
}
