//! The names of files, from a list such as a database column or production's log.

use std::fs::File;
use std::io::{self, Read as _};

use super::wanted::{Names, PullError, Source, Wanted};
use crate::mount::Mounts;
use crate::request::path::{MediaPath, Visible, encode_segment};

/// Reads a file of names, or stdin (`-`). A line without a valid name is reported with its number, and the others
/// are used.
pub(super) fn read(from: &str, mounts: &Mounts, sources: &[Source]) -> Result<Names, PullError> {
    let mut bytes = Vec::new();
    let read = if from == "-" {
        io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(from).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| PullError::System(format!("{from}: the names cannot be read: {error}")))?;
    let mut names = Names::default();
    // programs on Windows start a text with a byte order mark
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match locate(line, mounts, sources) {
            Some(wanted) => names.wanted.push(wanted),
            None => names.troubles.push(format!(
                "{from}:{}: \"{}\" is not below any fallback; write a URL below it, a path such as /media/a.jpg, or a name \
                 as it is stored: a.jpg",
                index + 1,
                Visible(&String::from_utf8_lossy(line)),
            )),
        }
    }
    Ok(names)
}

/// What a line names: a URL at the upstream, a path here (both percent-encoded), or a name as it is stored in the first
/// mount with a fallback.
fn locate(line: &[u8], mounts: &Mounts, sources: &[Source]) -> Option<Wanted> {
    let url = str::from_utf8(line).ok().filter(|line| {
        let scheme = line.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        scheme.is_some_and(|scheme| matches!(scheme.as_str(), "http" | "https"))
    });
    let (source, path) = if let Some(url) = url {
        let below = |(index, (_, fallback)): (usize, &Source)| {
            fallback.upstream.strip(url).map(|path| (index, path, fallback.upstream.to_string().len()))
        };
        let (index, path, _) = sources.iter().enumerate().filter_map(below).max_by_key(|(.., length)| *length)?;
        (index, path)
    } else if line.starts_with(b"/") {
        let asked = MediaPath::parse(line).ok()?;
        let (owner, path) = mounts.find(&asked)?;
        (sources.iter().position(|(site, _)| site.prefix == owner.site.prefix)?, path)
    } else {
        (0, stored(line)?)
    };
    let names_a_file = !path.is_top() && !path.has_slash();
    (names_a_file && mounts.leads_to(&sources[source].0, &path)).then_some((source, path))
}

/// A name as it is in a database: not percent-encoded.
fn stored(name: &[u8]) -> Option<MediaPath> {
    let encoded: Vec<String> = name.split(|&b| b == b'/').map(encode_segment).collect();
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
            assert_eq!(stored(name.as_bytes()).map(|path| path.to_url()).as_deref(), expected, "{name}");
        }
    }
}
