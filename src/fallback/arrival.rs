//! A file that is being fetched, as the waiting requests see it.

use std::io;
use std::sync::Arc;

use futures_util::future::{Shared, WeakShared};
use httpdate::HttpDate;
use hyper::header::HeaderValue;
use tokio::sync::oneshot;

use super::reason::NotFetched;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::entity::Entity;
use crate::storage::media_type::SNIFF_LEN;
use crate::storage::open_file::OpenFile;
use crate::storage::progress::ProgressReader;
use crate::storage::store::NotAFolder;

/// What all waiting requests get as soon as the head of the upstream's response has arrived.
pub(super) type Head = Result<FetchStart, NotFetched>;

/// A head that has not arrived yet. Held by the waiting requests, and by the fetch itself once the head has arrived.
pub(super) type PendingHead = Shared<oneshot::Receiver<Head>>;

/// A weak reference to a running fetch. It can no longer be upgraded when all requests have stopped waiting for the head.
pub(super) type RunningFetch = WeakShared<oneshot::Receiver<Head>>;

/// How a fetch begins.
#[derive(Debug, Clone)]
pub enum FetchStart {
    /// The file exists by now: open it.
    Here,
    /// The file is being fetched.
    Arriving(Arrival),
    /// The file is not stored: each request asks the upstream for its own range.
    Proxy,
}

/// A file that is being fetched.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub(super) file: Arc<std::fs::File>,
    /// How many bytes have arrived.
    pub progress: ProgressReader,
    /// The announced length in bytes, if the upstream sent one.
    pub len: Option<u64>,
    pub(super) modified: Option<HttpDate>,
    /// The upstream's validator of this version, for `If-Range`.
    pub validator: Option<HeaderValue>,
}

impl Arrival {
    /// Opens the file as if it were complete. If its length is not known yet, the entity's length is 0. Waits for the first
    /// bytes if the file name's extension does not determine the media type.
    pub async fn open(&self, site: &Site, path: &MediaPath) -> io::Result<(OpenFile, Entity)> {
        let root = site.root.folder().map_err(|NotAFolder| io::ErrorKind::Unsupported)?;
        let file = OpenFile::incomplete(self.file.try_clone()?, root.nowait(), self.progress.clone());
        let media_type = if let Some(settled) = site.root.types().by_name_alone(path.file_name()) {
            settled
        } else {
            self.progress.at_least(SNIFF_LEN as u64).await?;
            let mut first = [0; SNIFF_LEN];
            // just written, so in the page cache
            let len = file.first(&mut first)?;
            site.root.types().by_content(path.file_name(), &first[..len])
        };
        Ok((file, Entity::incomplete(self.len.unwrap_or_default(), self.modified, media_type)))
    }
}
