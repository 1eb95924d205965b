//! `Link`: the bandwidth of one direction, shared by all that is sent over it at the same time.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// What a packet carries in Ethernet: less at a time would not be smoother for anybody.
const PACKET: u64 = 1_500;

/// More at a time is not smooth.
const LARGEST: u64 = 16 * 1024;

/// How much of a time that nobody used may be made up for. Timers are late by a millisecond or two, and without it each
/// lateness would be lost.
const SLACK: Duration = Duration::from_millis(20);

/// So many bytes a second, first come, first served. Who sends reserves time for a small chunk, waits, and gets in line
/// again: so all get the same share.
#[derive(Debug)]
pub struct Link {
    /// Bytes a second.
    rate: u64,
    /// When all that was reserved has been sent.
    free: Mutex<Option<Instant>>,
}

impl Link {
    /// A link of `rate` bytes a second, which is not 0.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), free: Mutex::new(None) }
    }

    /// How many bytes to send at a time: about 20 chunks a second.
    pub fn chunk(&self) -> usize {
        usize::try_from((self.rate / 20).clamp(PACKET, LARGEST)).expect("a few kilobytes")
    }

    /// Reserves the time that so many bytes take; gives the moment when the last one has been sent.
    pub fn reserve(&self, now: Instant, bytes: usize) -> Instant {
        let mut free = self.free.lock().expect("nothing panics while holding it");
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let start = free.map_or(now, |free| free.max(earliest));
        let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(self.rate);
        let end = start + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        *free = Some(end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_small() {
        for (rate, expected) in [(1, 1_500), (50_000, 2_500), (180_000, 9_000), (1_000_000_000, 16_384)] {
            assert_eq!(Link::new(rate).chunk(), expected, "{rate}");
        }
    }

    #[test]
    fn bytes_take_their_time_one_after_the_other() {
        let link = Link::new(1_000);
        let now = Instant::now();
        let after = |at: u64, bytes| {
            let end = link.reserve(now + Duration::from_millis(at), bytes);
            u64::try_from((end - now).as_millis()).expect("short")
        };
        assert_eq!(after(0, 100), 100);
        assert_eq!(after(0, 100), 200, "a second sender waits for the first");
        assert_eq!(after(205, 100), 300, "being late is made up for");
        assert_eq!(after(1_000, 100), 1_080, "but an idle time is not saved for later");
    }
}
