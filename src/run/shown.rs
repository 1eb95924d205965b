//! Formats a command for messages.

use std::ffi::OsString;

use crate::system::advice::Family;

/// The maximum number of characters that are shown.
const LONGEST_SHOWN: usize = 120;

/// Formats a command as typed in a shell, shortened to one line.
pub(super) fn shown(command: &[OsString], family: Family) -> String {
    let words = command.iter().map(|word| family.quoted(&word.to_string_lossy()));
    let whole = words.collect::<Vec<_>>().join(" ");
    let first = whole.lines().next().unwrap_or_default();
    let short: String = first.chars().take(LONGEST_SHOWN).collect();
    if short.len() < whole.len() { format!("{short} ...") } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_as_in_a_shell() {
        for (words, expected) in [
            (&["python", "manage.py", "runserver", "8000"][..], "python manage.py runserver 8000"),
            (&["sh", "-c", "echo 'a b'; exec x"], r"sh -c 'echo '\''a b'\''; exec x'"),
            (&["x", ""], "x ''"),
            (&["python", "-c", "import a\nb()"], "python -c 'import a ..."),
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(shown(&words, Family::Unix), expected);
        }
    }
}
