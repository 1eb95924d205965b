//! The same search in a bucket: each look at a folder is a request to the store, so nothing is remembered.

use std::sync::Arc;

use super::names::Names;
use super::{Look, Nearby, url};
use crate::mount::{Mount, Mounts};
use crate::request::path::MediaPath;
use crate::storage::blocking;
use crate::storage::bucket::{Bucket, FoundInBucket};
use crate::storage::folder::{Entry, Kind};

/// The most answers of a store that are read to find a name in one folder.
const MAX_PAGES: usize = 4;

/// The deepest path for which names are looked up.
const MAX_DEPTH: usize = 8;

/// The URL that was probably meant by a missing path of a mount whose files are in a bucket.
pub async fn in_bucket(
    nearby: &Arc<Nearby>,
    mounts: &Arc<Mounts>,
    mount: &Mount,
    bucket: &Bucket,
    missing: &MediaPath,
) -> Option<String> {
    // a bucket has no links, so nothing waits for a disk
    let url = |path: &MediaPath| url(Look::Waiting, mounts, mount, path).ok().flatten();
    let spelled_otherwise = [mount.site.prefix.strip(missing), missing.with_backslashes_turned()];
    // a file that was requested with a slash at its end
    let file = missing.has_slash().then(|| missing.with_slash(false));
    for path in spelled_otherwise.into_iter().flatten().chain(file) {
        if mount.site.check_visible(&path).is_ok()
            && let Ok(found) = bucket.find(&path).await
        {
            return url(&path.with_slash(matches!(found, FoundInBucket::Folder)));
        }
    }
    if let Some(url) = find(mount, bucket, missing).await.and_then(|path| url(&path)) {
        return Some(url);
    }
    let (nearby, mounts, prefix, missing) =
        (Arc::clone(nearby), Arc::clone(mounts), mount.site.prefix.clone(), missing.clone());
    blocking(move || {
        let mut others = mounts.iter().filter(|other| other.site.prefix != prefix);
        others.find_map(|other| nearby.exists(Look::Waiting, &mounts, other, &missing).ok().flatten())
    })
    .await
}

/// The nearest existing path, with each missing segment replaced by the most similar name.
async fn find(mount: &Mount, bucket: &Bucket, missing: &MediaPath) -> Option<MediaPath> {
    let mut here = MediaPath::top();
    let mut renamed = false;
    for segment in missing.segments().take(MAX_DEPTH) {
        let entries = bucket.first_entries(&here, mount.site.hidden, MAX_PAGES).await.ok()?;
        let has = |name: &[u8], fits: fn(&Entry) -> bool| entries.iter().any(|entry| entry.name == name && fits(entry));
        let name = if has(segment, |_| true) {
            segment.to_vec()
        } else {
            let names = Names::new(entries.iter().map(|entry| entry.name.clone()));
            let Some(name) = names.nearest(segment) else { break };
            renamed = true;
            name.to_vec()
        };
        here = here.join(&name);
        if !has(&name, |entry| entry.kind == Kind::Directory) {
            return renamed.then_some(here);
        }
    }
    (renamed && !here.is_top()).then(|| here.with_slash(true))
}
