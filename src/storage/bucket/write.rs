//! Writing objects. An object appears when it is complete, and not before: a small one by a single PUT of all its bytes, a
//! large one by a multipart upload that is completed at its end.

use std::sync::Arc;

use hyper::body::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, UpdateVersion,
};
use tokio::task::JoinHandle;

use super::error::{Action, BucketError};
use super::{Bucket, Object};
use crate::request::path::MediaPath;

/// The size of a part, and of the largest object that is written at once. S3 wants at least 5 MiB, and Cloudflare R2 wants
/// all parts but the last to be equal.
const PART: usize = 8 * 1024 * 1024;

/// The most bytes of a complete object that wait in memory until [`ObjectWriter::publish`].
const HELD: usize = 256 * 1024;

/// Pieces below this size are joined.
const SMALL: usize = 16 * 1024;

/// What must be true for an object to be written.
#[derive(Debug, Clone)]
pub enum Expected<'a> {
    /// Nothing.
    Anything,
    /// The key is free.
    Nothing,
    /// The key still has this object.
    This(&'a Object),
}

/// An object on its way to a bucket. If it is dropped, its parts are removed.
#[derive(Debug)]
pub struct ObjectWriter {
    objects: Arc<dyn ObjectStore>,
    attributes: Attributes,
    key: Path,
    /// Bytes that are not yet on their way.
    ahead: Vec<Bytes>,
    /// The last of them, while they are small pieces.
    small: Vec<u8>,
    ahead_len: usize,
    len: u64,
    upload: Option<Box<dyn MultipartUpload>>,
    /// The part that is on its way: one at a time, while the next one arrives.
    part: Option<JoinHandle<object_store::Result<()>>>,
}

impl Bucket {
    /// Starts to write the object at `path`.
    pub fn writer(&self, path: &MediaPath) -> Result<ObjectWriter, BucketError> {
        let media_type = super::media_type(&self.types, path.file_name(), None, false);
        let content_type = String::from_utf8_lossy(media_type.header.as_bytes()).into_owned();
        Ok(ObjectWriter {
            objects: Arc::clone(&self.objects),
            attributes: Attributes::from_iter([(Attribute::ContentType, content_type)]),
            key: self.key(path)?,
            ahead: Vec::new(),
            small: Vec::new(),
            ahead_len: 0,
            len: 0,
            upload: None,
            part: None,
        })
    }

    /// Removes the object at `path`.
    pub async fn delete(&self, path: &MediaPath) -> Result<(), BucketError> {
        let key = self.key(path)?;
        self.objects.delete(&key).await.map_err(|error| BucketError::of(&error, Action::Delete))
    }
}

impl ObjectWriter {
    /// Adds bytes. Waits while two parts are in memory.
    pub async fn push(&mut self, mut bytes: Bytes) -> Result<(), BucketError> {
        self.len += bytes.len() as u64;
        while self.ahead_len + bytes.len() > PART {
            let front = bytes.split_to(PART - self.ahead_len);
            self.hold(front);
            self.send_part().await?;
        }
        self.hold(bytes);
        Ok(())
    }

    /// Sends the last part, if there are parts.
    pub async fn stage_parts(&mut self) -> Result<(), BucketError> {
        if self.upload.is_some() && self.ahead_len > 0 {
            self.send_part().await?;
        }
        self.part_sent().await
    }

    /// Frees the memory of an object that is complete, but not to be published yet.
    pub async fn stage(&mut self) -> Result<(), BucketError> {
        if self.ahead_len > HELD {
            self.send_part().await?;
        }
        self.stage_parts().await
    }

    /// Makes the object visible.
    pub async fn publish(&mut self, expected: &Expected<'_>) -> Result<(), BucketError> {
        if self.upload.is_none() {
            let mode = match expected {
                Expected::Anything => PutMode::Overwrite,
                Expected::Nothing => PutMode::Create,
                Expected::This(object) => {
                    PutMode::Update(UpdateVersion { e_tag: object.tag.clone(), version: object.version.clone() })
                }
            };
            let options = PutOptions { mode, attributes: self.attributes.clone(), ..PutOptions::default() };
            self.join();
            // kept, because another name may be tried
            let payload: PutPayload = self.ahead.iter().cloned().collect();
            let put = self.objects.put_opts(&self.key, payload, options).await;
            return put.map(drop).map_err(|error| BucketError::of(&error, Action::Write));
        }
        self.stage_parts().await?;
        if let Some(upload) = &mut self.upload {
            upload.complete().await.map_err(|error| BucketError::of(&error, Action::Write))?;
        }
        self.upload = None;
        Ok(())
    }

    /// The number of bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the parts are on their way to one name, so that there cannot be another.
    pub fn is_named(&self) -> bool {
        self.upload.is_some()
    }

    /// Chooses another name.
    pub fn rename(&mut self, bucket: &Bucket, path: &MediaPath) -> Result<(), BucketError> {
        self.key = bucket.key(path)?;
        Ok(())
    }

    /// Keeps bytes for later. Small pieces are joined: a client that sends single bytes must not fill the memory with their
    /// bookkeeping.
    fn hold(&mut self, bytes: Bytes) {
        self.ahead_len += bytes.len();
        if bytes.len() < SMALL {
            self.small.extend_from_slice(&bytes);
        } else {
            self.join();
            self.ahead.push(bytes);
        }
        if self.small.len() >= SMALL {
            self.join();
        }
    }

    fn join(&mut self) {
        if !self.small.is_empty() {
            self.ahead.push(Bytes::from(std::mem::take(&mut self.small)));
        }
    }

    /// Sends what is held as a part.
    async fn send_part(&mut self) -> Result<(), BucketError> {
        self.join();
        self.part_sent().await?;
        let error = |error| BucketError::of(&error, Action::Write);
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let options =
                    PutMultipartOptions { attributes: self.attributes.clone(), ..PutMultipartOptions::default() };
                none.insert(self.objects.put_multipart_opts(&self.key, options).await.map_err(error)?)
            }
        };
        let payload: PutPayload = std::mem::take(&mut self.ahead).into_iter().collect();
        self.ahead_len = 0;
        self.part = Some(tokio::spawn(upload.put_part(payload)));
        Ok(())
    }

    async fn part_sent(&mut self) -> Result<(), BucketError> {
        let Some(part) = self.part.take() else { return Ok(()) };
        let sent = part.await.map_err(|error| BucketError::Garbled(error.to_string()))?;
        sent.map_err(|error| BucketError::of(&error, Action::Write))
    }
}

impl Drop for ObjectWriter {
    /// A store keeps the parts of an upload that is not completed, and they cost money.
    fn drop(&mut self) {
        let (Some(mut upload), part) = (self.upload.take(), self.part.take()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let key = self.key.clone();
        runtime.spawn(async move {
            if let Some(part) = part {
                let _ = part.await;
            }
            if let Err(error) = upload.abort().await {
                tracing::warn!("the parts of {key} stay in the bucket: {}", BucketError::of(&error, Action::Write));
            }
        });
    }
}
