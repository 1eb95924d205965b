//! `--fallback-refresh`: a copy that is looked at again after that time is served as it is, and meanwhile the upstream is
//! asked whether it still is what production has (RFC 9110 section 13.1). Only copies are replaced, and only as they were
//! stored: [`Copied`] tells them from the developer's own files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cap_std::fs::OpenOptions;
use cap_std::fs::OpenOptionsExt as _;
use hyper::{Method, StatusCode};
use rustix::fs::OFlags;
use tracing::{debug, info, warn};

use super::copies::Copied;
use super::fetch::Transfer;
use super::verdict::{self, Verdict};
use super::{Fallback, Wanted};
use crate::refusal::Refusal;
use crate::remembered::Remembered;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::upload::staged::StagedFile;

/// Paths whose time is known.
const MAX: usize = 10_000;

/// When files are to be asked about again.
#[derive(Debug)]
pub struct Schedule(Remembered<MediaPath, ()>);

impl Default for Schedule {
    fn default() -> Self {
        Self(Remembered::new(MAX))
    }
}

impl Schedule {
    /// Whether the time of a path has come. If so, it is not due again until its time is [`Schedule::set`].
    fn is_due(&self, path: &MediaPath) -> bool {
        self.0.put_if_absent(path.clone(), (), Instant::now())
    }

    fn set(&self, path: &MediaPath, after: Duration) {
        let now = Instant::now();
        self.0.put(path.clone(), (), now, now + after);
    }
}

/// Notes that a file is looked at, and asks about it in the background if its time has come.
pub fn look(site: &Arc<Site>, fallback: &Arc<Fallback>, path: &MediaPath, query: Query<'_>) {
    let Some(after) = fallback.rules.refresh else { return };
    if !fallback.rules.store || !fallback.schedule.is_due(path) {
        return;
    }
    let (site, fallback, wanted) = (Arc::clone(site), Arc::clone(fallback), fallback.wanted(path, query));
    tokio::spawn(async move {
        let again = refresh(&site, &fallback, &wanted, after).await;
        fallback.schedule.set(&wanted.path, again);
    });
}

/// Asks about a copy that is old enough; gives the time until it is to be asked about again.
async fn refresh(site: &Arc<Site>, fallback: &Fallback, file: &Wanted, after: Duration) -> Duration {
    let path = &file.path;
    if !fallback.is_for(site, path).await {
        return after;
    }
    let (owner, wanted) = (Arc::clone(site), path.clone());
    let Some(copied) = blocking(move || copy_at(&owner.root, &wanted)).await else { return after };
    if let Some(left) = after.checked_sub(copied.age()).filter(|left| !left.is_zero()) {
        return left;
    }
    match renew(site, fallback, file, &copied).await {
        Ok(Outcome::Same) => debug!("{path} is still what the fallback has"),
        Ok(Outcome::Renewed) => info!("{path} was changed at the fallback, and is stored anew"),
        Ok(Outcome::Own) => debug!("{path} is no copy any more, and stays as it is"),
        Err(why) => warn!("{path} was not refreshed, and stays as it is: {why}"),
    }
    after
}

/// What became of a copy.
enum Outcome {
    Same,
    Renewed,
    /// The developer has changed or replaced it meanwhile.
    Own,
}

async fn renew(site: &Arc<Site>, fallback: &Fallback, file: &Wanted, copied: &Copied) -> Result<Outcome, String> {
    let path = &file.path;
    let conditions = copied.conditions();
    if conditions.is_empty() {
        // without a validator every answer would look like a change
        return Ok(Outcome::Same);
    }
    let url = fallback.url_of(file);
    let answer = fallback.ask(&Method::GET, url, &conditions).await;
    let answer = answer.map_err(|why| format!("the fallback {why}"))?;
    if answer.status() == StatusCode::NOT_MODIFIED || copied.is_same_as(&Copied::of(answer.headers())) {
        return Ok(Outcome::Same);
    }
    let promised = site.root.types().by_name(path.file_name());
    let len = match verdict::judge(answer.status(), answer.headers(), promised.as_ref(), fallback.rules.max) {
        Verdict::Store(len) => len,
        Verdict::Pass => return Err("what the fallback has now is not to be stored".to_owned()),
        Verdict::Not(why) => return Err(format!("the fallback {why}")),
    };
    let reason = |refusal: Refusal| refusal.reason();
    let (owner, folder) = (Arc::clone(site), path.parent());
    let staged = blocking(move || StagedFile::create(&owner.root, &folder)).await.map_err(reason)?;
    let (transfer, _) = Transfer::new(staged, answer, len, fallback.rules.max);
    let (staged, anew) = transfer.write().await.1.map_err(|broken| broken.to_string())?;
    let (owner, wanted, copied) = (Arc::clone(site), path.clone(), copied.clone());
    let replaced = blocking(move || {
        let _changing = owner.root.changing();
        // asked at the last moment. Another program that replaces it within the microseconds that are left loses
        if copy_at(&owner.root, &wanted).as_ref() != Some(&copied) {
            return Ok(Outcome::Own);
        }
        anew.note(&staged.file(), &wanted);
        staged.replace(wanted.file_name()).map(|()| Outcome::Renewed)
    });
    replaced.await.map_err(reason)
}

/// What the file at `path` is a copy of, if it is one: itself, not what a link leads to. Blocks.
fn copy_at(root: &Root, path: &MediaPath) -> Option<Copied> {
    let Ok(Reach::Folder(folder, missing)) = root.reach(&path.parent()) else { return None };
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = missing.is_empty().then(|| folder.open_with(OsStr::from_bytes(path.file_name()), &options).ok())??;
    Copied::read(&file.into_std(), path)
}
