//! A file that is on its way, and how requests learn of it.

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

/// What all waiting requests get as soon as the head of the upstream's answer is there.
pub(super) type Head = Result<Beginning, NotFetched>;

/// A head to come. Waiting requests hold it, and the fetch itself once the head is there.
pub(super) type Coming = Shared<oneshot::Receiver<Head>>;

/// How a running fetch is found. It leads to nothing once no request waits for the head.
pub(super) type Running = WeakShared<oneshot::Receiver<Head>>;

/// How a fetch begins.
#[derive(Debug, Clone)]
pub enum Beginning {
    /// Something has the name by now: look again.
    Here,
    /// It comes.
    Arriving(Arrival),
    /// It is not to be stored: each request asks the upstream for its own part.
    Pass,
}

/// A file that is on its way.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub(super) file: Arc<std::fs::File>,
    /// How far it has come.
    pub progress: ProgressReader,
    /// How long it will be, if the upstream says.
    pub len: Option<u64>,
    pub(super) modified: Option<HttpDate>,
    /// By which the upstream knows this state of it, for `If-Range`.
    pub validator: Option<HeaderValue>,
}

impl Arrival {
    /// The file as one that is there; only its length may not be known yet, and is 0 then. Waits for the first bytes
    /// where the name does not tell the type.
    pub async fn open(&self, site: &Site, path: &MediaPath) -> io::Result<(OpenFile, Entity)> {
        let file = OpenFile::incomplete(self.file.try_clone()?, site.root.nowait(), self.progress.clone());
        let media_type = if let Some(settled) = site.root.types().by_name_alone(path.file_name()) {
            settled
        } else {
            self.progress.at_least(SNIFF_LEN as u64).await?;
            let mut first = [0; SNIFF_LEN];
            // written a moment ago: the page cache has them
            let len = file.first(&mut first)?;
            site.root.types().by_content(path.file_name(), &first[..len])
        };
        Ok((file, Entity::incomplete(self.len.unwrap_or_default(), self.modified, media_type)))
    }
}
