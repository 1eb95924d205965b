//! The names of uploaded files. Follows Django's functions one by one, so that an app sees the same names in
//! development as from its production storage. Pure.
//!
//! ```text
//! filename="C:\my photo.JPG" --part_name--> my photo.JPG --uploaded_name--> the same, at most 255 characters
//!     --generated--> uploads/2026/03/01/my_photo.JPG --alternative, while it is taken--> my_photo_k3J9sQx.JPG
//! ```
//!
//! Each function names the Django function that it follows. `tests/data/django_names.json` contains rows created by
//! Django itself.

use std::borrow::Cow;
use std::fmt;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

use crate::storage::token::token;

/// `UploadedFile`: longer names are shortened. In characters, not bytes.
const MAX_CHARACTERS: usize = 255;

/// `get_random_string(7)`: enough characters that nobody can guess another file's URL (CVE-2014-0481).
const RANDOM_CHARACTERS: usize = 7;

/// The name, or its stem, if the client did not send a usable one.
pub const STEM: &str = "upload";

/// The most bytes in the path of a stored file: the same limit as for a key of S3. Without a limit, uploads could
/// create paths that no program can open.
pub const MAX_PATH: usize = 1024;

/// Why a file cannot get a name. The messages are Django's, because its users know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameError {
    /// The name is empty, or consists only of dots.
    Underivable(String),
    /// The path leads out of the folder.
    Traversal(String),
    /// The extension leaves no room for a name.
    NoRoom(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Underivable(name) => write!(f, "Could not derive file name from '{name}'"),
            Self::Traversal(name) => write!(f, "Detected path traversal attempt in '{name}'"),
            Self::NoRoom(name) => write!(f, "Storage can not find an available filename for \"{name}\""),
        }
    }
}

/// The name in a part's `filename`, without the folders of the client's machine (`MultiPartParser.sanitize_file_name`).
/// `None` if there is no name, so that the part is not a file.
pub fn part_name(raw: &str) -> Option<String> {
    let name = htmlize::unescape(raw);
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.rsplit('\\').next().unwrap_or_default();
    let name: String = name.chars().filter(|&c| is_printable(c)).collect();
    (!is_dots(&name)).then_some(name)
}

/// The name of an uploaded file, shortened if it is too long (`UploadedFile._set_name`).
pub fn uploaded_name(name: &str) -> Result<String, NameError> {
    let mut name = base(name).to_owned();
    let length = name.chars().count();
    if length > MAX_CHARACTERS {
        let (stem, extension) = split_extension(&name);
        let extension: String = extension.chars().take(MAX_CHARACTERS).collect();
        let room = MAX_CHARACTERS - extension.chars().count();
        name = stem.chars().take(room).chain(extension.chars()).collect();
    }
    if is_dots(&name) { Err(NameError::Underivable(name)) } else { Ok(name) }
}

/// The same name, or one with a stem if [`valid_name`] would leave none: it removes emoji, for example, and the rest of
/// `\u{1f389}.png` is a hidden file.
pub fn with_stem(name: &str) -> Cow<'_, str> {
    let is_lost = |c: char| !c.is_ascii() && !is_alphanumeric(c);
    let rest = name.trim_start_matches(|c: char| is_lost(c) || c == ' ');
    if rest.len() == name.trim_start_matches(' ').len() {
        return name.into();
    }
    match valid_name(name) {
        Ok(valid) if valid.starts_with('.') => format!("{STEM}{rest}").into(),
        Err(_) => STEM.into(),
        Ok(_) => name.into(),
    }
}

/// A name without characters that cause trouble in a shell, a URL or on another system (`get_valid_filename`).
pub fn valid_name(name: &str) -> Result<String, NameError> {
    // Python strips four separators that are not white space in Unicode
    let python_space = |c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f');
    let kept = name.trim_matches(python_space).chars().map(|c| if c == ' ' { '_' } else { c });
    let valid: String = kept.filter(|&c| matches!(c, '-' | '_' | '.') || is_alphanumeric(c)).collect();
    if is_dots(&valid) { Err(NameError::Underivable(name.to_owned())) } else { Ok(valid) }
}

