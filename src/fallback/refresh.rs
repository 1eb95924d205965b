//! `--fallback-refresh`: a copy that is looked at again after that time is served as it is, and meanwhile the origin is
//! asked whether it still is what production has (RFC 9110 section 13.1). Only copies are replaced, and only as they were
//! stored: [`Copied`] tells them from the developer's own files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cap_std::fs::OpenOptions;
use cap_std::fs::OpenOptionsExt as _;
use hyper::{Method, StatusCode};
use rustix::fs::OFlags;
use tracing::{debug, info, warn};

use super::Fallback;
use super::copies::Copied;
use super::fetch::Transfer;
use super::verdict::{self, Verdict};
use crate::mount::Mount;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::service::blocking;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::upload::store::Draft;

/// Paths whose time is known; when there are more, all are forgotten, which costs a question each.
const MOST: usize = 10_000;

/// When files are to be asked about again.
#[derive(Debug, Default)]
pub struct Schedule(Mutex<HashMap<MediaPath, Due>>);

#[derive(Debug, Clone, Copy)]
enum Due {
    /// It is being asked about.
    Now,
    /// Not before.
    At(Instant),
}

impl Schedule {
    /// Whether the time of a path has come; if so, nobody else is told until it is [`Schedule::set`] again.
    fn is_due(&self, path: &MediaPath) -> bool {
        let mut schedule = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match schedule.get(path) {
            Some(Due::Now) => return false,
            Some(Due::At(time)) if Instant::now() < *time => return false,
            _ => {}
        }
        if schedule.len() >= MOST {
            schedule.retain(|_, due| matches!(due, Due::Now));
        }
        schedule.insert(path.clone(), Due::Now);
        true
    }

    fn set(&self, path: &MediaPath, after: Duration) {
        let mut schedule = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schedule.insert(path.clone(), Due::At(Instant::now() + after));
    }
}

/// Notes that a file is looked at, and asks about it in the background if its time has come.
pub fn look(mount: &Arc<Mount>, path: &MediaPath) {
    let Some(fallback) = &mount.fallback else { return };
    let Some(after) = fallback.rules.refresh else { return };
    if !fallback.rules.store || !fallback.schedule.is_due(path) {
        return;
    }
    let (mount, fallback, path) = (Arc::clone(mount), Arc::clone(fallback), path.clone());
    tokio::spawn(async move {
        let again = refresh(&mount, &fallback, &path, after).await;
        fallback.schedule.set(&path, again);
    });
}

/// Asks about a copy that is old enough; gives the time until it is to be asked about again.
async fn refresh(mount: &Arc<Mount>, fallback: &Fallback, path: &MediaPath, after: Duration) -> Duration {
    if !fallback.is_for(mount, path).await {
        return after;
    }
    let (owner, wanted) = (Arc::clone(mount), path.clone());
    let Some(copied) = blocking(move || copy_at(&owner.root, &wanted)).await else { return after };
    if let Some(left) = after.checked_sub(copied.age()).filter(|left| !left.is_zero()) {
        return left;
    }
    match renew(mount, fallback, path, &copied).await {
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

async fn renew(mount: &Arc<Mount>, fallback: &Fallback, path: &MediaPath, copied: &Copied) -> Result<Outcome, String> {
    let conditions = copied.conditions();
    if conditions.is_empty() {
        // without a validator every answer would look like a change
        return Ok(Outcome::Same);
    }
    let url = fallback.origin.url_of(path);
    let answer = fallback.ask(&Method::GET, url, &conditions).await;
    let answer = answer.map_err(|why| format!("the fallback {why}"))?;
    if answer.status() == StatusCode::NOT_MODIFIED || copied.is_same_as(&Copied::of(answer.headers())) {
        return Ok(Outcome::Same);
    }
    let promised = mount.root.types().by_name(path.file_name());
    let len = match verdict::judge(answer.status(), answer.headers(), promised.as_ref(), fallback.rules.max) {
        Verdict::Store(len) => len,
        Verdict::Pass => return Err("what the fallback has now is not to be stored".to_owned()),
        Verdict::Not(why) => return Err(format!("the fallback {why}")),
    };
    let reason = |refusal: Refusal| refusal.reason();
    let (owner, folder) = (Arc::clone(mount), path.parent());
    let draft = blocking(move || Draft::create(&owner.root, &folder)).await.map_err(reason)?;
    let (transfer, _) = Transfer::new(draft, answer, len, fallback.rules.max);
    let (draft, anew) = transfer.write().await.1.map_err(|broken| broken.to_string())?;
    let (owner, wanted, copied) = (Arc::clone(mount), path.clone(), copied.clone());
    let replaced = blocking(move || {
        let _changing = owner.root.changing();
        // asked at the last moment. Another program that replaces it within the microseconds that are left loses
        if copy_at(&owner.root, &wanted).as_ref() != Some(&copied) {
            return Ok(Outcome::Own);
        }
        anew.note(&draft.file(), &wanted);
        draft.replace(wanted.file_name()).map(|()| Outcome::Renewed)
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
