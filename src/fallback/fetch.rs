//! One fetch of one file, for all requests that wait for it. It runs in a task of its own: it goes on for the others, and for
//! the next request, when a client hangs up.

use std::sync::Arc;
use std::time::SystemTime;
use std::{fmt, io};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use httpdate::HttpDate;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::client;
use super::copies::Copied;
use super::memory::Answered;
use super::reason::NotFetched;
use super::verdict::{self, Verdict};
use super::{Fallback, Wanted};
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::entity::Entity;
use crate::storage::media_type::SNIFF_LEN;
use crate::storage::open_file::OpenFile;
use crate::storage::progress::{self, ProgressReader, ProgressWriter};
use crate::upload::file_writer::FileWriter;
use crate::upload::staged::{NAME_MAX, StagedFile};

/// What all waiting requests get as soon as the head of the upstream's answer is there.
pub type Head = Result<Beginning, NotFetched>;

/// A head to come. Waiting requests hold it, and the fetch itself once the head is there.
type Coming = Shared<oneshot::Receiver<Head>>;

/// How a running fetch is found. It leads to nothing once no request waits for the head.
pub type Running = WeakShared<oneshot::Receiver<Head>>;

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
    file: Arc<std::fs::File>,
    /// How far it has come.
    pub progress: ProgressReader,
    /// How long it will be, if the upstream says.
    pub len: Option<u64>,
    modified: Option<HttpDate>,
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

/// A fetch that runs: what is asked for, and where it goes.
pub struct Fetch {
    site: Arc<Site>,
    fallback: Arc<Fallback>,
    wanted: Wanted,
    running: Running,
    /// Set when the head is there: from then on the fetch goes on for the next request.
    coming: Option<Coming>,
}

/// Whether a file of this path could be stored. Otherwise it is not fetched: thousands of folders would be made for it, or
/// its path would be remembered.
pub fn fits(path: &MediaPath) -> bool {
    /// As long as a path in an object store (S3, GCS).
    const LONGEST: usize = 1024;
    path.as_bytes().len() <= LONGEST && path.segments().all(|segment| segment.len() <= NAME_MAX)
}

/// Whether a file is being fetched, or about to be.
pub fn is_running(fallback: &Fallback, wanted: &Wanted) -> bool {
    fallback.running().get(wanted).and_then(Running::upgrade).is_some()
}

/// Joins the fetch of a file, or starts it, and waits for its head.
pub async fn join(site: &Arc<Site>, fallback: &Arc<Fallback>, wanted: &Wanted) -> Head {
    if !fits(&wanted.path) {
        return Err(NotFetched::TooLong);
    }
    let coming = {
        let mut running = fallback.running();
        running.get(wanted).and_then(Running::upgrade).unwrap_or_else(|| {
            let (sender, receiver) = oneshot::channel();
            let coming = receiver.shared();
            let weak = coming.downgrade().expect("nobody has polled it");
            running.insert(wanted.clone(), weak.clone());
            let (site, fallback) = (Arc::clone(site), Arc::clone(fallback));
            tokio::spawn(Fetch { site, fallback, wanted: wanted.clone(), running: weak, coming: None }.run(sender));
            coming
        })
    };
    coming.await.unwrap_or(Err(NotFetched::GivenUp))
}

impl Drop for Fetch {
    /// The next request finds the file, or starts a new fetch.
    fn drop(&mut self) {
        let mut running = self.fallback.running();
        // a request that came after all others had given this one up has begun a fetch of its own
        let is_anothers = self.coming.is_none() && running.get(&self.wanted).and_then(Running::upgrade).is_some();
        if !is_anothers {
            running.remove(&self.wanted);
        }
    }
}

impl Fetch {
    async fn run(mut self, mut sender: oneshot::Sender<Head>) {
        let begun = tokio::select! {
            begun = self.begin() => begun,
            // no request waits for an answer
            () = sender.closed() => return,
        };
        self.coming = self.running.upgrade();
        if self.coming.is_none() {
            return;
        }
        let (head, transfer) = match begun {
            Ok((beginning, transfer)) => (Ok(beginning), transfer),
            Err(why) => (Err(why), None),
        };
        match &head {
            Ok(Beginning::Pass) => self.note(Answered::Pass),
            Err(NotFetched::Missing { .. }) => self.note(Answered::Missing),
            _ => {}
        }
        // even if no request waits by now, the file is stored
        let _ = sender.send(head);
        if let Some(transfer) = transfer {
            let (sender, written) = transfer.write().await;
            let result = match written {
                Ok((staged, copied)) => {
                    self.publish(staged, copied).await;
                    Ok(())
                }
                Err(broken) => {
                    if broken.is_too_large {
                        self.note(Answered::Pass);
                    }
                    warn!("{} was not stored: {broken}", self.wanted.path);
                    Err(broken.why)
                }
            };
            // before the readers learn of it: a client that is told of the failure and retries starts a new fetch
            drop(self);
            sender.end(result);
        }
    }

    fn note(&self, answered: Answered) {
        self.fallback.memory.note(&self.wanted, answered);
    }

