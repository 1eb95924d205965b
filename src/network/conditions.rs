//! `Conditions`: what a network is like. Pure.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

/// What a network is like.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// There is none.
    pub offline: bool,
    /// How long each answer is delayed.
    pub latency: Duration,
    /// How much the latency varies, up and down.
    pub jitter: Duration,
    /// Bytes a second from the server; `None` is no limit.
    pub down: Option<u64>,
    /// Bytes a second to the server; `None` is no limit.
    pub up: Option<u64>,
    /// The part of the requests that fail, from 0 to 1.
    pub fail: f64,
    /// The part of the transfers that break, from 0 to 1.
    pub cut: f64,
}

/// The presets. The numbers are those of Chrome (`front_end/core/sdk/NetworkManager.ts`, 2025), which takes the
/// target's latency several times because a page's resource takes several round trips over a real connection.
const PRESETS: [(&str, Conditions); 4] = [
    // "3G" there; "Slow 3G" until 2024: 400 ms * 5, 500 kbit/s * 0.8
    ("slow-3g", preset(2_000_000, 50_000, 50_000)),
    // "Slow 4G" there; "Fast 3G" until 2024: 150 ms * 3.75, 1.6 Mbit/s and 750 kbit/s * 0.9
    ("3g", preset(562_500, 180_000, 84_375)),
    // "Fast 4G" there: 60 ms * 2.75, 9 Mbit/s and 1.5 Mbit/s * 0.9
    ("4g", preset(165_000, 1_012_500, 168_750)),
    ("offline", Conditions { offline: true, ..preset(0, 0, 0) }),
];

const fn preset(latency_us: u64, down: u64, up: u64) -> Conditions {
    let down = if down == 0 { None } else { Some(down) };
    let up = if up == 0 { None } else { Some(up) };
    Conditions {
        offline: false,
        latency: Duration::from_micros(latency_us),
        jitter: Duration::ZERO,
        down,
        up,
        fail: 0.0,
        cut: 0.0,
    }
}

/// No answer takes longer by itself: a mistyped latency would look like a server that hangs.
const MAX_LATENCY: Duration = Duration::from_secs(60);

/// Slower than that is a mistyped unit.
const MIN_RATE: u64 = 100;

impl Conditions {
    /// Reads a preset, settings such as `latency=300ms,fail=2%`, or a preset that settings change; `no` is no network. The
    /// error is advice.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut conditions = Self::default();
        for (index, part) in text.split(',').map(str::trim).enumerate() {
            match part.split_once('=') {
                Some((key, value)) => conditions.set(key.trim(), value.trim())?,
                None if index == 0 => conditions = Self::preset(part)?,
                None => return Err(format!("{part:?} is not a setting; write a preset first: 3g,{part}=...")),
            }
        }
        Ok(conditions)
    }

    /// Whether it changes nothing.
    pub fn is_perfect(&self) -> bool {
        *self == Self::default()
    }

    /// Whether chance has a part in it.
    pub fn is_random(&self) -> bool {
        self.fail > 0.0 || self.cut > 0.0 || !self.jitter.is_zero()
    }

    fn preset(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase().replace([' ', '_'], "-");
        if matches!(lower.as_str(), "no" | "false" | "off" | "0" | "none") {
            return Ok(Self::default());
        }
        let preset = PRESETS.iter().find(|(preset, _)| *preset == lower).map(|(_, conditions)| *conditions);
        preset.ok_or_else(|| {
            let other = match lower.as_str() {
                "fast-3g" | "slow-4g" => "write 3g",
                "fast-4g" => "write 4g",
                "2g" | "slow-2g" | "edge" => "write latency=800ms,down=250kbit/s,up=50kbit/s",
                _ => "write slow-3g, 3g, 4g, offline, or settings such as latency=300ms,down=1.6Mbit/s,fail=2%",
            };
            format!("not a network; {other}")
        })
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "preset" if self.is_perfect() => *self = Self::preset(value)?,
            "preset" => return Err("the preset must come first; write preset=3g,latency=1s".to_owned()),
            "latency" => self.latency = duration(value)?,
            "jitter" => self.jitter = duration(value)?,
            "down" => self.down = Some(rate(value)?),
            "up" => self.up = Some(rate(value)?),
            "fail" => self.fail = chance(value)?,
            "cut" => self.cut = chance(value)?,
            _ => {
                return Err(format!(
                    "{key:?} is not a setting of a network; valid ones are preset, latency, jitter, down, up, fail and cut"
                ));
            }
        }
        Ok(())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    let parsed: Option<Duration> = parsed.and_then(|duration| duration.try_into().ok());
    match parsed {
        Some(duration) if duration <= MAX_LATENCY => Ok(duration),
        Some(_) => Err(format!("{text:?} is too long; write {} s or less, such as 300ms", MAX_LATENCY.as_secs())),
        None => Err(format!("{text:?} is not a duration; write one such as 300ms or 2s")),
    }
}

