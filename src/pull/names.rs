//! The names of files, from a list: what a database knows, or a log of production's.

use std::io;

use super::{PullError, Source, Wanted};
use crate::request::path::{MediaPath, encode_segment};

/// Reads a file of names, or stdin (`-`). A line that names nothing here is a mistake, told with its number.
pub(super) fn read(from: &str, sources: &[Source]) -> Result<Vec<Wanted>, PullError> {
    let text = if from == "-" { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(from) };
    let text = text.map_err(|error| PullError::System(format!("{from}: the names cannot be read: {error}")))?;
    let mut wanted = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        wanted.push(locate(line, sources).ok_or_else(|| {
            PullError::Usage(format!(
                "{from}:{}: {line:?} lies below no fallback; write a URL below it, a path such as /media/a.jpg, or a name \
                 as it is stored: a.jpg",
                index + 1
            ))
        })?);
    }
    Ok(wanted)
}

/// What a line names: a URL at the origin, a path here (both percent-encoded), or a name as it is stored in the first
/// mount with a fallback.
fn locate(line: &str, sources: &[Source]) -> Option<Wanted> {
    let mut each = sources.iter().enumerate();
    let (source, path) = if line.starts_with("http://") || line.starts_with("https://") {
        each.find_map(|(index, (_, fallback))| Some((index, fallback.origin.strip(line)?)))?
    } else if line.starts_with('/') {
        let asked = MediaPath::parse(line.as_bytes()).ok()?;
        each.find_map(|(index, (mount, _))| Some((index, mount.prefix.strip(&asked)?)))?
    } else {
        (0, stored(line)?)
    };
    (!path.is_top() && !path.has_slash()).then_some((source, path))
}

/// A name as a database has it: not encoded.
fn stored(name: &str) -> Option<MediaPath> {
    let encoded: Vec<String> = name.split('/').map(|segment| encode_segment(segment.as_bytes())).collect();
    MediaPath::parse(encoded.join("/").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_name_is_taken_as_it_is() {
        for (name, expected) in [
            ("a.jpg", Some("a.jpg")),
            ("a b/\u{e9} 100%.jpg", Some("a%20b/%C3%A9%20100%25.jpg")),
            ("a%20b.jpg", Some("a%2520b.jpg")),
            ("a?b#c.jpg", Some("a%3Fb%23c.jpg")),
            ("../a.jpg", None),
            ("a\0.jpg", None),
        ] {
            assert_eq!(stored(name).map(|path| path.to_url()).as_deref(), expected, "{name}");
        }
    }
}
