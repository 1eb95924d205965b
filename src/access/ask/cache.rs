//! A yes, remembered for a few seconds. A no is never remembered: whoever logs in wants in at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::header::{self, HeaderMap};

/// Yeses at once; beyond them all are forgotten.
const MAX: usize = 4096;

/// What a yes holds for: method, target, and who asks.
pub(super) type Key = (String, String, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// The yeses of one policy of one mount.
#[derive(Debug)]
pub(super) struct Cache {
    span: Duration,
    known: Mutex<HashMap<Key, (Instant, HeaderMap)>>,
}

/// Everything that an app may have decided by, of what a browser sends to tell who it is.
pub(super) fn key(request: &Request<()>, target: &str) -> Key {
    let all = |name| request.headers().get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect();
    (request.method().to_string(), target.to_owned(), all(header::COOKIE), all(header::AUTHORIZATION))
}

impl Cache {
    pub(super) fn new(span: Duration) -> Self {
        Self { span, known: Mutex::default() }
    }

    /// How long a yes counts.
    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// The fields that came with the yes, if it still counts.
    pub(super) fn get(&self, key: &Key) -> Option<HeaderMap> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, fields) = known.get(key)?;
        (since.elapsed() < self.span).then(|| fields.clone())
    }

    pub(super) fn put(&self, key: Key, fields: HeaderMap) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.retain(|_, (since, _)| since.elapsed() < self.span);
        }
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(key, (Instant::now(), fields));
    }
}
