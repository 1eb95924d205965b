//! `Object`: an open file with its record; and its ETag, which is computed if it is not known yet.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use httpdate::HttpDate;
use hyper::header::HeaderValue;
use md5::{Digest as _, Md5};

use super::bucket::{Bucket, Caller};
use super::error::{Code, S3Error};
use super::key::Key;
use super::record::{Record, State};
use crate::access::rules::spelling;
use crate::request::path::MediaPath;
use crate::site::{Opened, SiteError};
use crate::storage::entity::Entity;
use crate::storage::location::Location;
use crate::storage::media_type::MediaType;
use crate::storage::open_file::OpenFile;
use crate::storage::root::{Found, OpenError};
use crate::system;

/// The MD5 of an empty file, and so of the marker of a folder.
pub const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// An object that was found.
#[derive(Debug)]
pub struct Object {
    /// The open file; `None` for the marker of a folder.
    pub file: Option<OpenFile>,
    /// The length, the type by the name, ...
    pub len: u64,
    /// Its media type: the stored one, or else by its name and content as on the mount.
    pub media_type: MediaType,
    /// When the file was last modified.
    pub modified: SystemTime,
    /// Its record; made up for a file that was put there by hand.
    pub record: Record,
}

impl Object {
    /// What conditions and ranges are about, with the ETag of S3.
    pub fn entity(&self) -> Entity {
        let etag = HeaderValue::try_from(format!("\"{}\"", self.record.etag)).ok();
        let since = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let whole = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs());
        Entity {
            device: 0,
            len: self.len,
            etag,
            last_modified: Some(HttpDate::from(whole).into()),
            media_type: self.media_type.clone(),
        }
    }
}

/// The MD5s of files without a record whose bucket is read-only: nothing is written to their folder.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<State, String>>);

impl Known {
    const MAX: usize = 100_000;

    fn get(&self, state: &State) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(state).cloned()
    }

    fn put(&self, state: State, etag: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MAX {
            known.clear();
        }
        known.insert(state, etag);
    }
}

/// Finds the object of a key. `Ok(None)` if reading it would wait; then [`find`] does it on a blocking thread.
pub fn find_now(bucket: &Bucket, caller: Caller, key: &Key) -> Result<Option<Object>, S3Error> {
    let path = path_of(bucket, key)?;
    if path.has_slash() {
        return Ok(None);
    }
    let Some(Ok(opened)) = bucket.site.find_now(&path) else { return Ok(None) };
    bucket.check_access(caller, &path, &opened.location)?;
    let Found::File(file, entity) = opened.found else { return Ok(None) };
    let (_, record) = Record::load(bucket.root(), &path, &file).map_err(S3Error::system)?;
    let Some(record) = record else { return Ok(None) };
    described(file, &entity, record).map(Some)
}

/// Finds the object of a key. Computes the ETag of a file that has none yet. Blocks.
pub fn find(bucket: &Bucket, known: &Known, caller: Caller, key: &Key) -> Result<Object, S3Error> {
    let path = path_of(bucket, key)?;
    let missing =
        || S3Error::no_such_key(key.as_str(), format!("There is no object {key} in the bucket {}.", bucket.name));
    // also checked for a missing file: a stranger must not learn which exist
    bucket.check_access(caller, &path, &Location::AsAsked)?;
    let Opened { found, location } = bucket.site.find(&path).map_err(|error| match error {
        error if error.is_missing() => missing(),
        OpenError::NotRegular => missing(),
        error => crate::refusal::Refusal::cannot_open(error, &path).into(),
    })?;
    bucket.site.check_location_visible(&location).map_err(|_| missing())?;
    bucket.check_access(caller, &path, &location)?;
    check_spelling(key, &path, &location)?;
    match found {
        Found::File(..) if path.has_slash() => Err(S3Error::no_such_key(
            key.as_str(),
            format!(
                "There is no object {key}: {} is a file, and its key has no '/' at its end.",
                path.with_slash(false)
            ),
        )),
        Found::File(file, entity) => {
            let (state, record) = Record::load(bucket.root(), &path, &file).map_err(S3Error::system)?;
            let record = match record {
                Some(record) => record,
                None => hashed(bucket, known, &path, &file, state)?,
            };
            described(file, &entity, record)
        }
        Found::Directory(_) if !path.has_slash() => Err(S3Error::no_such_key(
            key.as_str(),
            format!("There is no object {key}: it is a folder. Its objects are listed with prefix={key}/"),
        )),
        Found::Directory(dir) => {
            let (_, record) = Record::load(bucket.root(), &path, &dir).map_err(S3Error::system)?;
            let record = record.ok_or_else(missing)?;
            let modified = dir.dir_metadata().and_then(|metadata| metadata.modified());
            let modified = modified.map_or(SystemTime::UNIX_EPOCH, cap_std::time::SystemTime::into_std);
            let media_type = stored_type(&record).unwrap_or_else(MediaType::octet_stream);
            Ok(Object { file: None, len: 0, media_type, modified, record })
        }
    }
}

/// The path of a key that is read: a key that cannot be a path, or must not be seen, is a key that no object has.
fn path_of(bucket: &Bucket, key: &Key) -> Result<MediaPath, S3Error> {
    let none = |why: String| S3Error::no_such_key(key.as_str(), why);
    let path = key.path().map_err(|error| none(format!("No object can have the key {key} here: {error}.")))?;
    bucket.site.check_visible(&path).map_err(|error| none(hidden(error).to_owned()))?;
    Ok(path)
}

