//! `Sink`: where a file of a form is written while it arrives.

use std::sync::Arc;

use hyper::body::Bytes;

use super::bucket;
use super::file_writer::FileWriter;
use super::rules::Upload;
use super::staged::StagedFile;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::storage::blocking;
use crate::storage::bucket::Bucket;
use crate::storage::bucket::write::ObjectWriter;

/// A file on its way to a folder or a bucket. It is visible in neither.
#[derive(Debug)]
pub(super) enum Sink {
    /// A staged file, and what is written into it.
    Folder(StagedFile, FileWriter),
    /// An object.
    Bucket(Box<ObjectWriter>),
}

impl Sink {
    /// Starts a file at `path`, if a client that may upload to the folder of this request may store it there. In a bucket,
    /// the path may get another name, because the parts of an object are bound to it.
    pub(super) async fn open(upload: Upload<'_>, path: MediaPath) -> Result<(MediaPath, Self), Refusal> {
        let Upload { site, path: folder, passed, .. } = upload;
        if let Some(bucket) = site.root.bucket() {
            site.allows_storing_at(folder, &path)?;
            let (path, writer) = bucket::start(bucket, &path).await?;
            return Ok((path, Self::Bucket(Box::new(writer))));
        }
        let (owner, posted_to, place) = (Arc::clone(site), folder.clone(), path.clone());
        let passed = passed.clone();
        let staged = blocking(move || {
            owner.allows_storing_at(&posted_to, &place)?;
            let staged = StagedFile::create(owner.root.folder()?, &place.parent())?;
            staged.place(&owner, &passed, place.file_name())?;
            Ok::<_, Refusal>(staged)
        });
        let staged = staged.await?;
        let writer = FileWriter::new(staged.file());
        Ok((path, Self::Folder(staged, writer)))
    }

    /// Adds bytes.
    pub(super) async fn push(&mut self, bytes: Bytes, bucket: Option<&Bucket>) -> Result<(), Refusal> {
        match self {
            Self::Folder(_, writer) => writer.push(bytes).await,
            Self::Bucket(writer) => {
                let pushed = writer.push(bytes).await;
                pushed.map_err(|error| bucket::refusal(bucket, &error))
            }
        }
    }

    /// Writes what is waiting.
    pub(super) async fn finish(&mut self, bucket: Option<&Bucket>) -> Result<(), Refusal> {
        match self {
            Self::Folder(_, writer) => writer.flush().await,
            Self::Bucket(writer) => writer.stage().await.map_err(|error| bucket::refusal(bucket, &error)),
        }
    }
}
