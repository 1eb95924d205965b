//! Rows created by Django itself: `tests/data/django_names.json`.

use std::sync::LazyLock;

use serde_json::Value;

use super::*;

static ROWS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../tests/data/django_names.json")).expect("rows created by Django")
});

/// Runs the rows of one Django function.
fn check(rows: &Value, run: impl Fn(&Value) -> Result<String, NameError>) {
    let rows = rows.as_array().expect("rows");
    assert!(rows.len() > 10, "the rows are there");
    for row in rows {
        let expected = row.get("ok").map_or_else(|| Err(text(&row["message"])), |ok| Ok(text(ok)));
        let got = run(row).map_err(|error| error.to_string());
        assert_eq!(got, expected, "{row}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn part_names_match_django() {
    // null, "the part is skipped", becomes an empty text here
    check(&ROWS["multipart_sanitize_file_name"], |row| Ok(part_name(&text(&row["in"])).unwrap_or_default()));
}

#[test]
fn uploaded_names_match_django() {
    check(&ROWS["uploaded_file_name"], |row| uploaded_name(&text(&row["in"])));
}

#[test]
fn valid_names_match_django() {
    check(&ROWS["get_valid_filename"], |row| valid_name(&text(&row["in"])));
}

#[test]
fn stored_paths_match_django() {
    check(&ROWS["storage_generate_filename"], |row| stored(&text(&row["in"])));
}

#[test]
fn generated_paths_match_django() {
    check(&ROWS["filefield_generate_filename"]["rows"], |row| {
        // the only format code in these rows; the others are tested in `folder`
        generated(&text(&row["upload_to"]).replace("%%", "%"), &text(&row["in"]))
    });
}

#[test]
fn alternative_names_match_django() {
    check(&ROWS["get_available_name"]["rows"], |row| {
        let name = text(&row["in"]);
        let (folder, name) = split_folder(&name)?;
        if is_dots(&name) {
            return Err(NameError::Underivable(name));
        }
        let whole = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let longest = row["max_length"].as_u64().unwrap_or(u64::MAX);
        let fits = |name: &str| whole(name).chars().count() as u64 <= longest;
        let existing = row["existing"].as_array().expect("names").iter().map(text);
        let taken = existing.map(|name| name.trim_end_matches('/').trim_start_matches('@').to_owned());
        if fits(&name) && !taken.into_iter().any(|taken| taken == whole(&name)) {
            return Ok(whole(&name));
        }
        let alternative = whole(&alternative(&name, fits)?);
        let (before, after) = alternative.split_once('_').expect("the random part");
        let (random, after) = after.split_at(RANDOM_CHARACTERS);
        assert!(random.bytes().all(|b| b.is_ascii_alphanumeric()), "{random}");
        Ok(format!("{before}_RANDOM7{after}"))
    });
}

#[test]
fn names_without_rows_from_django() {
    assert_eq!(valid_name("\x1c a\x1f"), Ok("a".to_owned()), "as Python strips");
    assert_eq!(valid_name("he\u{301}.txt"), Ok("he.txt".to_owned()), "marks go");
    assert_eq!(alternative(".jpg", |_| false), Err(NameError::NoRoom(".jpg".to_owned())));
    let long = "\u{e9}".repeat(200);
    let short = alternative(&long, |name| name.len() <= 255).expect("room");
    assert!(short.len() <= 255 && short.starts_with('\u{e9}'), "{short}");
}

#[test]
fn a_name_without_letters_gets_a_stem() {
    for (name, expected) in [
        ("\u{1f389}.png", "upload.png"),
        ("\u{1f389}\u{1f389}.tar.gz", "upload.tar.gz"),
        ("\u{2764}\u{fe0f}.png", "upload.png"),
        ("\u{2764}\u{fe0f} .png", "\u{2764}\u{fe0f} .png"), // valid_name returns _.png
        (" \u{1f389}.png", "upload.png"),
        ("\u{1f468}\u{200d}\u{1f469}", "upload"),
        ("\u{1f389}a.png", "\u{1f389}a.png"),
        ("\u{e9}.png", "\u{e9}.png"),
        (".png", ".png"),
        ("???", "???"),
        ("a.png", "a.png"),
        ("", ""),
    ] {
        assert_eq!(with_stem(name), expected, "{name}");
    }
}