/// Why a path is not visible, and what to do.
pub fn hidden(error: SiteError) -> &'static str {
    match error {
        SiteError::Hidden => {
            "Names that start with a dot are not objects of this bucket. To include them, start devmedia with --hidden."
        }
        SiteError::Name(_) => "No file on Windows can have this name. Choose another key.",
        SiteError::Own => "Names that start with .devmedia- are reserved for devmedia's own files. Choose another key.",
    }
}

/// Refuses a key whose file has a name in another spelling: keys differ in case, and names of some file systems do not.
pub fn check_spelling(key: &Key, path: &MediaPath, location: &Location) -> Result<(), S3Error> {
    let Some(place) = location.path().filter(|place| is_other_spelling(path, place)) else { return Ok(()) };
    Err(S3Error::no_such_key(
        key.as_str(),
        format!(
            "There is no object {key}, but there is {place}: the file system of this folder does not distinguish the two names, \
             and S3 does. Use the same spelling everywhere."
        ),
    ))
}

/// Whether both paths are the same one in another spelling (case, Unicode form), as opposed to the target of a link.
fn is_other_spelling(path: &MediaPath, place: &MediaPath) -> bool {
    let text = |path: &MediaPath| String::from_utf8_lossy(path.as_bytes()).into_owned();
    path.as_bytes() != place.as_bytes() && spelling(&text(path)) == spelling(&text(place))
}

fn described(file: OpenFile, entity: &Entity, record: Record) -> Result<Object, S3Error> {
    let modified = u64::try_from(record.state.mtime).unwrap_or_default();
    let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(modified);
    if entity.len != record.state.size {
        return Err(S3Error::new(Code::SlowDown, "The file is being changed at this moment. Request it again."));
    }
    // the coding of `.svgz` is known by its name; S3 knows only what was stored
    let media_type = stored_type(&record).unwrap_or_else(|| MediaType { is_gzip: false, ..entity.media_type.clone() });
    Ok(Object { file: Some(file), len: entity.len, media_type, modified, record })
}

fn stored_type(record: &Record) -> Option<MediaType> {
    record.headers.get("content-type").and_then(|stored| MediaType::verbatim(stored))
}

/// The record of a file that has none: its MD5. It is remembered in the file's attribute if the bucket is writable.
fn hashed(bucket: &Bucket, known: &Known, path: &MediaPath, file: &OpenFile, state: State) -> Result<Record, S3Error> {
    if let Some(etag) = known.get(&state) {
        return Ok(Record { state, etag, ..Record::default() });
    }
    let etag = md5_of(|offset, buffer| file.read_into(offset, buffer)).map_err(S3Error::system)?;
    let mut record = Record { state, etag, ..Record::default() };
    // if it is being written right now, the next request computes it again
    if State::of(file).is_ok_and(|now| now == state) {
        remember(bucket, known, path, file, &mut record);
    }
    Ok(record)
}

/// Remembers the ETag of a file that was put there by hand.
fn remember(bucket: &Bucket, known: &Known, path: &MediaPath, file: impl system::AsHandle, record: &mut Record) {
    let is_saved = bucket.is_writable() && record.save(bucket.root(), path, file).is_ok();
    if !is_saved {
        known.put(record.state, record.etag.clone());
    }
}

/// The ETag of an open file for a listing, if it is known, or if computing it does not use up `budget` bytes. Blocks.
pub fn etag_within(
    bucket: &Bucket,
    known: &Known,
    path: &MediaPath,
    file: &std::fs::File,
    budget: &mut u64,
) -> io::Result<(State, Option<Record>)> {
    let (state, record) = Record::load(bucket.root(), path, file)?;
    if record.is_some() {
        return Ok((state, record));
    }
    if let Some(etag) = known.get(&state) {
        return Ok((state, Some(Record { state, etag, ..Record::default() })));
    }
    let Some(left) = budget.checked_sub(state.size) else { return Ok((state, None)) };
    *budget = left;
    let etag = md5_of(|offset, buffer| system::read_at(file, buffer, offset))?;
    let mut record = Record { state, etag, ..Record::default() };
    if State::of(file)? == state {
        remember(bucket, known, path, file, &mut record);
    }
    Ok((state, Some(record)))
}

/// The MD5 of all bytes, in hexadecimal.
pub fn md5_of(read: impl Fn(u64, &mut [u8]) -> io::Result<usize>) -> io::Result<String> {
    let mut digest = Md5::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        match read(offset, &mut buffer) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(got) => {
                digest.update(&buffer[..got]);
                offset += got as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_is_told_from_the_target_of_a_link() {
        for (path, place, expected) in [
            ("a.txt", "a.txt", false),
            ("A.txt", "a.txt", true),
            ("e\u{301}", "\u{e9}", true),
            ("a/B", "A/b", true),
            ("a.txt", "b.txt", false), // a link
            ("a/b", "c/b", false),
        ] {
            let parse = |text: &str| Key::new(text.into()).expect("a key").path().expect("a path");
            assert_eq!(is_other_spelling(&parse(path), &parse(place)), expected, "{path} {place}");
        }
    }

    #[test]
    fn the_md5_of_nothing_is_the_etag_of_a_marker() {
        assert_eq!(md5_of(|_, _| Ok(0)).expect("no file"), EMPTY_MD5);
    }
}