/// Bytes a second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a sensible number")]
fn rate(text: &str) -> Result<u64, String> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let bits = match unit {
        "bit/s" | "bps" => 1.0,
        "kbit/s" | "Kbit/s" | "kbps" | "Kbps" => 1e3,
        "Mbit/s" | "mbit/s" | "Mbps" | "mbps" => 1e6,
        "Gbit/s" | "gbit/s" | "Gbps" | "gbps" => 1e9,
        "B/s" => 8.0,
        "kB/s" | "KB/s" => 8e3,
        "MB/s" => 8e6,
        "KiB/s" => 8.0 * 1024.0,
        "MiB/s" => 8.0 * 1024.0 * 1024.0,
        _ => 0.0,
    };
    match number.trim().parse::<f64>() {
        Ok(number) if bits > 0.0 && number.is_finite() && number >= 0.0 => {
            let bytes = (number * bits / 8.0) as u64;
            if bytes < MIN_RATE {
                return Err(format!("{text:?} is too slow; write 1kbit/s or more (offline is a preset)"));
            }
            Ok(bytes)
        }
        _ => Err(format!("{text:?} is not a speed; write one such as 1.6Mbit/s, 400kbit/s or 2MB/s")),
    }
}

/// A percentage, as a part of 1.
fn chance(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').map(str::trim).and_then(|number| number.parse::<f64>().ok());
    match number {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!("{text:?} is not a percentage; write one from 0% to 100%, such as 2%")),
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offline {
            return f.write_str("offline");
        }
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        #[expect(clippy::cast_precision_loss, reason = "only to be read")]
        let kilobits = |rate: u64| rate as f64 * 8.0 / 1000.0;
        let mut parts = Vec::new();
        let jitter =
            if self.jitter.is_zero() { String::new() } else { format!(" \u{b1} {}", milliseconds(self.jitter)) };
        if !self.latency.is_zero() || !self.jitter.is_zero() {
            parts.push(format!("latency {}{jitter} ms", milliseconds(self.latency)));
        }
        parts.extend(self.down.map(|rate| format!("down {} kbit/s", kilobits(rate))));
        parts.extend(self.up.map(|rate| format!("up {} kbit/s", kilobits(rate))));
        for (name, part) in [("fail", self.fail), ("cut", self.cut)] {
            if part > 0.0 {
                parts.push(format!("{name} {}%", part * 100.0));
            }
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        for (text, expected) in [
            ("slow-3g", Ok("latency 2000 ms, down 400 kbit/s, up 400 kbit/s")),
            ("3g", Ok("latency 562.5 ms, down 1440 kbit/s, up 675 kbit/s")),
            ("4G", Ok("latency 165 ms, down 8100 kbit/s, up 1350 kbit/s")),
            ("Slow 3G", Ok("latency 2000 ms, down 400 kbit/s, up 400 kbit/s")),
            ("offline", Ok("offline")),
            ("no", Ok("")),
            (
                "latency=300ms,jitter=50ms,down=1.6Mbit/s,fail=2%,cut=1%",
                Ok("latency 300 \u{b1} 50 ms, down 1600 kbit/s, fail 2%, cut 1%"),
            ),
            ("3g,fail=2%", Ok("latency 562.5 ms, down 1440 kbit/s, up 675 kbit/s, fail 2%")),
            ("preset=3g, up=1MB/s", Ok("latency 562.5 ms, down 1440 kbit/s, up 8000 kbit/s")),
            ("down=400kbps", Ok("down 400 kbit/s")),
            ("down=100KiB/s", Ok("down 819.2 kbit/s")),
            ("jitter=5ms", Ok("latency 0 \u{b1} 5 ms")),
            ("fast-3g", Err("write 3g")),
            ("5g", Err("write slow-3g, 3g, 4g, offline")),
            ("", Err("not a network")),
            ("latency=300", Err("not a duration; write one such as 300ms")),
            ("latency=300s", Err("too long; write 60 s or less")),
            ("latency=-1s", Err("not a duration")),
            ("down=1.6", Err("not a speed")),
            ("down=1.6MB", Err("not a speed")),
            ("down=0bit/s", Err("too slow")),
            ("down=-5Mbit/s", Err("not a speed")),
            ("down=infMbit/s", Err("not a speed")),
            ("down=1e400Mbit/s", Err("not a speed")),
            ("fail=2", Err("not a percentage; write one from 0% to 100%")),
            ("fail=101%", Err("not a percentage")),
            ("fail=NaN%", Err("not a percentage")),
            ("speed=1", Err("valid ones are preset, latency")),
            ("latency=1s,3g", Err("is not a setting; write a preset first")),
            ("latency=1s,preset=3g", Err("the preset must come first")),
        ] {
            let read = Conditions::parse(text).map(|conditions| conditions.to_string());
            match expected {
                Ok(expected) => assert_eq!(read.as_deref(), Ok(expected), "{text}"),
                Err(says) => assert!(read.as_ref().is_err_and(|error| error.contains(says)), "{text}: {read:?}"),
            }
        }
        assert!(Conditions::parse("no").is_ok_and(|conditions| conditions.is_perfect()));
    }
}
