//! `--fallback-refresh`: when a copy of this age is requested, it is served as it is, and devmedia asks the upstream in the
//! background whether the copy is still current (RFC 9110 section 13.1). Only unmodified copies are replaced: [`CopyRecord`]
//! distinguishes them from the developer's own files.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use tracing::{debug, info, warn};

use super::Fallback;
use super::action::{self, Action};
use super::copy_record::CopyRecord;
use super::fetch::Transfer;
use super::fetch_key::FetchKey;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::system;
use crate::upload::staged::StagedFile;

/// Called when a stored file is requested: checks it against the upstream in the background if the check is due.
pub fn refresh_if_due(site: &Arc<Site>, fallback: &Arc<Fallback>, path: &MediaPath, query: Query<'_>) {
    let Some(after) = fallback.rules.refresh else { return };
    if !fallback.rules.store || !fallback.schedule.is_due(path) {
        return;
    }
    let (site, fallback, key) = (Arc::clone(site), Arc::clone(fallback), fallback.key(path, query));
    tokio::spawn(async move {
        let again = refresh(&site, &fallback, &key, after).await;
        fallback.schedule.set(&key.path, again);
    });
}

/// Checks a copy against the upstream if it is old enough; returns the time until the next check.
async fn refresh(site: &Arc<Site>, fallback: &Fallback, key: &FetchKey, after: Duration) -> Duration {
    let path = &key.path;
    if !fallback.is_for(site, path).await {
        return after;
    }
    let (owner, target) = (Arc::clone(site), path.clone());
    let Some(record) = blocking(move || copy_at(owner.root.folder().ok()?, &target)).await else { return after };
    if let Some(left) = after.checked_sub(record.age()).filter(|left| !left.is_zero()) {
        return left;
    }
    match update(site, fallback, key, &record).await {
        Ok(Outcome::Unchanged) => debug!("{path} is up to date"),
        Ok(Outcome::Updated) => info!("{path} has changed at the fallback: the stored copy was replaced"),
        Ok(Outcome::Modified) => debug!("{path} was modified locally and is kept"),
        Err(why) => warn!("{path} was not refreshed, and the stored copy is kept: {why}"),
    }
    after
}

/// The result of checking a copy.
enum Outcome {
    Unchanged,
    Updated,
    /// The developer has changed or replaced the file in the meantime.
    Modified,
}

async fn update(site: &Arc<Site>, fallback: &Fallback, key: &FetchKey, record: &CopyRecord) -> Result<Outcome, String> {
    let path = &key.path;
    let conditions = record.conditions();
    if conditions.is_empty() {
        // without a validator, every response would look like a change
        return Ok(Outcome::Unchanged);
    }
    let url = fallback.url_of(key);
    let answer = fallback.send(&Method::GET, url, &conditions).await;
    let answer = answer.map_err(|why| format!("the fallback {why}"))?;
    if answer.status() == StatusCode::NOT_MODIFIED || record.is_same_as(&CopyRecord::of(answer.headers())) {
        return Ok(Outcome::Unchanged);
    }
    let promised = site.root.types().by_name(path.file_name());
    let len = match action::classify(answer.status(), answer.headers(), promised.as_ref(), fallback.rules.max) {
        Action::Store(len) => len,
        Action::Proxy => return Err("the fallback's new file cannot be stored".to_owned()),
        Action::Reject(why) => return Err(format!("the fallback {why}")),
    };
    let reason = |refusal: Refusal| refusal.reason();
    let (owner, folder) = (Arc::clone(site), path.parent());
    let staged = blocking(move || StagedFile::create(owner.root.folder()?, &folder)).await.map_err(reason)?;
    let (transfer, _) = Transfer::new(staged, answer, len, fallback.rules.max);
    let (staged, new_record) = transfer.write().await.1.map_err(|broken| broken.to_string())?;
    let (owner, target, record) = (Arc::clone(site), path.clone(), record.clone());
    let replaced = blocking(move || {
        let root = owner.root.folder()?;
        let _changing = root.changing();
        // checked again at the last moment; only a change within the remaining microseconds is overwritten
        if copy_at(root, &target).as_ref() != Some(&record) {
            return Ok(Outcome::Modified);
        }
        new_record.note(&staged.file(), &target);
        staged.replace(root, target.file_name()).map(|()| Outcome::Updated)
    });
    replaced.await.map_err(reason)
}

/// The record of the copy at `path`, if the file is an unmodified copy; links are not followed. Blocks.
fn copy_at(root: &Root, path: &MediaPath) -> Option<CopyRecord> {
    let Ok(Reach::Folder(folder, missing)) = root.reach(&path.parent()) else { return None };
    let name = system::name(path.file_name());
    let file = missing.is_empty().then(|| folder.open_with(&*name, &system::reading_no_link()).ok())??;
    CopyRecord::read(&file.into_std(), path)
}
