//! Fetches a file once for all requests that wait for it. A fetch runs in its own task, so it continues for the other clients
//! and for later requests when a client disconnects.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Response};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::Fallback;
use super::action::{self, Action};
use super::answer_cache::Answered;
use super::arrival::{Arrival, FetchStart, Head, PendingHead, RunningFetch};
use super::client::{self, UpstreamBody};
use super::copy_record::CopyRecord;
use super::fetch_key::FetchKey;
use super::reason::NotFetched;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::progress::{self, ProgressWriter};
use crate::upload::MAX_PATH;
use crate::upload::file_writer::FileWriter;
use crate::upload::staged::{NAME_MAX, StagedFile};

/// A running fetch.
pub struct Fetch {
    site: Arc<Site>,
    fallback: Arc<Fallback>,
    key: FetchKey,
    running: RunningFetch,
    /// Set when the head has arrived: from then on the fetch continues even if no request waits for it.
    pending: Option<PendingHead>,
}

/// Whether a file with this path could be stored. Otherwise it is not fetched, because that would create thousands of folders
/// or cache a path of any length.
pub fn is_storable(path: &MediaPath) -> bool {
    path.as_bytes().len() <= MAX_PATH && path.segments().all(|segment| segment.len() <= NAME_MAX)
}

/// Whether a fetch of a file is running or about to start.
pub fn is_running(fallback: &Fallback, key: &FetchKey) -> bool {
    fallback.running().get(key).and_then(RunningFetch::upgrade).is_some()
}

/// Joins the fetch of a file, or starts it, and waits for its head.
pub async fn join(site: &Arc<Site>, fallback: &Arc<Fallback>, key: &FetchKey) -> Head {
    if !is_storable(&key.path) {
        return Err(NotFetched::TooLong);
    }
    let pending = {
        let mut running = fallback.running();
        running.get(key).and_then(RunningFetch::upgrade).unwrap_or_else(|| {
            let (sender, receiver) = oneshot::channel();
            let pending = receiver.shared();
            let weak = pending.downgrade().expect("it has not been polled yet");
            running.insert(key.clone(), weak.clone());
            let (site, fallback) = (Arc::clone(site), Arc::clone(fallback));
            tokio::spawn(Fetch { site, fallback, key: key.clone(), running: weak, pending: None }.run(sender));
            pending
        })
    };
    pending.await.unwrap_or(Err(NotFetched::GivenUp))
}

impl Drop for Fetch {
    /// The next request finds the file, or starts a new fetch.
    fn drop(&mut self) {
        let mut running = self.fallback.running();
        // after all requests had abandoned this fetch, a new request may have started another one
        let is_replaced = self.pending.is_none() && running.get(&self.key).and_then(RunningFetch::upgrade).is_some();
        if !is_replaced {
            running.remove(&self.key);
        }
    }
}

impl Fetch {
    async fn run(mut self, mut sender: oneshot::Sender<Head>) {
        let started = tokio::select! {
            started = self.start() => started,
            // no request waits for the response
            () = sender.closed() => return,
        };
        self.pending = self.running.upgrade();
        if self.pending.is_none() {
            return;
        }
        let (head, transfer) = match started {
            Ok((start, transfer)) => (Ok(start), transfer),
            Err(why) => (Err(why), None),
        };
        match &head {
            Ok(FetchStart::Proxy) => self.note(Answered::NotStored),
            Err(NotFetched::Missing { .. }) => self.note(Answered::Missing),
            _ => {}
        }
        // the file is stored even if no request is waiting any more
        let _ = sender.send(head);
        if let Some(transfer) = transfer {
            let (sender, written) = transfer.write().await;
            let result = match written {
                Ok((staged, record)) => {
                    self.publish(staged, record).await;
                    Ok(())
                }
                Err(broken) => {
                    if broken.is_too_large {
                        self.note(Answered::NotStored);
                    }
                    warn!("{} was not stored: {broken}", self.key.path);
                    Err(broken.why)
                }
            };
            // before the readers see the failure, so that a client that retries starts a new fetch
            drop(self);
            sender.end(result);
        }
    }

    fn note(&self, answered: Answered) {
        self.fallback.cache.put(&self.key, answered);
    }

    /// Gives a complete file its final name. Waiting requests get its bytes in any case.
    async fn publish(&self, staged: StagedFile, record: CopyRecord) {
        let (site, path) = (Arc::clone(&self.site), self.key.path.clone());
        let published = blocking(move || {
            record.note(&staged.file(), &path);
            staged.publish_new(site.root.folder()?, path.file_name())
        });
        match published.await {
            Ok(Ok(())) => debug!("stored {}", self.key.path),
            Ok(Err(_)) => {
                warn!("{} was not stored: a file with this name has been created in the meantime", self.key.path);
            }
            Err(refusal) => warn!("{} was not stored: {}", self.key.path, refusal.reason()),
        }
    }

