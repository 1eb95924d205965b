//! A yes, remembered for a few seconds. A no is never remembered: a user who logs in expects access at once.

use std::time::{Duration, Instant};

use hyper::header::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::remembered::Remembered;

/// Yeses at once.
const MAX: usize = 4096;

/// What a yes holds for: the whole question, hashed. An app may decide by any field of it, so another token in a field of
/// its own is another question.
pub(super) type Key = [u8; 32];

/// The yeses of one policy.
#[derive(Debug)]
pub(super) struct Cache {
    span: Duration,
    known: Remembered<Key, HeaderMap>,
}

/// The key of a question with these fields, the target and the method of the request among them.
pub(super) fn key(question: &HeaderMap) -> Key {
    let mut lines: Vec<(&str, &[u8])> =
        question.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
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
    pub(super) fn new(span: Duration) -> Self {
        Self { span, known: Remembered::new(MAX) }
    }

    /// How long a yes counts.
    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// The fields that came with the yes, if it still counts.
    pub(super) fn get(&self, key: &Key) -> Option<HeaderMap> {
        self.known.get(key, Instant::now())
    }

    pub(super) fn put(&self, key: Key, fields: HeaderMap) {
        let now = Instant::now();
        self.known.put(key, fields, now, now + self.span);
    }
}
