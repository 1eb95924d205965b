//! The text of `devmedia.toml`, and what is printed. Pure.

use std::fmt::Write as _;

use super::detect::Seen;
use super::plan::{Mount, Plan};

/// The text of `devmedia.toml`.
pub(super) fn toml(plan: &Plan, name: &str) -> String {
    let mut text = format!(
        "# devmedia serves the media of this project ({name}) in development.\n\
         # `devmedia init` wrote this file. Change it as you like; `devmedia check` shows what is in effect.\n\
         # Start: {}\n",
        start(plan).replace(|c: char| c.is_control(), " ")
    );
    for (number, mount) in plan.mounts.iter().enumerate() {
        write_mount(mount, number == 0, &mut text);
    }
    text
}

fn write_mount(mount: &Mount, is_first: bool, text: &mut String) {
    let Mount { url, root, why, internal, denied } = mount;
    let root = if root.starts_with('/') || root.contains(':') { root.clone() } else { format!("./{root}") };
    let write = |text: &mut String, line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    write(text, "");
    // a comment ends with its line
    write(text, &format!("# {}", why.replace(|c: char| c.is_control(), " ")));
    write(text, "[[mount]]");
    write(text, &format!("url = {}", quoted(url)));
    write(text, &format!("root = {}", quoted(&root)));
    if *internal {
        write(text, "# only the app hands out these files, by X-Sendfile or X-Accel-Redirect");
        write(text, "internal = true");
    }
    if is_first && !*internal {
        for (comment, line) in OPTIONS {
            write(text, "");
            write(text, &format!("# {comment}"));
            write(text, &format!("# {line}"));
        }
    }
    for (pattern, reason) in denied {
        write(text, "");
        write(text, &format!("# {reason}"));
        write(text, "[[mount.rule]]");
        write(text, &format!("match = {}", quoted(pattern)));
        write(text, "access = \"deny\"");
    }
}

/// Settings that the reader may want.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("Accept uploads: in the gallery, and by PUT, POST and tus.", "upload = true"),
    (
        "Fetch files that are missing here from production, and store them.",
        "fallback = \"https://www.example.com/media/\"",
    ),
    ("Draw images that are missing everywhere, so that pages keep their layout.", "placeholder = true"),
    ("Imitate a slow network: slow-3g, 3g or 4g.", "network = \"3g\""),
];

/// A basic string of TOML 1.0.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The command that starts everything.
pub(super) fn start(plan: &Plan) -> String {
    match &plan.command {
        Some(command) => format!("devmedia run --debug -- {command}"),
        None => "devmedia --debug".to_owned(),
    }
}

/// The first sentences: what was seen, and why one of several frameworks was chosen.
pub(super) fn seen(all: &[Seen]) -> String {
    let Some((chosen, others)) = all.split_first() else {
        return "No framework was recognised in this folder.".to_owned();
    };
    let mut text = format!("{} was recognised by {}.", chosen.framework, chosen.file);
    if let Some(other) = others.first() {
        let names: Vec<String> = others.iter().map(|other| format!("{} ({})", other.framework, other.file)).collect();
        let (chosen, names) = (chosen.framework, names.join(", "));
        let why = match (chosen.is_for_pages(), other.framework.is_for_pages()) {
            (false, true) => format!("{chosen} was chosen, because it is the one that stores uploads"),
            (true, _) => format!("{chosen} was chosen, because it starts the other one"),
            (false, false) => format!("{chosen} was chosen, because it is the first in the list of docs/init.md"),
        };
        let _ = write!(text, " There is also {names}; {why}.");
    }
    text
}

/// What follows the settings: notes, lines to add and the command.
pub(super) fn steps(plan: &Plan, folder: Option<&str>) -> String {
    let mut text = String::new();
    if !plan.notes.is_empty() {
        text.push('\n');
    }
    for note in &plan.notes {
        let _ = writeln!(text, "- {note}");
    }
    if plan.lines.is_empty() {
        text.push_str("\nThe app needs no change.\n");
    }
    for lines in &plan.lines {
        let _ = writeln!(text, "\nAdd to {}, {}:\n", lines.file, lines.why);
        for line in lines.text.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    let what = if plan.command.is_some() { "Start the app with devmedia in front of it" } else { "Start devmedia" };
    let _ = writeln!(text, "\n{what}:\n");
    if let Some(folder) = folder {
        let _ = writeln!(text, "    cd {folder}");
    }
    let _ = writeln!(text, "    {}", start(plan));
    text
}

#[cfg(test)]
mod tests {
    use super::super::plan::Framework;
    use super::*;

    #[test]
    fn texts_are_quoted_for_toml() {
        for text in ["./media", "a\"b\\c", "tab\there", "\u{e9}\u{1f600}", "line\nbreak", "\u{7f}"] {
            let read = toml::de::DeTable::parse(&format!("a = {}", quoted(text)))
                .map(|table| table.get_ref().get("a").and_then(|value| value.get_ref().as_str().map(str::to_owned)));
            assert_eq!(read, Ok(Some(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn the_choice_among_several_frameworks_has_a_reason() {
        let seen_in = |framework, file: &str| Seen { framework, file: file.to_owned() };
        for (all, says) in [
            (vec![], "No framework"),
            (vec![seen_in(Framework::Django, "manage.py")], "Django was recognised by manage.py."),
            (
                vec![seen_in(Framework::Django, "manage.py"), seen_in(Framework::Vite, "package.json")],
                "There is also Vite (package.json); Django was chosen, because it is the one that stores uploads.",
            ),
            (vec![seen_in(Framework::Next, "a"), seen_in(Framework::Vite, "b")], "Next was chosen"),
            (vec![seen_in(Framework::FastApi, "a"), seen_in(Framework::Flask, "b")], "first in the list"),
        ] {
            assert!(seen(&all).contains(says), "{}", seen(&all));
        }
    }
}