    /// Gives a whole file its name. Waiting requests have its bytes, whether it gets one or not.
    async fn publish(&self, staged: StagedFile, copied: Copied) {
        let path = self.wanted.path.clone();
        let published = blocking(move || {
            copied.note(&staged.file(), &path);
            staged.publish_new(path.file_name())
        });
        match published.await {
            Ok(Ok(())) => debug!("stored {}", self.wanted.path),
            Ok(Err(_)) => warn!("{} was not stored: something else has the name by now", self.wanted.path),
            Err(refusal) => warn!("{} was not stored: {}", self.wanted.path, refusal.reason()),
        }
    }

    /// Asks the upstream, unless something has the name by now.
    async fn begin(&self) -> Result<(Beginning, Option<Transfer>), NotFetched> {
        let (site, path) = (Arc::clone(&self.site), self.wanted.path.clone());
        if !blocking(move || site.root.is_free(&path)).await {
            return Ok((Beginning::Here, None));
        }
        let url = self.fallback.url_of(&self.wanted);
        let answer = self.fallback.ask(&Method::GET, url, &HeaderMap::new()).await?;
        let promised = self.site.root.types().by_name(self.wanted.path.file_name());
        let len = match verdict::judge(answer.status(), answer.headers(), promised.as_ref(), self.fallback.rules.max) {
            Verdict::Store(len) => len,
            Verdict::Pass => return Ok((Beginning::Pass, None)),
            Verdict::Not(why) => return Err(why),
        };
        let (site, path) = (Arc::clone(&self.site), self.wanted.path.clone());
        match blocking(move || StagedFile::create(&site.root, &path.parent())).await {
            Ok(staged) => {
                let (transfer, arrival) = Transfer::new(staged, answer, len, self.fallback.rules.max);
                Ok((Beginning::Arriving(arrival), Some(transfer)))
            }
            Err(refusal) => {
                warn!("{} is shown, but cannot be stored: {}", self.wanted.path, refusal.reason());
                Ok((Beginning::Pass, None))
            }
        }
    }
}

/// The bytes on their way into a staged file.
pub struct Transfer {
    staged: StagedFile,
    body: Incoming,
    len: Option<u64>,
    max: u64,
    copied: Copied,
    sender: ProgressWriter,
}

impl Transfer {
    /// The bytes of this answer, `len` of them if the upstream says so, and at most `max`; and what readers need.
    pub fn new(staged: StagedFile, answer: Response<Incoming>, len: Option<u64>, max: u64) -> (Self, Arrival) {
        let (sender, progress) = progress::channel();
        let (head, body) = answer.into_parts();
        let copied = Copied::of(&head.headers);
        let now = SystemTime::now();
        let modified = copied.modified().filter(|modified| SystemTime::from(*modified) <= now);
        // RFC 9110 section 13.1.5: no weak ETag, and no date where there is an ETag
        let validator = match head.headers.get(header::ETAG) {
            Some(tag) => Some(tag).filter(|tag| tag.as_bytes().starts_with(b"\"")),
            None => head.headers.get(header::LAST_MODIFIED),
        };
        let validator = validator.cloned();
        let arrival = Arrival { file: staged.file(), progress, len, modified, validator };
        (Self { staged, body, len, max, copied, sender }, arrival)
    }

    /// Writes until the end. Returns the whole file, which has no name yet, or why it is not whole.
    pub async fn write(self) -> (ProgressWriter, Result<(StagedFile, Copied), Broken>) {
        let Self { staged, body, len, max, copied, sender } = self;
        let filled = fill(&staged, body, len, max, &sender).await;
        (sender, filled.map(|()| (staged, copied)))
    }
}

/// Why a file was not fetched whole. `Display` is for the log.
#[derive(Debug)]
pub struct Broken {
    why: String,
    /// It is larger than what is stored, and its head did not announce that.
    is_too_large: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<String> for Broken {
    fn from(why: String) -> Self {
        Self { why, is_too_large: false }
    }
}

/// Writes a body into a staged file as it comes, and reports the progress.
async fn fill(
    staged: &StagedFile,
    mut body: Incoming,
    len: Option<u64>,
    max: u64,
    sender: &ProgressWriter,
) -> Result<(), Broken> {
    let mut writer = FileWriter::new(staged.file());
    let mut came = 0;
    while let Some(bytes) = next(&mut body, &mut writer, sender).await? {
        came += bytes.len() as u64;
        if came > max {
            let why = format!("it is larger than the {max} bytes of --fallback-max");
            return Err(Broken { why, is_too_large: true });
        }
        writer.push(bytes).await.map_err(|refusal| refusal.reason())?;
    }
    flush(&mut writer, sender).await?;
    // hyper has seen to it already
    if len.is_some_and(|len| len != came) {
        return Err("its length is not the one announced".to_owned().into());
    }
    Ok(())
}

/// The next bytes. Before they have to be waited for, all that came is written, so that it can be sent on.
async fn next(body: &mut Incoming, writer: &mut FileWriter, sender: &ProgressWriter) -> Result<Option<Bytes>, String> {
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
            assert_eq!(fits(&MediaPath::parse(path.as_bytes()).unwrap()), expected, "{path}");
        }
    }
}
