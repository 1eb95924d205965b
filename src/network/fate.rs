//! What happens to a request. Pure: it follows from the conditions, the seed and the number of the request.

use std::time::Duration;

use super::conditions::Conditions;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// How long its answer is delayed.
    pub latency: Duration,
    /// The mishap, if there is one.
    pub event: Event,
}

/// A mishap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// None.
    None,
    /// There is no network.
    Offline,
    /// Something on the way answers 503.
    Fail,
    /// The connection breaks after this part of a body.
    Cut(Part),
}

/// A part of a whole, in 2^32nds; never the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part(u32);

impl Part {
    /// This part of so many bytes: less than all of them, unless there are none.
    pub fn of(self, bytes: u64) -> u64 {
        let part = (u128::from(bytes) * u128::from(self.0)) >> 32;
        u64::try_from(part).expect("less than the whole")
    }
}

/// Decides about request number `request`, counted from 0.
pub fn decide(conditions: &Conditions, seed: u64, request: u64) -> Fate {
    if conditions.offline {
        return Fate { latency: Duration::ZERO, event: Event::Offline };
    }
    let draw = |use_: u64| random(seed, request, use_);
    // from no jitter less to all of it more
    let sway = conditions.jitter.mul_f64(fraction(draw(0)) * 2.0);
    let latency = (conditions.latency + sway).saturating_sub(conditions.jitter);
    let event = if fraction(draw(1)) < conditions.fail {
        Event::Fail
    } else if fraction(draw(2)) < conditions.cut {
        Event::Cut(Part((draw(3) >> 32) as u32))
    } else {
        Event::None
    };
    Fate { latency, event }
}

/// From 0 to less than 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// `SplitMix64` (Steele, Lea, Flood, 2014), by position instead of in sequence: requests that overlap share no state. A
/// generator of a crate may change with its version, and a test's seed would stop to mean the same.
fn random(seed: u64, request: u64, use_: u64) -> u64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let position = request.wrapping_mul(4).wrapping_add(use_).wrapping_add(1);
    mix(mix(seed).wrapping_add(position.wrapping_mul(GAMMA)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(conditions: &str, seed: u64, count: u64) -> Vec<Fate> {
        let conditions = Conditions::parse(conditions).expect("conditions");
        (0..count).map(|request| decide(&conditions, seed, request)).collect()
    }

    #[test]
    fn events_are_as_frequent_as_wanted_and_repeat_with_the_seed() {
        const COUNT: u64 = 10_000;
        for (conditions, fails, cuts) in [
            ("latency=1s", 0..=0, 0..=0),
            ("fail=100%", COUNT..=COUNT, 0..=0),
            ("cut=100%", 0..=0, COUNT..=COUNT),
            ("fail=2%", 150..=250, 0..=0),
            ("cut=1%", 0..=0, 60..=140),
            ("fail=50%,cut=50%", 4_800..=5_200, 2_300..=2_700),
            ("fail=0%,cut=0%", 0..=0, 0..=0),
        ] {
            for seed in [0, 1, u64::MAX] {
                let fates = fates(conditions, seed, COUNT);
                let count = |is: fn(&Event) -> bool| fates.iter().filter(|fate| is(&fate.event)).count() as u64;
                let (failed, cut) =
                    (count(|event| *event == Event::Fail), count(|event| matches!(event, Event::Cut(_))));
                assert!(fails.contains(&failed), "{conditions} {seed}: {failed} failed");
                assert!(cuts.contains(&cut), "{conditions} {seed}: {cut} cut");
                assert_eq!(fates, self::fates(conditions, seed, COUNT), "{conditions} {seed}");
            }
        }
        assert_ne!(fates("fail=50%", 1, 100), fates("fail=50%", 2, 100));
    }

    /// Written in documentation and in tests of users: a seed must mean the same in the next version.
    #[test]
    fn a_seed_means_the_same_for_ever() {
        // computed by another implementation, in Python
        let failed = |seed| -> Vec<u64> {
            let fates = fates("fail=20%", seed, 20).into_iter().zip(0..);
            fates.filter(|(fate, _)| fate.event == Event::Fail).map(|(_, request)| request).collect()
        };
        assert_eq!(failed(1), [7, 10]);
        assert_eq!(failed(7), [2, 9, 12, 17]);
    }

    #[test]
    fn jitter_goes_both_ways_and_never_below_nothing() {
        for (conditions, least, most) in [
            ("latency=300ms,jitter=50ms", 250, 350),
            ("latency=300ms", 300, 300),
            ("latency=10ms,jitter=50ms", 0, 60),
            ("jitter=50ms", 0, 50),
        ] {
            let latencies: Vec<u128> =
                fates(conditions, 3, 10_000).iter().map(|fate| fate.latency.as_millis()).collect();
            let (low, high) = (latencies.iter().min().expect("many"), latencies.iter().max().expect("many"));
            assert!(*low >= least && *low <= least + 1, "{conditions}: {low}");
            assert!(*high <= most && *high + 1 >= most, "{conditions}: {high}");
        }
    }

    #[test]
    fn a_part_is_never_the_whole() {
        for (part, bytes, expected) in [
            (0, 100, 0),
            (u32::MAX, 1, 0),
            (u32::MAX, 100, 99),
            (1 << 31, 100, 50),
            (u32::MAX, 0, 0),
            (u32::MAX, u64::MAX, u64::MAX - (1 << 32)),
        ] {
            assert_eq!(Part(part).of(bytes), expected, "{part} of {bytes}");
        }
    }

    #[test]
    fn offline_is_offline() {
        let conditions = Conditions::parse("offline").expect("conditions");
        assert_eq!(decide(&conditions, 5, 9), Fate { latency: Duration::ZERO, event: Event::Offline });
    }
}
