//! `Key`: the name of an object, and the file that it is. Pure.
//!
//! A key is any text of up to 1,024 bytes; a path has segments, and no empty one. A key that is not a path cannot be
//! stored here, and so no object has it: reading it is a 404, writing it is an error that says why. `docs/s3.md` has the
//! table.

use std::fmt;

use super::error::{Code, S3Error};
use crate::request::path::{MediaPath, Visible};
use crate::upload::staged::NAME_MAX;

/// The most bytes in a key ("Creating object key names" in the S3 user guide).
pub const MAX_KEY: usize = 1024;

/// The name of an object: text that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why a text is not a key, or a key is not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// It is longer than [`MAX_KEY`].
    TooLong(usize),
    /// It is not UTF-8.
    NotUtf8,
    /// It has a NUL byte.
    Nul,
    /// It starts with a slash, or has two slashes in a row.
    EmptySegment,
    /// It has a segment `.` or `..`.
    Dots,
    /// It has a segment that is longer than a file name may be.
    LongSegment(usize),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(len) => write!(f, "it has {len} bytes, and at most {MAX_KEY} are allowed"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::Nul => f.write_str("it contains a NUL byte"),
            Self::EmptySegment => f.write_str("it starts with '/' or contains '//', which no file path can"),
            Self::Dots => f.write_str("it has a segment '.' or '..', which would name another folder"),
            Self::LongSegment(len) => {
                write!(f, "one of its names has {len} bytes, and a file name has at most {NAME_MAX}")
            }
        }
    }
}

impl KeyError {
    fn code(self) -> Code {
        match self {
            Self::TooLong(_) | Self::LongSegment(_) => Code::KeyTooLongError,
            _ => Code::InvalidArgument,
        }
    }

    /// The error of a request that would store an object.
    pub fn refuse(self, key: &str) -> S3Error {
        let message = format!(
            "This key cannot be stored as a file: {self}. S3 allows such keys; here each object is a file in a folder, so \
             choose another key."
        );
        S3Error::new(self.code(), message).with("Key", Visible(key).to_string())
    }
}

impl Key {
    /// Takes a decoded key.
    pub fn new(bytes: Vec<u8>) -> Result<Self, KeyError> {
        match String::from_utf8(bytes) {
            Ok(key) if key.len() > MAX_KEY => Err(KeyError::TooLong(key.len())),
            Ok(key) => Ok(Self(key)),
            Err(_) => Err(KeyError::NotUtf8),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it ends in a slash: the object is the marker of a folder.
    pub fn is_folder(&self) -> bool {
        self.0.ends_with('/')
    }

    /// The path of its file.
    pub fn path(&self) -> Result<MediaPath, KeyError> {
        let segments = self.0.strip_suffix('/').unwrap_or(&self.0);
        if segments.contains('\0') {
            return Err(KeyError::Nul);
        }
        let mut path = MediaPath::top();
        for segment in segments.split('/') {
            match segment {
                "" => return Err(KeyError::EmptySegment),
                "." | ".." => return Err(KeyError::Dots),
                long if long.len() > NAME_MAX => return Err(KeyError::LongSegment(long.len())),
                name => path = path.join(name.as_bytes()),
            }
        }
        Ok(path.with_slash(self.is_folder()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Visible(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_or_errors() {
        let long = "a".repeat(256);
        let deep = ["a".repeat(200).as_str(); 6].join("/");
        for (key, expected) in [
            ("a", Ok("a")),
            ("a/b.jpg", Ok("a/b.jpg")),
            ("a/", Ok("a/")),
            ("a b+c%20", Ok("a b+c%20")), // decoded already, exactly once
            ("\u{e9}/\u{1f600}", Ok("\u{e9}/\u{1f600}")),
            ("...", Ok("...")),
            ("a\\b", Ok("a\\b")),
            ("/", Err(KeyError::EmptySegment)),
            ("/a", Err(KeyError::EmptySegment)),
            ("a//b", Err(KeyError::EmptySegment)),
            ("a//", Err(KeyError::EmptySegment)),
            (".", Err(KeyError::Dots)),
            ("a/../b", Err(KeyError::Dots)),
            ("../b", Err(KeyError::Dots)),
            ("a/.", Err(KeyError::Dots)),
            ("a\0b", Err(KeyError::Nul)),
            (&*long, Err(KeyError::LongSegment(256))),
            (&*deep, Err(KeyError::TooLong(1205))),
        ] {
            let path = Key::new(key.as_bytes().to_vec()).and_then(|key| key.path());
            assert_eq!(path.map(|path| path.to_string()), expected.map(str::to_owned), "{key}");
        }
        assert_eq!(Key::new(vec![0xff]), Err(KeyError::NotUtf8));
    }
}
