//! `Remembered`: a map of bounded size whose values expire. Pure: the caller passes the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A map whose entries expire.
///
/// It never holds more entries than its limit. If removing expired entries does not make enough room, it removes all
/// entries, which costs the caller one look-up each.
#[derive(Debug)]
pub struct Remembered<K, V> {
    max: usize,
    entries: Mutex<HashMap<K, Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    /// The time from which the entry is expired; `None` if it never expires.
    expires: Option<Instant>,
}

impl<V> Entry<V> {
    fn counts(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    /// An empty map of at most `max` entries.
    pub fn new(max: usize) -> Self {
        Self { max, entries: Mutex::default() }
    }

    /// The value of a key, if it has not expired.
    pub fn get(&self, key: &K, now: Instant) -> Option<V> {
        self.entries().get(key).filter(|entry| entry.counts(now)).map(|entry| entry.value.clone())
    }

    /// Stores a value until `expires`.
    pub fn put(&self, key: K, value: V, now: Instant, expires: Instant) {
        self.insert(&mut self.entries(), key, Entry { value, expires: Some(expires) }, now);
    }

    /// Stores a value without an expiry, unless the key has one that has not expired. Returns whether it was stored.
    pub fn put_if_absent(&self, key: K, value: V, now: Instant) -> bool {
        let mut entries = self.entries();
        if entries.get(&key).is_some_and(|entry| entry.counts(now)) {
            return false;
        }
        self.insert(&mut entries, key, Entry { value, expires: None }, now);
        true
    }

    fn insert(&self, entries: &mut HashMap<K, Entry<V>>, key: K, entry: Entry<V>, now: Instant) {
        if entries.len() >= self.max {
            entries.retain(|_, entry| entry.counts(now));
        }
        if entries.len() >= self.max {
            entries.clear();
        }
        entries.insert(key, entry);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        // no operation can leave the map in an inconsistent state
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_value_counts_until_it_expires() {
        let (remembered, then) = (Remembered::new(10), Instant::now());
        remembered.put("a", 1, then, then + MINUTE);
        for (seconds, key, expected) in [(0, "a", Some(1)), (59, "a", Some(1)), (60, "a", None), (0, "b", None)] {
            assert_eq!(remembered.get(&key, then + Duration::from_secs(seconds)), expected, "{key} after {seconds} s");
        }
        remembered.put("a", 2, then, then + MINUTE);
        assert_eq!(remembered.get(&"a", then), Some(2), "the last value counts");
    }

    #[test]
    fn only_an_absent_key_is_put() {
        let (remembered, then) = (Remembered::new(10), Instant::now());
        assert!(remembered.put_if_absent("a", 1, then));
        assert!(!remembered.put_if_absent("a", 2, then + MINUTE), "it has no end");
        remembered.put("a", 3, then, then + MINUTE);
        assert!(!remembered.put_if_absent("a", 4, then));
        assert!(remembered.put_if_absent("a", 5, then + MINUTE), "it has expired");
        assert_eq!(remembered.get(&"a", then), Some(5));
    }

    #[test]
    fn it_never_holds_more_than_its_bound() {
        let (remembered, then) = (Remembered::new(100), Instant::now());
        for index in 0..300 {
            remembered.put(index, (), then, then + MINUTE);
            assert!(remembered.entries().len() <= 100);
        }
        assert_eq!(remembered.get(&299, then), Some(()));
        remembered.put(1000, (), then + MINUTE, then + 2 * MINUTE);
        assert!(remembered.get(&299, then + MINUTE).is_none());
    }
}
