//! The debug switch: devmedia is for development and starts only if debugging is on.
//!
//! Pure: the caller reads the flag and the environment.

use std::fmt;

use crate::config::values::boolean;

/// The flag and the variables that turn debugging on or off, in order of precedence.
#[derive(Debug, Clone, Copy, Default)]
pub struct Switches<'a> {
    /// `--debug` (then `"true"`) or `--debug=VALUE`.
    pub flag: Option<&'a str>,
    /// `DEVMEDIA_DEBUG`.
    pub devmedia_debug: Option<&'a str>,
    /// `DEBUG`, which other tools use too, not always for a boolean (`DEBUG=app:*`).
    pub debug: Option<&'a str>,
    /// `DEVMEDIA_DEBUG` in the file of `--env-file`. A variable of the process overrides both in the file: a file that is
    /// deployed by accident must not override a server's `DEBUG=0`.
    pub file_devmedia_debug: Option<&'a str>,
    /// `DEBUG` in the file of `--env-file`.
    pub file_debug: Option<&'a str>,
}

/// The error if debugging is off or no switch is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDebugging {
    /// The switch that was set, and its value.
    switch: Option<(&'static str, String)>,
}

/// Checks that debugging is on. The first switch that is set decides; a value that is not a boolean counts as false.
pub fn check(switches: Switches<'_>) -> Result<(), NotDebugging> {
    let Switches { flag, devmedia_debug, debug, file_devmedia_debug, file_debug } = switches;
    let switch = [
        ("--debug", flag),
        ("DEVMEDIA_DEBUG", devmedia_debug),
        ("DEBUG", debug),
        ("in the file of --env-file, DEVMEDIA_DEBUG", file_devmedia_debug),
        ("in the file of --env-file, DEBUG", file_debug),
    ]
    .into_iter()
    .find_map(|(name, value)| Some((name, value?)));
    match switch {
        Some((_, value)) if boolean(value) == Some(true) => Ok(()),
        switch => Err(NotDebugging { switch: switch.map(|(name, value)| (name, value.to_owned())) }),
    }
}

impl fmt::Display for NotDebugging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match &self.switch {
            None => "neither --debug nor DEBUG is set".to_owned(),
            Some(("--debug", value)) => format!("--debug={value} does not turn debugging on"),
            Some((name, value)) => format!("{name}={value:?} does not turn debugging on"),
        };
        write!(
            f,
            "this server is for development only, and {why}: nothing was started.\n\
             On a development machine, add --debug, or set DEVMEDIA_DEBUG=1 or DEBUG=1 (1, true, yes or on).\n\
             In production, let nginx, Caddy, or an object store such as S3 behind a CDN serve the media instead."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_switch_that_is_set_decides() {
        for (flag, devmedia_debug, debug, expected) in [
            (None, None, None, false),
            (Some("true"), None, None, true),
            (Some("1"), Some("0"), Some("0"), true),
            (Some("false"), Some("1"), Some("1"), false), // --debug=false overrides the environment
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
            let switches = Switches { flag, devmedia_debug, debug, ..Switches::default() };
            assert_eq!(check(switches).is_ok(), expected, "{switches:?}");
        }
    }

    #[test]
    fn the_file_decides_if_neither_a_flag_nor_a_variable_does() {
        for (flag, debug, file_devmedia_debug, file_debug, expected) in [
            (None, None, None, Some("1"), true),
            (None, None, Some("yes"), None, true),
            (None, None, Some("0"), Some("1"), false),
            (None, Some("0"), Some("1"), Some("1"), false),
            (None, Some("app:*"), None, Some("1"), false),
            (None, Some("1"), Some("0"), Some("0"), true),
            (Some("false"), None, Some("1"), Some("1"), false),
            (None, None, None, Some("app:*"), false),
        ] {
            let switches = Switches { flag, debug, file_devmedia_debug, file_debug, ..Switches::default() };
            assert_eq!(check(switches).is_ok(), expected, "{switches:?}");
        }
    }
}
