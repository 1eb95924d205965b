//! What the origin said a moment ago, so that a page with a hundred missing pictures does not ask a hundred times at each
//! reload.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::request::path::MediaPath;

/// How long an answer counts. Errors and time-outs are never remembered: they may be over at once.
const LIFETIME: Duration = Duration::from_secs(60);

/// Paths remembered; when there are more, all are forgotten, which costs a question each.
const MOST: usize = 10_000;

/// An answer that will be the same in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remembered {
    /// The origin has no such file.
    Missing,
    /// It has one that is not to be stored.
    Pass,
}

/// What is remembered of one origin.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<MediaPath, (Instant, Remembered)>>);

impl Memory {
    /// What was said of a path, if that counts still.
    pub fn recall(&self, path: &MediaPath) -> Option<Remembered> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(path).filter(|(since, _)| since.elapsed() < LIFETIME).map(|(_, said)| *said)
    }

    /// Remembers what was said.
    pub fn note(&self, path: &MediaPath, said: Remembered) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= MOST {
            memory.retain(|_, (since, _)| since.elapsed() < LIFETIME);
        }
        if memory.len() >= MOST {
            memory.clear();
        }
        memory.insert(path.clone(), (Instant::now(), said));
    }
}
