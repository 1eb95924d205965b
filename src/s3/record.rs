//! `Record`: what S3 knows of an object and a file system does not: the ETag, the metadata, the tags, the checksum.
//!
//! It is an extended attribute of the file itself, so it moves and disappears with the file, and there is no index to
//! maintain. Where an attribute cannot be written (no support, too large), it is a file in `.devmedia-meta/` below the
//! root. A record is about one state of one file: it has the inode number, the size and the modification time, so a file
//! that was changed or put in place by hand has no record. The change time is not in it: writing the attribute and giving
//! the file its name both change it.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::beside;
use crate::request::path::MediaPath;
use crate::signature;
use crate::storage::root::Root;
use crate::system::{self, AsHandle};

/// The name of the attribute (xattr(7): user attributes start with `user.`).
const NAME: &str = "user.devmedia.s3";

/// The most bytes of an attribute (xattr(7)).
const MAX: usize = 64 * 1024;

/// The record of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The state of the file that it is about.
    pub state: State,
    /// The ETag without quotes: the MD5 in hexadecimal; for a multipart upload the MD5 of the MD5s, `-`, and the number of
    /// parts.
    pub etag: String,
    /// The sizes of the parts of a multipart upload: each size, and how many parts in a row have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<(u64, u32)>,
    /// The headers that S3 stores, in lower case: `content-type`, `cache-control`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The user's metadata, without `x-amz-meta-`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The checksum that the client sent or asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
}

/// The stored checksum of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// `CRC32`, `CRC32C`, `CRC64NVME`, `SHA1` or `SHA256`.
    pub algorithm: String,
    /// In base64; `-N` follows for a checksum of the checksums of N parts.
    pub value: String,
}

impl Checksum {
    /// A checksum that was computed.
    pub fn of(checksum: &signature::Checksum) -> Self {
        Self { algorithm: checksum.algorithm().name().to_owned(), value: checksum.to_string() }
    }

    /// `COMPOSITE` or `FULL_OBJECT` ("Checking object integrity" in the S3 user guide).
    pub fn kind(&self) -> &'static str {
        if self.value.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

/// The state of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    /// The inode number.
    pub ino: u64,
    /// The size in bytes; 0 for a folder.
    pub size: u64,
    /// The modification time in nanoseconds since 1970; 0 for a folder, which changes with its entries.
    pub mtime: i64,
}

impl State {
    /// Asks an open file or folder.
    pub fn of(file: impl AsHandle) -> io::Result<Self> {
        let stat = system::stat_of_handle(file)?;
        let ino = stat.inode;
        if stat.is_dir {
            return Ok(Self { ino, ..Self::default() });
        }
        let mtime = stat.modified.seconds.saturating_mul(1_000_000_000).saturating_add(stat.modified.nanos);
        Ok(Self { ino, size: stat.len, mtime })
    }
}

impl Record {
    /// The record of the open file or folder at `path`; `None` if it has none, or if the file has changed since.
    pub fn load(root: &Root, path: &MediaPath, file: impl AsHandle) -> io::Result<(State, Option<Self>)> {
        let state = State::of(&file)?;
        let text = system::attribute(&file, NAME, MAX).or_else(|| beside::read(root, &name_beside(path)));
        let record: Option<Self> = text.and_then(|text| serde_json::from_slice(&text).ok());
        Ok((state, record.filter(|record| record.state == state)))
    }

    /// Writes the record of a complete file or a folder as its attribute. `false` if that is not possible: then
    /// [`Record::save_beside`] does it when the file has its name. Blocks.
    pub fn save_within(&mut self, file: impl AsHandle) -> io::Result<bool> {
        self.state = State::of(&file)?;
        let text = serde_json::to_vec(self)?;
        Ok(system::set_attribute(&file, NAME, &text).is_ok())
    }

    /// Writes the record into a file in `.devmedia-meta/`. Blocks.
    pub fn save_beside(&self, root: &Root, path: &MediaPath) -> io::Result<()> {
        beside::write(root, &name_beside(path), &serde_json::to_vec(self)?)
    }

    /// Writes the record in either place. Blocks.
    pub fn save(&mut self, root: &Root, path: &MediaPath, file: impl AsHandle) -> io::Result<()> {
        if self.save_within(&file)? {
            return Ok(());
        }
        // the attribute would have priority
        let _ = system::remove_attribute(&file, NAME);
        self.save_beside(root, path)
    }

    /// Removes the record of a folder's marker. Blocks.
    pub fn remove(root: &Root, path: &MediaPath, file: impl AsHandle) {
        let _ = system::remove_attribute(&file, NAME);
        Self::remove_beside(root, path);
    }

    /// Removes the file in `.devmedia-meta/`, if there is one. Blocks.
    pub fn remove_beside(root: &Root, path: &MediaPath) {
        beside::remove(root, &name_beside(path));
    }

    /// The size of each part, in order; empty if the object is not from a multipart upload.
    pub fn part_sizes(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().flat_map(|&(size, count)| (0..count).map(move |_| size))
    }

    /// Stores the sizes of the parts.
    pub fn set_part_sizes(&mut self, sizes: impl IntoIterator<Item = u64>) {
        self.parts.clear();
        for size in sizes {
            match self.parts.last_mut() {
                Some((same, count)) if *same == size => *count += 1,
                _ => self.parts.push((size, 1)),
            }
        }
    }
}

/// The path itself may be too long for a name.
fn name_beside(path: &MediaPath) -> String {
    let slash = if path.has_slash() { "/" } else { "" };
    let digest = Sha256::digest([path.as_bytes(), slash.as_bytes()].concat());
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>() + ".json"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_parts_are_stored_in_few_bytes() {
        let mut record = Record::default();
        for sizes in [vec![], vec![5], vec![8, 8, 8, 3], vec![5, 6, 5]] {
            record.set_part_sizes(sizes.clone());
            assert_eq!(record.part_sizes().collect::<Vec<_>>(), sizes);
        }
        record.set_part_sizes(std::iter::repeat_n(8, 10_000));
        assert_eq!(record.parts, [(8, 10_000)]);
    }

    #[test]
    fn a_record_is_about_one_state_of_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one").expect("a file");
        let file = std::fs::File::open(&path).expect("the file");
        let before = State::of(&file).expect("a state");
        let replaced = folder.path().join("b");
        std::fs::write(&replaced, "two").expect("a file");
        std::fs::rename(&replaced, &path).expect("replaced");
        assert_eq!(State::of(&file).expect("a state"), before, "the open file is the old one");
        assert_ne!(State::of(std::fs::File::open(&path).expect("the file")).expect("a state"), before);
    }
}
