//! When files are to be asked about again.

use std::time::{Duration, Instant};

use crate::remembered::Remembered;
use crate::request::path::MediaPath;

/// Paths whose time is known.
const MAX: usize = 10_000;

/// When files are to be asked about again.
#[derive(Debug)]
pub(super) struct Schedule(Remembered<MediaPath, ()>);

impl Default for Schedule {
    fn default() -> Self {
        Self(Remembered::new(MAX))
    }
}

impl Schedule {
    /// Whether the time of a path has come. If so, it is not due again until its time is [`Schedule::set`].
    pub(super) fn is_due(&self, path: &MediaPath) -> bool {
        self.0.put_if_absent(path.clone(), (), Instant::now())
    }

    pub(super) fn set(&self, path: &MediaPath, after: Duration) {
        let now = Instant::now();
        self.0.put(path.clone(), (), now, now + after);
    }
}
