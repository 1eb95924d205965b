//! Caches the app's approvals for a few seconds. Refusals are never cached: a user who logs in expects access at once.

use std::time::{Duration, Instant};

use hyper::header::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::remembered::Remembered;

/// The maximum number of cached approvals.
const MAX: usize = 4096;

/// A hash of all header fields of the request to the app. The app may decide by any of them, so requests that differ in any
/// field have different keys.
pub(super) type Key = [u8; 32];

/// The cached approvals of one policy.
#[derive(Debug)]
pub(super) struct Cache {
    lifetime: Duration,
    known: Remembered<Key, HeaderMap>,
}

/// The key of a request to the app with these header fields, which include the target and the method of the client's request.
pub(super) fn key(fields: &HeaderMap) -> Key {
    let mut lines: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    lines.sort_unstable();
    let mut hash = Sha256::new();
    for (name, value) in lines {
        for text in [name.as_bytes(), value] {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
    }
    hash.finalize().into()
}

impl Cache {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, known: Remembered::new(MAX) }
    }

    /// How long an approval is cached.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The header fields of a cached approval, if it has not expired.
    pub(super) fn get(&self, key: &Key) -> Option<HeaderMap> {
        self.known.get(key, Instant::now())
    }

    pub(super) fn put(&self, key: Key, fields: HeaderMap) {
        let now = Instant::now();
        self.known.put(key, fields, now, now + self.lifetime);
    }
}
