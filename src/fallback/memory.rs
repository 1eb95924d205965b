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
    pub fn recall(&self, path: &MediaPath, now: Instant) -> Option<Remembered> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(path).filter(|(since, _)| counts(*since, now)).map(|(_, said)| *said)
    }

    /// Remembers what was said.
    pub fn note(&self, path: &MediaPath, said: Remembered, now: Instant) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= MOST {
            memory.retain(|_, (since, _)| counts(*since, now));
        }
        if memory.len() >= MOST {
            memory.clear();
        }
        memory.insert(path.clone(), (now, said));
    }
}

fn counts(since: Instant, now: Instant) -> bool {
    now.duration_since(since) < LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> MediaPath {
        MediaPath::parse(name.as_bytes()).unwrap()
    }

    #[test]
    fn an_answer_counts_for_a_minute() {
        let (memory, then) = (Memory::default(), Instant::now());
        memory.note(&path("a"), Remembered::Missing, then);
        for (seconds, path, expected) in
            [(0, path("a"), true), (59, path("a"), true), (60, path("a"), false), (0, path("b"), false)]
        {
            let recalled = memory.recall(&path, then + Duration::from_secs(seconds));
            assert_eq!(recalled.is_some(), expected, "{path} after {seconds} s");
        }
        memory.note(&path("a"), Remembered::Pass, then);
        assert_eq!(memory.recall(&path("a"), then), Some(Remembered::Pass), "the last answer counts");
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let (memory, then) = (Memory::default(), Instant::now());
        for index in 0..3 * MOST {
            memory.note(&path(&index.to_string()), Remembered::Missing, then);
            assert!(memory.0.lock().unwrap().len() <= MOST);
        }
        assert_eq!(memory.recall(&path(&(3 * MOST - 1).to_string()), then), Some(Remembered::Missing));
    }
}
