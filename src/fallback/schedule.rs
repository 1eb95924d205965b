//! The times at which copies are checked against the upstream.

use std::time::{Duration, Instant};

use crate::remembered::Remembered;
use crate::request::path::MediaPath;

/// The maximum number of scheduled paths.
const MAX: usize = 10_000;

/// The times at which copies are checked again.
#[derive(Debug)]
pub(super) struct Schedule(Remembered<MediaPath, ()>);

impl Default for Schedule {
    fn default() -> Self {
        Self(Remembered::new(MAX))
    }
}

impl Schedule {
    /// Whether a check of a path is due. If so, the path is not due again until a time is [`set`](Schedule::set).
    pub(super) fn is_due(&self, path: &MediaPath) -> bool {
        self.0.put_if_absent(path.clone(), (), Instant::now())
    }

    pub(super) fn set(&self, path: &MediaPath, after: Duration) {
        let now = Instant::now();
        self.0.put(path.clone(), (), now, now + after);
    }
}
