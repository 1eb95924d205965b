//! What the upstream answered a moment ago, so that a page with a hundred missing images does not ask a hundred times at
//! each reload.

use std::time::{Duration, Instant};

use super::Wanted;
use crate::remembered::Remembered;

/// How long an answer counts. Errors and time-outs are never remembered: they may be over at once.
const LIFETIME: Duration = Duration::from_secs(60);

/// Answers remembered.
const MAX: usize = 10_000;

/// An answer that will be the same in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The upstream has no such file.
    Missing,
    /// It has one that is not to be stored.
    Pass,
}

/// What is remembered of one upstream.
#[derive(Debug)]
pub struct Memory(Remembered<Wanted, Answered>);

impl Default for Memory {
    fn default() -> Self {
        Self(Remembered::new(MAX))
    }
}

impl Memory {
    /// What was answered about a file, if that still counts.
    pub fn recall(&self, wanted: &Wanted) -> Option<Answered> {
        self.0.get(wanted, Instant::now())
    }

    /// Remembers an answer for a minute.
    pub fn note(&self, wanted: &Wanted, answered: Answered) {
        let now = Instant::now();
        self.0.put(wanted.clone(), answered, now, now + LIFETIME);
    }
}
