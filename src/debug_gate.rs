//! May this process serve at all?
//!
//! devmedia is for development: without a clear yes it binds nothing. Pure; the process edge brings the three texts.

use std::fmt;

/// What the flag and the environment say, in the order in which they are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers<'a> {
    /// `--debug` (then `"true"`) or `--debug=VALUE`.
    pub flag: Option<&'a str>,
    /// `DEVMEDIA_DEBUG`.
    pub devmedia_debug: Option<&'a str>,
    /// `DEBUG`, which other tools use too, not always for a boolean (`DEBUG=app:*`).
    pub debug: Option<&'a str>,
}

/// The refusal: who said what, if anyone did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDebugging {
    said: Option<(&'static str, String)>,
}

/// Lets a process pass that has a yes. The first of the three that is set decides; what is neither a yes nor a no is
/// not a yes.
pub fn check(answers: Answers<'_>) -> Result<(), NotDebugging> {
    let said = [("--debug", answers.flag), ("DEVMEDIA_DEBUG", answers.devmedia_debug), ("DEBUG", answers.debug)]
        .into_iter()
        .find_map(|(who, value)| Some((who, value?)));
    match said {
        Some((_, value)) if boolean(value) == Some(true) => Ok(()),
        said => Err(NotDebugging { said: said.map(|(who, value)| (who, value.to_owned())) }),
    }
}

/// 1/true/yes/on and 0/false/no/off in any case; `None` is anything else.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

impl fmt::Display for NotDebugging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match &self.said {
            None => "neither --debug nor DEBUG is set".to_owned(),
            Some(("--debug", value)) => format!("--debug={value} is not a yes"),
            Some((who, value)) => format!("{who}={value:?} is not a yes"),
        };
        write!(
            f,
            "this server is for development only, and {said}: nothing was started.\n\
             To say yes, add --debug, or put DEVMEDIA_DEBUG=1 or DEBUG=1 into the environment (1, true, yes, on).\n\
             In production let nginx, Caddy, or an object store such as S3 behind a CDN serve the media, never this."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_decides() {
        for (flag, devmedia_debug, debug, expected) in [
            (None, None, None, false),
            (Some("true"), None, None, true),
            (Some("1"), Some("0"), Some("0"), true),
            (Some("false"), Some("1"), Some("1"), false), // --debug=false beats the environment
            (None, Some("1"), None, true),
            (None, Some("off"), Some("1"), false),
            (None, Some("maybe"), Some("1"), false),
            (None, None, Some("1"), true),
            (None, None, Some("TRUE"), true),
            (None, None, Some("Yes"), true),
            (None, None, Some(" on "), true),
            (None, None, Some("0"), false),
            (None, None, Some("no"), false),
            (None, None, Some(""), false),
            (None, None, Some("app:*"), false), // npm's debug package
            (None, None, Some("2"), false),
        ] {
            let answers = Answers { flag, devmedia_debug, debug };
            assert_eq!(check(answers).is_ok(), expected, "{answers:?}");
        }
    }
}