    /// Asks the upstream, unless a file with this name exists by now.
    async fn start(&self) -> Result<(FetchStart, Option<Transfer>), NotFetched> {
        let (site, path) = (Arc::clone(&self.site), self.key.path.clone());
        if !blocking(move || site.root.folder().is_ok_and(|root| root.is_free(&path))).await {
            return Ok((FetchStart::Here, None));
        }
        let url = self.fallback.url_of(&self.key);
        let answer = self.fallback.send(&Method::GET, url, &HeaderMap::new()).await?;
        let promised = self.site.root.types().by_name(self.key.path.file_name());
        let len = match action::classify(answer.status(), answer.headers(), promised.as_ref(), self.fallback.rules.max)
        {
            Action::Store(len) => len,
            Action::Proxy => return Ok((FetchStart::Proxy, None)),
            Action::Reject(why) => return Err(why),
        };
        let (site, path) = (Arc::clone(&self.site), self.key.path.clone());
        match blocking(move || StagedFile::create(site.root.folder()?, &path.parent())).await {
            Ok(staged) => {
                let (transfer, arrival) = Transfer::new(staged, answer, len, self.fallback.rules.max);
                Ok((FetchStart::Arriving(arrival), Some(transfer)))
            }
            Err(refusal) => {
                warn!("{} is served, but cannot be stored: {}", self.key.path, refusal.reason());
                Ok((FetchStart::Proxy, None))
            }
        }
    }
}

/// The transfer of a response body into a staged file.
pub struct Transfer {
    staged: StagedFile,
    body: UpstreamBody,
    len: Option<u64>,
    max: u64,
    record: CopyRecord,
    sender: ProgressWriter,
}

impl Transfer {
    /// Creates the transfer of this response, and the `Arrival` for its readers. `len` is the announced length in bytes, if
    /// there is one, and `max` the size limit.
    pub fn new(staged: StagedFile, answer: Response<UpstreamBody>, len: Option<u64>, max: u64) -> (Self, Arrival) {
        let (sender, progress) = progress::channel();
        let (head, body) = answer.into_parts();
        let record = CopyRecord::of(&head.headers);
        let now = SystemTime::now();
        let modified = record.modified().filter(|modified| SystemTime::from(*modified) <= now);
        // RFC 9110 section 13.1.5: no weak ETag, and no date where there is an ETag
        let validator = match head.headers.get(header::ETAG) {
            Some(tag) => Some(tag).filter(|tag| tag.as_bytes().starts_with(b"\"")),
            None => head.headers.get(header::LAST_MODIFIED),
        };
        let validator = validator.cloned();
        let arrival = Arrival { file: staged.file(), progress, len, modified, validator };
        (Self { staged, body, len, max, record, sender }, arrival)
    }

    /// Writes the whole body. Returns the complete file, which has no final name yet, or why it is incomplete.
    pub async fn write(self) -> (ProgressWriter, Result<(StagedFile, CopyRecord), TransferError>) {
        let Self { staged, body, len, max, record, sender } = self;
        let filled = fill(&staged, body, len, max, &sender).await;
        (sender, filled.map(|()| (staged, record)))
    }
}

/// Why a transfer failed. `Display` is for the log.
#[derive(Debug)]
pub struct TransferError {
    why: String,
    /// The body is longer than the size limit, which the head did not announce.
    is_too_large: bool,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<String> for TransferError {
    fn from(why: String) -> Self {
        Self { why, is_too_large: false }
    }
}

/// Writes a body into a staged file as it arrives, and reports the progress.
async fn fill(
    staged: &StagedFile,
    mut body: UpstreamBody,
    len: Option<u64>,
    max: u64,
    sender: &ProgressWriter,
) -> Result<(), TransferError> {
    let mut writer = FileWriter::new(staged.file());
    let mut came = 0;
    while let Some(bytes) = next(&mut body, &mut writer, sender).await? {
        came += bytes.len() as u64;
        if came > max {
            let why = format!("it is larger than the {max} bytes of --fallback-max");
            return Err(TransferError { why, is_too_large: true });
        }
        writer.push(bytes).await.map_err(|refusal| refusal.reason())?;
    }
    flush(&mut writer, sender).await?;
    // hyper checks this as well
    if len.is_some_and(|len| len != came) {
        return Err("its length differs from the announced length".to_owned().into());
    }
    Ok(())
}

/// Returns the next bytes. Before waiting for them, it writes the bytes that have arrived, so that readers can send them.
async fn next(
    body: &mut UpstreamBody,
    writer: &mut FileWriter,
    sender: &ProgressWriter,
) -> Result<Option<Bytes>, String> {
    if let Some(next) = client::next(body).now_or_never() {
        return next;
    }
    flush(writer, sender).await?;
    client::next(body).await
}

async fn flush(writer: &mut FileWriter, sender: &ProgressWriter) -> Result<(), String> {
    writer.flush().await.map_err(|refusal: Refusal| refusal.reason())?;
    sender.reached(writer.written());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_no_file_system_can_store_are_not_fetched() {
        for (path, expected) in [
            ("a/b.jpg".to_owned(), true),
            ("x".repeat(255), true),
            ("x".repeat(256), false),
            (format!("{}/a.jpg", "x".repeat(256)), false),
            (format!("{}bcde", "a/".repeat(510)), true),
            (format!("{}bcdef", "a/".repeat(510)), false),
        ] {
            assert_eq!(is_storable(&MediaPath::parse(path.as_bytes()).unwrap()), expected, "{path}");
        }
    }
}
