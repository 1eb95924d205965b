//! What a file announces, what it decodes to, and why it may not.

use std::fmt;

use image::metadata::Orientation;

use crate::thumbnail::colour::Colours;
use crate::thumbnail::raster::{Layout, Raster};

/// Pixels of the largest picture that is decoded, which bounds the time it takes: 16,384 by 16,384.
const MAX_PIXELS: u64 = 1 << 28;

/// Bytes that a decoder may need for one picture. Most need a few rows only.
pub(super) const MAX_MEMORY: u64 = 192 * 1024 * 1024;

/// Why there is no thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmade {
    /// The file is longer than is read.
    TooLong {
        /// The longest.
        limit: u64,
    },
    /// It announces more pixels than are decoded.
    TooLarge {
        /// As announced.
        width: u32,
        /// As announced.
        height: u32,
    },
    /// Its format is none of ours.
    Unknown,
    /// It is damaged: the decoder's own words.
    Broken(String),
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the file is too large: more than {} MiB", limit >> 20),
            Self::TooLarge { width, height } => write!(f, "the picture is too large: {width} x {height} pixels"),
            Self::Unknown => f.write_str("the format is not supported"),
            Self::Broken(why) => write!(f, "the picture is damaged: {why}"),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes a value")]
pub(super) fn broken(why: impl ToString) -> Unmade {
    Unmade::Broken(why.to_string())
}

/// What a file announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes that its decoder needs.
    pub(super) memory: u64,
}

impl Facts {
    pub(super) fn are_too_large(self) -> bool {
        self.memory > MAX_MEMORY || u64::from(self.width) * u64::from(self.height) > MAX_PIXELS
    }
}

/// A reduced picture, as it is stored.
pub(in crate::thumbnail) struct Decoded {
    pub(in crate::thumbnail) raster: Raster,
    /// How it is turned to stand upright.
    pub(in crate::thumbnail) orientation: Option<Orientation>,
    pub(in crate::thumbnail) colours: Colours,
}

impl Default for Decoded {
    fn default() -> Self {
        let raster = Raster { width: 0, height: 0, layout: Layout::Gray, pixels: Vec::new() };
        Self { raster, orientation: None, colours: Colours::default() }
    }
}
