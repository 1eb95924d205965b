//! `UploadTo`: the folder for uploads to the top of a mount (Django's `upload_to`).

use std::fmt;

use jiff::Zoned;
use jiff::fmt::strtime;

use super::names::{self, NameError};

/// A folder relative to the root, in which strftime codes such as `%Y` and `%m` stand for the local time of the upload.
/// An empty text means the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadTo(String);

/// Why a text is not a valid upload folder. `Display` gives advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadToError {
    /// A conversion that strftime does not have.
    Format(String),
    /// The path is absolute, or leads out of the root.
    Outside,
    /// Files in this folder would not be served.
    Hidden,
}

impl fmt::Display for UploadToError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(why) => {
                write!(f, "{why}; write a folder such as 'uploads/%Y/%m/%d/', and %% for a percent sign")
            }
            Self::Outside => f.write_str(
                "it leads out of the media root; write a folder relative to it, such as 'uploads/%Y/%m/%d/'",
            ),
            Self::Hidden => f.write_str(
                "a folder in it starts with a dot, so its files would not be served; write another, or add --hidden",
            ),
        }
    }
}

impl UploadTo {
    /// Parses a folder. `hidden` says whether names that start with a dot are served.
    pub fn parse(text: &str, hidden: bool, now: &Zoned) -> Result<Self, UploadToError> {
        let folder = strtime::format(text, now).map_err(|error| UploadToError::Format(error.to_string()))?;
        match names::generated(&folder, "name") {
            Err(_) => Err(UploadToError::Outside),
            Ok(path) if !hidden && path.split('/').any(|segment| segment.starts_with('.')) => {
                Err(UploadToError::Hidden)
            }
            Ok(_) => Ok(Self(text.to_owned())),
        }
    }

    /// The path, relative to the root, of a file uploaded at `now`.
    pub fn generated(&self, name: &str, now: &Zoned) -> Result<String, NameError> {
        // formatting succeeded at start-up, so it succeeds now
        let folder = strtime::format(&self.0, now).unwrap_or_default();
        names::generated(&folder, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_formatted_by_the_clock() {
        // the time in Django's rows
        let now: Zoned = "2024-02-09T07:05:03[UTC]".parse().expect("a time");
        for (text, expected) in [
            ("", Ok("a_b.txt")),
            ("uploads/%Y/%m/%d/", Ok("uploads/2024/02/09/a_b.txt")),
            ("uploads/%Y/%m/%d", Ok("uploads/2024/02/09/a_b.txt")),
            ("100%%/", Ok("100%/a_b.txt")),
            ("a//b/./c", Ok("a/b/c/a_b.txt")),
            ("na\u{ef}ve dir/%H-%M-%S", Ok("na\u{ef}ve dir/07-05-03/a_b.txt")),
            ("/abs/", Err(UploadToError::Outside)),
            ("../up/", Err(UploadToError::Outside)),
            ("a\\..\\b", Err(UploadToError::Outside)),
            (".private/", Err(UploadToError::Hidden)),
        ] {
            let path = UploadTo::parse(text, false, &now).map(|to| to.generated("a b.txt", &now).expect("a name"));
            assert_eq!(path, expected.map(str::to_owned), "{text}");
        }
        assert!(UploadTo::parse(".private/", true, &now).is_ok());
        assert!(matches!(UploadTo::parse("%!", false, &now), Err(UploadToError::Format(_))));
    }
}
