//! Decoding, bounded in pixels and memory: first what a file announces, then its pixels, reduced as they come.
//!
//! Decoders are as lenient as browsers: of a damaged file they give what is there.

mod gif;
mod jpeg;
mod png;
mod webp;

use std::fmt;
use std::io::{BufRead, Read as _, Seek, SeekFrom};

use image::metadata::Orientation;

use self::gif::Gif;
use self::jpeg::Jpeg;
use self::png::Png;
use self::webp::WebP;
use super::colour::Colours;
use super::format::{FIRST, Format};
use super::raster::{Layout, Raster};

/// Pixels of the largest picture that is decoded, which bounds the time it takes: 16,384 by 16,384.
const MAX_PIXELS: u64 = 1 << 28;

/// Bytes that a decoder may need for one picture. Most need a few rows only.
const MAX_MEMORY: u64 = 192 * 1024 * 1024;

/// From this many bytes on a picture is large: those are decoded one at a time.
const LARGE: u64 = 32 * 1024 * 1024;

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
fn broken(why: impl ToString) -> Unmade {
    Unmade::Broken(why.to_string())
}

/// What a file announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    width: u32,
    height: u32,
    /// Bytes that its decoder needs.
    memory: u64,
}

impl Facts {
    fn are_too_large(self) -> bool {
        self.memory > MAX_MEMORY || u64::from(self.width) * u64::from(self.height) > MAX_PIXELS
    }
}

/// A reduced picture, as it is stored.
pub(super) struct Decoded {
    pub(super) raster: Raster,
    /// How it is turned to stand upright.
    pub(super) orientation: Option<Orientation>,
    pub(super) colours: Colours,
}

impl Default for Decoded {
    fn default() -> Self {
        let raster = Raster { width: 0, height: 0, layout: Layout::Gray, pixels: Vec::new() };
        Self { raster, orientation: None, colours: Colours::default() }
    }
}

/// A picture of which the beginning has been read.
pub struct Picture<R: BufRead + Seek> {
    kind: Kind<R>,
    facts: Facts,
}

enum Kind<R: BufRead + Seek> {
    Jpeg(Box<Jpeg<R>>),
    Png(Box<Png<R>>),
    Gif(Box<Gif<R>>),
    WebP(Box<WebP<R>>),
}

/// What a file turns out to be.
pub enum Opened<R: BufRead + Seek> {
    /// A picture that is decoded here.
    Picture(Picture<R>),
    /// A picture that browsers show and that is not decoded here, with its media type.
    Browser(&'static str),
}

impl<R: BufRead + Seek> Opened<R> {
    /// Reads the beginning of a file of `len` bytes: enough to know its format, its size, and what it takes to decode it.
    pub fn new(mut source: R, len: u64) -> Result<Self, Unmade> {
        /// A file this long is not read: it bounds the time for one without a picture in it.
        const MAX_FILE: u64 = 1024 * 1024 * 1024;
        if len > MAX_FILE {
            return Err(Unmade::TooLong { limit: MAX_FILE });
        }
        let mut first = Vec::with_capacity(FIRST);
        source.by_ref().take(FIRST as u64).read_to_end(&mut first).map_err(broken)?;
        source.seek(SeekFrom::Start(0)).map_err(broken)?;
        let (kind, facts) = match Format::of(&first) {
            Format::Jpeg => Jpeg::open(source).map(|(jpeg, facts)| (Kind::Jpeg(jpeg.into()), facts)),
            Format::Png => Png::open(source).map(|(png, facts)| (Kind::Png(png.into()), facts)),
            Format::Gif => Gif::open(source).map(|(gif, facts)| (Kind::Gif(gif.into()), facts)),
            Format::WebP => WebP::open(source, len).map(|(webp, facts)| (Kind::WebP(webp.into()), facts)),
            Format::Browser(media_type) => return Ok(Self::Browser(media_type)),
            Format::Unknown => return Err(Unmade::Unknown),
        }?;
        // a JPEG may have a preview
        if facts.are_too_large() && !matches!(kind, Kind::Jpeg(_)) {
            return Err(Unmade::TooLarge { width: facts.width, height: facts.height });
        }
        Ok(Self::Picture(Picture { kind, facts }))
    }
}

impl<R: BufRead + Seek> Picture<R> {
    /// Whether so much memory is needed that only one such picture may be decoded at a time.
    pub fn is_large(&self, pixels: u32) -> bool {
        let memory = match &self.kind {
            Kind::Jpeg(jpeg) => jpeg.memory(pixels, self.facts),
            _ => self.facts.memory,
        };
        (LARGE..=MAX_MEMORY).contains(&memory)
    }

    /// The pixels, reduced so that the longer side has `pixels`.
    pub(super) fn decode(self, pixels: u32) -> Result<Decoded, Unmade> {
        match self.kind {
            Kind::Jpeg(jpeg) => jpeg.decode(pixels, self.facts),
            Kind::Png(png) => png.decode(pixels, self.facts),
            Kind::Gif(gif) => gif.decode(pixels, self.facts),
            Kind::WebP(webp) => webp.decode(pixels, self.facts),
        }
    }
}
