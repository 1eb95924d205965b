//! Odd phrases must not come back into texts, comments and names. CONTRIBUTING.md ("How we write") has the rules; this
//! test only catches the phrases that this project used most.

use std::fs;
use std::path::{Path, PathBuf};

/// Phrases and their replacements. They match whole words, case-insensitively.
const PHRASES: &[(&str, &str)] = &[
    // free relatives: say who or what
    ("whom", "users the app accepts"),
    ("who asks", "a client that requests"),
    ("who comes", "a client that connects"),
    ("who has it", "the upstream"),
    ("what comes", "the next bytes"),
    ("what is here", "local files"),
    ("what is missing", "missing files"),
    ("what is not here", "missing files"),
    ("what stands", "the value, the line"),
    ("what is no", "anything that is not a"),
    // negation
    ("it is no", "it is not a"),
    ("that is no", "that is not a"),
    ("nobody has", "missing everywhere"),
    ("nobody see it", "nobody may see this file"),
    // ordinary words
    ("anew", "again"),
    ("come to", "are, result in"),
    ("comes to", "is, results in"),
    ("has its say", "takes precedence"),
    ("thus", "so"),
    ("downloaded ahead", "downloaded in advance"),
    ("fetch ahead", "download in advance"),
    ("fetches ahead", "downloads in advance"),
    ("leave away", "omit, remove"),
    ("left away", "omitted, removed"),
    ("sent us round", "redirect loop"),
    ("the system said no", "the reason, such as: permission denied"),
    // technical terms
    ("dead socket", "unused socket"),
    ("film", "video"),
    ("good for ever", "does not expire"),
    ("is good for", "is valid for"),
    ("make smaller", "resize"),
    ("makes smaller", "resizes"),
    ("mend", "fix"),
    ("outbox", "send queue"),
    ("stand-in", "placeholder bytes"),
    ("stretch", "range"),
    ("stretches", "ranges"),
    ("time span", "duration"),
    ("torn", "broken, incomplete"),
];

/// Paths that have not been rewritten yet. Remove each one when it is done.
const EXCLUDED: &[&str] = &[];

#[test]
fn texts_contain_no_odd_phrases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for file in files(root) {
        let name = file.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        if name == "tests/english.rs" || EXCLUDED.iter().any(|excluded| name.starts_with(excluded)) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a text file").to_ascii_lowercase();
        for (number, line) in text.lines().enumerate() {
            for (phrase, better) in PHRASES.iter().filter(|(phrase, _)| contains(line, phrase)) {
                found.push(format!("{name}:{}: \"{phrase}\"; write something like \"{better}\"", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The files in which people read English.
fn files(root: &Path) -> Vec<PathBuf> {
    let folders = ["src", "tests", "benches", "docs", "fuzz/fuzz_targets"].map(|folder| root.join(folder));
    let pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| root.join(page));
    let (mut folders, mut files) = (folders.to_vec(), pages.to_vec());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_text =
                path.extension().is_some_and(|extension| ["rs", "md", "py", "js"].iter().any(|it| extension == *it));
            match path.is_dir() {
                true => folders.push(path),
                false if is_text => files.push(path),
                false => {}
            }
        }
    }
    files
}

/// Whether a line in lower case contains the phrase as whole words.
fn contains(line: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(phrase).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + phrase.len()..]);
        // "film.mp4" is a name, and "that is no larger than" is a comparison
        let is_name = after.strip_prefix('.').is_some_and(|rest| rest.starts_with(is_word));
        let is_comparison = phrase.ends_with(" no")
            && ["longer", "larger", "more"].contains(&after.split_whitespace().next().unwrap_or_default());
        !before.ends_with(is_word) && !after.starts_with(is_word) && !is_name && !is_comparison
    })
}

#[test]
fn phrases_match_whole_words() {
    for (line, phrase, expected) in [
        ("whom the app lets", "whom", true),
        ("the film.", "film", true),
        ("film.mp4", "film", false),
        ("filmed", "film", false),
        ("it is no url", "it is no", true),
        ("it is no longer valid", "it is no", false),
        ("renewed", "anew", false),
    ] {
        assert_eq!(contains(line, phrase), expected, "{line}");
    }
}