/// The path, relative to the root, of a file uploaded to `folder` (`FileField.generate_filename`). Folders stay as they
/// are, and the name becomes valid.
pub fn generated(folder: &str, name: &str) -> Result<String, NameError> {
    let joined = match folder {
        _ if name.starts_with('/') => name.to_owned(),
        "" => name.to_owned(),
        _ if folder.ends_with('/') => format!("{folder}{name}"),
        _ => format!("{folder}/{name}"),
    };
    if is_dots(base(&joined)) {
        return Err(NameError::Underivable(joined));
    }
    let slashed = joined.replace('\\', "/");
    if slashed.starts_with('/') || slashed.split('/').any(|segment| segment == "..") {
        return Err(NameError::Traversal(joined));
    }
    stored(&slashed)
}

/// A path in the form that the storage accepts (`Storage.generate_filename`).
pub fn stored(path: &str) -> Result<String, NameError> {
    let (folder, name) = split_folder(path)?;
    let name = valid_name(&name)?;
    let top = if folder.starts_with('/') { "/" } else { "" };
    let segments = folder.split('/').chain([name.as_str()]).filter(|segment| !matches!(*segment, "" | "."));
    Ok(format!("{top}{}", segments.collect::<Vec<_>>().join("/")))
}

/// A path's folder, without `..`, and its last segment.
pub fn split_folder(path: &str) -> Result<(String, String), NameError> {
    let path = path.replace('\\', "/");
    let (folder, name) = match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("", path.as_str()),
    };
    if folder.split('/').any(|segment| segment == "..") {
        return Err(NameError::Traversal(folder.to_owned()));
    }
    Ok((folder.to_owned(), name.to_owned()))
}

/// Another name for a file whose name exists or does not fit `fits`: inserts `_` and seven random characters before all
/// suffixes, and shortens the rest as needed (`Storage.get_available_name`).
pub fn alternative(name: &str, fits: impl Fn(&str) -> bool) -> Result<String, NameError> {
    let (stem, suffixes) = split_suffixes(name);
    let random = token(RANDOM_CHARACTERS);
    let mut stem = stem.to_owned();
    while !stem.is_empty() {
        let alternative = format!("{stem}_{random}{suffixes}");
        if fits(&alternative) {
            return Ok(alternative);
        }
        stem.pop();
    }
    Err(NameError::NoRoom(name.to_owned()))
}

/// The part after the last slash (`os.path.basename`).
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// True for an empty name and for names of existing folders.
fn is_dots(name: &str) -> bool {
    matches!(name, "" | "." | "..")
}

/// Splits at the last dot, ignoring leading dots (`os.path.splitext`).
fn split_extension(name: &str) -> (&str, &str) {
    let leading = name.len() - name.trim_start_matches('.').len();
    match name.rfind('.') {
        Some(dot) if dot > leading => name.split_at(dot),
        _ => (name, ""),
    }
}

/// Splits at the first dot, ignoring leading dots. A name that ends in a dot has no suffixes
/// (`pathlib.PurePath.suffixes`).
fn split_suffixes(name: &str) -> (&str, &str) {
    let leading = name.len() - name.trim_start_matches('.').len();
    match name[leading..].find('.') {
        Some(dot) if !name.ends_with('.') => name.split_at(leading + dot),
        _ => (name, ""),
    }
}

/// Python's `str.isprintable`: not a control, format, private-use or unassigned character, and not a separator other
/// than the space.
fn is_printable(c: char) -> bool {
    use GeneralCategoryGroup::{Other, Separator};
    c == ' ' || !matches!(c.general_category_group(), Other | Separator)
}

/// Python's `str.isalnum`: letters, and characters with a numeric value (`²`, `½`, `Ⅷ`). Combining marks are excluded,
/// so an `é` of two code points becomes an `e`.
fn is_alphanumeric(c: char) -> bool {
    use GeneralCategory::{DecimalNumber, LetterNumber, OtherNumber};
    c.general_category_group() == GeneralCategoryGroup::Letter
        || matches!(c.general_category(), DecimalNumber | LetterNumber | OtherNumber)
}

#[cfg(test)]
mod tests;
