//! `devmedia pull`: downloads missing files in advance, in the same way and by the same rules as when they are
//! requested. Existing files are skipped, so an interrupted pull continues where it stopped.

mod listing;
mod names;
mod wanted;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use globset::{GlobBuilder, GlobMatcher};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

pub use self::wanted::PullError;
use self::wanted::{Names, Source};
use crate::fallback::reason::NotFetched;
use crate::fallback::{self, Fallback};
use crate::fallback::{FetchStart, fetch};
use crate::mount::{Mount, Mounts};
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::root::Found;
use crate::system;

/// What to download.
#[derive(Debug)]
pub struct Order<'a> {
    /// Only matching files, if a pattern is given.
    pub pattern: Option<&'a str>,
    /// A file of names, or `-` for stdin; without it, the upstream's listing is used.
    pub from: Option<&'a str>,
    /// The number of parallel downloads.
    pub parallel: usize,
}

/// The result of a pull.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    fetched: usize,
    bytes: u64,
    here: usize,
    missing: usize,
    failed: usize,
}

impl Summary {
    /// What to do about the files that do not exist now; `None` if all wanted files exist.
    pub fn advice(&self) -> Option<&'static str> {
        if self.failed > 0 {
            Some("some files could not be downloaded; run it again to continue")
        } else if self.missing > 0 {
            Some("the fallback does not have some of the files; check their names above")
        } else {
            None
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fetched, bytes, here, missing, failed } = self;
        write!(f, "{fetched} downloaded ({}), {here} already here, ", HumanBytes(*bytes))?;
        write!(f, "{missing} missing at the fallback, {failed} failed")
    }
}

/// The result for one file.
enum Outcome {
    Fetched(u64),
    Here,
    Missing,
    Failed(String),
}

/// Downloads the wanted files into the mounts that have a fallback; reports progress and failures on stderr.
pub async fn pull(mounts: &Mounts, order: &Order<'_>) -> Result<Summary, PullError> {
    system::survive_file_size_limit();
    let with_fallback = |mount: &Arc<Mount>| Some((Arc::clone(&mount.site), mount.fallback.clone()?));
    let sources: Vec<Source> = mounts.iter().filter_map(with_fallback).collect();
    if sources.is_empty() {
        return Err(PullError::Usage(
            "no mount has a fallback; add --fallback https://www.example.com/media/".to_owned(),
        ));
    }
    if let Some((site, _)) = sources.iter().find(|(_, fallback)| !fallback.stores()) {
        return Err(PullError::Usage(format!(
            "the fallback of {} is not stored; remove --fallback-store=no",
            site.prefix
        )));
    }
    let pattern = order.pattern.map(pattern).transpose()?;
    let Names { mut wanted, troubles } = match order.from {
        Some(from) => names::read(from, mounts, &sources)?,
        None => listing::walk(mounts, &sources).await?,
    };
    let mut seen = HashSet::new();
    wanted.retain(|(source, path)| {
        let fits = pattern.as_ref().is_none_or(|pattern| pattern.is_match(path.as_path()));
        fits && seen.insert((*source, path.clone()))
    });
    if let (Some(pattern), true, true) = (order.pattern, wanted.is_empty(), troubles.is_empty()) {
        eprintln!("no name matches {pattern:?}; a pattern is relative to the mount, such as avatars/**");
    }
    for trouble in &troubles {
        eprintln!("{trouble}");
    }

    let bar = bar(wanted.len());
    let mut summary = Summary { failed: troubles.len(), ..Summary::default() };
    let outcomes = wanted.into_iter().map(|(source, path)| {
        let (site, fallback) = &sources[source];
        async move { (one(site, fallback, &path).await, path) }
    });
    let mut outcomes = stream::iter(outcomes).buffer_unordered(order.parallel);
    while let Some((outcome, path)) = outcomes.next().await {
        let trouble = match outcome {
            Outcome::Fetched(bytes) => {
                (summary.fetched, summary.bytes) = (summary.fetched + 1, summary.bytes + bytes);
                None
            }
            Outcome::Here => {
                summary.here += 1;
                None
            }
            Outcome::Missing => {
                summary.missing += 1;
                Some("the fallback does not have it either".to_owned())
            }
            Outcome::Failed(why) => {
                summary.failed += 1;
                Some(why)
            }
        };
        bar.inc(1);
        bar.set_message(HumanBytes(summary.bytes).to_string());
        if let Some(trouble) = trouble {
            bar.suspend(|| eprintln!("{path}: {trouble}"));
        }
    }
    bar.finish_and_clear();
    Ok(summary)
}

/// Downloads one file, unless it exists.
async fn one(site: &Arc<Site>, fallback: &Arc<Fallback>, path: &MediaPath) -> Outcome {
    if let Err(error) = site.check_visible(path) {
        return Outcome::Failed(Refusal::from(error).reason());
    }
    if !fallback.is_for(site, path).await {
        return Outcome::Failed("an access rule guards it, and its [[mount]] names no fallback itself".to_owned());
    }
    match site.open(path).await {
        Ok(Found::File(..)) => return Outcome::Here,
        Ok(Found::Directory(_)) => return Outcome::Failed("a folder here has its name".to_owned()),
        Err(error) if error.is_missing() => {}
        Err(error) => return Outcome::Failed(Refusal::cannot_open(error, path).reason()),
    }
    let arrival = match fetch::join(site, fallback, &fallback::FetchKey::plain(path)).await {
        Ok(FetchStart::Arriving(arrival)) => arrival,
        Ok(FetchStart::Here) => {
            return match site.open(path).await {
                Ok(Found::File(..)) => Outcome::Here,
                _ => Outcome::Failed("it cannot be stored: something else has its name".to_owned()),
            };
        }
        Ok(FetchStart::Proxy) => {
            let why = "it is not stored: it is larger than --fallback-max, encoded or of unknown length, or it cannot be \
                       written to the disk";
            return Outcome::Failed(why.to_owned());
        }
        Err(NotFetched::Missing { .. }) => return Outcome::Missing,
        Err(why) => return Outcome::Failed(format!("the fallback {why}")),
    };
    let bytes = match arrival.progress.whole().await {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    match site.open(path).await {
        Ok(Found::File(..)) => Outcome::Fetched(bytes),
        Ok(Found::Directory(_)) => Outcome::Failed("it could not be stored: a folder here has its name".to_owned()),
        Err(error) => {
            Outcome::Failed(format!("it could not be stored: {}", Refusal::cannot_open(error, path).reason()))
        }
    }
}

/// A shell pattern; without a slash it matches names in any folder.
fn pattern(typed: &str) -> Result<GlobMatcher, PullError> {
    let anywhere = if typed.contains('/') { typed.trim_start_matches('/').to_owned() } else { format!("**/{typed}") };
    let glob = GlobBuilder::new(&anywhere).literal_separator(true).build();
    let advice = |error| PullError::Usage(format!("{typed:?}: {error}; write '*.jpg' or 'avatars/**'"));
    glob.map(|glob| glob.compile_matcher()).map_err(advice)
}

fn bar(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {pos} of {len}, {msg}, {eta} left").expect("a template");
    ProgressBar::new(count as u64).with_style(style).with_message("0 B")
}
