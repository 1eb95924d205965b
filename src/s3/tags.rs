//! The tags of an object.

use std::collections::BTreeMap;

use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::error::S3Error;
use super::metadata::tags_of;
use super::object;
use super::target::Target;
use super::xml::{self, NAMESPACE};
use crate::body::Body;
use crate::storage::blocking;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagging {
    #[serde(rename = "@xmlns", default)]
    namespace: String,
    tag_set: TagSet,
}

#[derive(Serialize, Deserialize, Default)]
struct TagSet {
    #[serde(rename = "Tag", default)]
    tags: Vec<Tag>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// Answers GetObjectTagging.
pub async fn get(target: &Target) -> Result<Response<Body>, S3Error> {
    let object = target.find().await?;
    Ok(xml::answer(StatusCode::OK, &Tagging::of(&object.record.tags)))
}

impl Tagging {
    /// Tags that came in a header may have characters that XML cannot hold.
    fn of(tags: &BTreeMap<String, String>) -> Self {
        let tags = tags.iter().map(|(key, value)| Tag { key: xml::text(key), value: xml::text(value) }).collect();
        Self { namespace: NAMESPACE.to_owned(), tag_set: TagSet { tags } }
    }
}

/// Replaces the tags by those in the document.
pub async fn put(target: &Target, body: Vec<u8>) -> Result<Response<Body>, S3Error> {
    let tagging: Tagging = xml::parse(&body)?;
    let tags = tags_of(tagging.tag_set.tags.into_iter().map(|tag| (tag.key, tag.value)))?;
    set(target, tags).await?;
    Ok(Response::new(Body::Empty))
}

/// Removes the tags.
pub async fn delete(target: &Target) -> Result<Response<Body>, S3Error> {
    set(target, BTreeMap::new()).await?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

async fn set(target: &Target, tags: BTreeMap<String, String>) -> Result<(), S3Error> {
    let target = target.clone();
    blocking(move || {
        target.bucket.check_writable()?;
        let root = target.bucket.root();
        let changing = root.changing();
        let object = object::find(&target.bucket, &target.known, target.caller, &target.key)?;
        let (path, mut record) = (target.path()?, object.record);
        record.tags = tags;
        let saved = match object.file {
            Some(file) => record.save(root, &path, &file),
            None => match root.open(&path) {
                Ok(crate::storage::root::Found::Directory(dir)) => record.save(root, &path, &dir),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
        };
        drop(changing);
        saved.map_err(S3Error::system)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_set_is_a_valid_document() {
        let tags = BTreeMap::from([("a\u{1}".to_owned(), "<\u{0}>".to_owned())]);
        let document = xml::document(&Tagging::of(&tags));
        assert!(document.contains("<Key>a\u{fffd}</Key><Value>&lt;\u{fffd}&gt;</Value>"), "{document}");
    }

    #[test]
    fn tag_sets_are_read() {
        for (text, expected) in [
            (
                "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value/></Tag></TagSet></Tagging>",
                Some(2),
            ),
            ("<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet/></Tagging>", Some(0)),
            ("<Tagging/>", None),
        ] {
            let tagging = xml::parse::<Tagging>(text.as_bytes()).ok();
            assert_eq!(tagging.map(|tagging| tagging.tag_set.tags.len()), expected, "{text}");
        }
    }
}
