//! What a file announces, what it decodes to, and why it cannot be decoded.

use std::fmt;

use image::metadata::Orientation;

use crate::thumbnail::colour::Colours;
use crate::thumbnail::raster::{Layout, Raster};

/// The pixels of the largest image that is decoded: 16,384 by 16,384. This limits the time.
const MAX_PIXELS: u64 = 1 << 28;

/// The most memory that a decoder may need for one image, in bytes. Most need only a few rows.
pub(super) const MAX_MEMORY: u64 = 192 * 1024 * 1024;

/// Why an image has no thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The file is longer than the limit.
    TooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file announces too many pixels.
    TooLarge {
        /// The announced width.
        width: u32,
        /// The announced height.
        height: u32,
    },
    /// The format is not supported.
    Unknown,
    /// The file is damaged. Holds the decoder's message.
    Broken(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the file is too large: more than {} MiB", limit >> 20),
            Self::TooLarge { width, height } => write!(f, "the image is too large: {width} x {height} pixels"),
            Self::Unknown => f.write_str("the format is not supported"),
            Self::Broken(why) => write!(f, "the image is damaged: {why}"),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes a value")]
pub(super) fn broken(why: impl ToString) -> DecodeError {
    DecodeError::Broken(why.to_string())
}

/// What a file announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) width: u32,
    pub(super) height: u32,
    /// The bytes of memory that its decoder needs.
    pub(super) memory: u64,
}

impl Facts {
    pub(super) fn are_too_large(self) -> bool {
        self.memory > MAX_MEMORY || u64::from(self.width) * u64::from(self.height) > MAX_PIXELS
    }
}

/// A reduced image, oriented as it is stored.
pub(in crate::thumbnail) struct Decoded {
    pub(in crate::thumbnail) raster: Raster,
    /// How to turn it so that it is upright.
    pub(in crate::thumbnail) orientation: Option<Orientation>,
    pub(in crate::thumbnail) colours: Colours,
}

impl Default for Decoded {
    fn default() -> Self {
        let raster = Raster { width: 0, height: 0, layout: Layout::Gray, pixels: Vec::new() };
        Self { raster, orientation: None, colours: Colours::default() }
    }
}
