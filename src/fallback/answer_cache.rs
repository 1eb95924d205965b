//! Caches the upstream's answers, so that a page with a hundred missing images does not cause a hundred requests at each
//! reload.

use std::time::{Duration, Instant};

use super::fetch_key::FetchKey;
use crate::remembered::Remembered;

/// How long an answer is cached. Errors and timeouts are never cached, because they may be temporary.
const LIFETIME: Duration = Duration::from_secs(60);

/// The maximum number of cached answers.
const MAX: usize = 10_000;

/// A cached answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The upstream does not have the file.
    Missing,
    /// The upstream has the file, but it cannot be stored.
    NotStored,
}

/// The cached answers of one upstream.
#[derive(Debug)]
pub struct AnswerCache(Remembered<FetchKey, Answered>);

impl Default for AnswerCache {
    fn default() -> Self {
        Self(Remembered::new(MAX))
    }
}

impl AnswerCache {
    /// The cached answer about a file, if it has not expired.
    pub fn get(&self, key: &FetchKey) -> Option<Answered> {
        self.0.get(key, Instant::now())
    }

    /// Caches an answer for a minute.
    pub fn put(&self, key: &FetchKey, answered: Answered) {
        let now = Instant::now();
        self.0.put(key.clone(), answered, now, now + LIFETIME);
    }
}
