//! Simple scans of source text: calls, quoted texts and paths. Pure.
//!
//! No language is parsed. A scan finds what is written in the usual way, and nothing otherwise; it is better to find nothing
//! than something wrong, because the reader can see what was found.

/// The longest argument list that is looked at.
const MAX_ARGUMENTS: usize = 2000;

/// The text without lines that are comments.
pub(super) fn code(text: &str) -> String {
    let is_comment = |line: &&str| ["//", "#", "*", "/*", "<%#"].iter().any(|sign| line.trim_start().starts_with(sign));
    text.lines().filter(|line| !is_comment(line)).flat_map(|line| [line, "\n"]).collect()
}

/// A call that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call<'t> {
    /// The text of the statement before the call.
    pub before: &'t str,
    /// The text between its parentheses.
    pub arguments: &'t str,
}

/// The calls of `name` (with its parenthesis, such as `express.static(`).
pub(super) fn calls<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = Call<'t>> {
    text.match_indices(name).filter_map(move |(at, _)| {
        let is_whole = !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let start = at + name.len();
        let arguments = balanced(&text[start..])?;
        let statement = text[..at].rfind([';', '{', '}']).map_or(0, |end| end + 1);
        is_whole.then_some(Call { before: &text[statement..at], arguments })
    })
}

/// The text up to the bracket that closes one before it. Quoted brackets do not count.
fn balanced(text: &str) -> Option<&str> {
    let (mut depth, mut quote) = (1, None);
    for (at, c) in text.char_indices().take(MAX_ARGUMENTS) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

/// The quoted texts, in their order. A text with an interpolation (`${...}`, `#{...}`) is omitted.
pub(super) fn strings(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(['"', '\'', '`']) {
        let quote = &rest[start..=start];
        let after = &rest[start + 1..];
        let Some(end) = after.find(quote) else { break };
        if !after[..end].contains("${") && !after[..end].contains("#{") {
            found.push(&after[..end]);
        }
        rest = &after[end + 1..];
    }
    found
}

/// The value that is assigned to `name`: `name = value`, `"name": value` or `name: value`, up to the end of its line or
/// to the comma after it.
pub(super) fn assigned<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.match_indices(name).find_map(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        if text[..at].ends_with(is_part) {
            return None;
        }
        let after = text[at + name.len()..].trim_start_matches(['"', '\'', ']', ' ', '\t']);
        // a type annotation of Python or TypeScript is not looked at
        let value = after.strip_prefix("=>").or_else(|| after.strip_prefix('=')).or_else(|| after.strip_prefix(':'))?;
        let is_comparison = value.starts_with(['=', '>']);
        let value = first_expression(value.split('\n').next().unwrap_or_default());
        (!is_comparison && !value.is_empty()).then_some(value)
    })
}

/// The text up to the first comma, semicolon or closing bracket that is not inside brackets, so the first argument of a
/// call.
pub(super) fn first_expression(text: &str) -> &str {
    let mut depth = 0;
    let end = text.char_indices().find(|(_, c)| {
        depth += match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        depth < 0 || (depth == 0 && matches!(c, ',' | ';'))
    });
    end.map_or(text, |(at, _)| &text[..at]).trim()
}

/// The path that an expression names, relative to the project: the quoted texts in it, joined. `file` is the file with the
/// expression, which `__dirname` and `__file__` are relative to. Returns `None` if the expression has no quoted text, or if
/// its path leaves the project.
pub(super) fn path(expression: &str, file: &str) -> Option<String> {
    let texts = strings(expression);
    let is_absolute = texts.first()?.starts_with('/') && !expression.contains("__dirname");
    if is_absolute {
        return texts.first().map(|text| (*text).trim_end_matches('/').to_owned()).filter(|path| !path.is_empty());
    }
    let beside =
        ["__dirname", "__file__", "import.meta", "root_path", "__DIR__"].iter().any(|word| expression.contains(word));
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if beside { folder.split('/').collect() } else { Vec::new() };
    let mut segments: Vec<&str> = Vec::new();
    for segment in start.into_iter().chain(texts.iter().flat_map(|text| text.split('/'))) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            segment => segments.push(segment),
        }
    }
    let is_plain = segments.iter().all(|segment| !segment.contains(['*', '<', '>', '$', '%', ':', '\n']));
    (!segments.is_empty() && is_plain).then(|| segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_the_statement_before_and_their_arguments() {
        let text = "const a = 1;\napp.use('/x', express.static(path.join('a)', 'b')));\nmyexpress.static('c');\nexpress.static(";
        let found: Vec<_> = calls(text, "express.static(").collect();
        assert_eq!(found, [Call { before: "\napp.use('/x', ", arguments: "path.join('a)', 'b')" }]);
    }

    #[test]
    fn paths_are_joined_from_quoted_texts() {
        for (expression, file, expected) in [
            ("'uploads/'", "app.js", Some("uploads")),
            ("path.join(__dirname, '..', 'public', \"uploads\")", "src/app.js", Some("public/uploads")),
            ("path.join(__dirname, 'uploads')", "src/app.js", Some("src/uploads")),
            ("path.join(__dirname, '/uploads')", "app.js", Some("uploads")),
            ("path.resolve('./media')", "src/app.js", Some("media")),
            ("BASE_DIR / \"media\"", "config/settings.py", Some("media")),
            ("os.path.join(BASE_DIR, 'a', 'b')", "config/settings.py", Some("a/b")),
            ("os.path.join(app.root_path, 'static/uploads')", "shop/__init__.py", Some("shop/static/uploads")),
            ("'/srv/media/'", "app.js", Some("/srv/media")),
            ("path.join(__dirname, '../..', 'x')", "src/app.js", None),
            ("'./'", "app.js", None),
            ("'/'", "app.js", None),
            ("folder", "app.js", None),
            ("`${root}/uploads`", "app.js", None),
            ("", "app.js", None),
        ] {
            assert_eq!(path(expression, file).as_deref(), expected, "{expression}");
        }
    }

    #[test]
    fn assigned_values_are_found() {
        for (text, name, expected) in [
            ("MEDIA_URL = '/m/'", "MEDIA_URL", Some("'/m/'")),
            ("X_MEDIA_URL = '/m/'", "MEDIA_URL", None),
            ("app.config['UPLOAD_FOLDER'] = 'up'", "UPLOAD_FOLDER", Some("'up'")),
            ("{ dest: 'a', limits: 1 }", "dest", Some("'a'")),
            ("'root' => storage_path('app/public'),", "root", Some("storage_path('app/public')")),
            ("if a == b", "a", None),
            ("a = f(1, 2), b", "a", Some("f(1, 2)")),
            ("a =", "a", None),
        ] {
            assert_eq!(assigned(text, name), expected, "{text}");
        }
    }

    #[test]
    fn comment_lines_are_omitted() {
        assert_eq!(code("a\n  // b\n# c\n * d\ne # f"), "a\ne # f\n");
    }
}
