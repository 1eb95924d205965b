//! Decodes images with limits on pixels and memory: first reads what the file announces, then its pixels, reduced as
//! they are read.
//!
//! Decoders are as lenient as browsers: they return the readable part of a damaged file.

mod facts;
mod gif;
mod jpeg;
mod png;
mod webp;

use std::io::{BufRead, Read as _, Seek, SeekFrom};

pub use self::facts::DecodeError;
pub(super) use self::facts::Decoded;
use self::facts::{Facts, MAX_MEMORY, broken};
use self::gif::Gif;
use self::jpeg::Jpeg;
use self::png::Png;
use self::webp::WebP;
use super::format::{FIRST, Format};

/// Images that need at least this many bytes are large, and are decoded one at a time.
const LARGE: u64 = 32 * 1024 * 1024;

/// An image whose beginning has been read.
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

/// What a file contains.
pub enum Opened<R: BufRead + Seek> {
    /// An image that is decoded here.
    Picture(Picture<R>),
    /// An image that browsers show and that is not decoded here, with its media type.
    Browser(&'static str),
}

impl<R: BufRead + Seek> Opened<R> {
    /// Reads the beginning of a file of `len` bytes, enough to know its format, its size, and the memory needed to
    /// decode it.
    pub fn new(mut source: R, len: u64) -> Result<Self, DecodeError> {
        /// Longer files are not read. This limits the time spent on a file that contains no image.
        const MAX_FILE: u64 = 1024 * 1024 * 1024;
        if len > MAX_FILE {
            return Err(DecodeError::TooLong { limit: MAX_FILE });
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
            Format::Unknown => return Err(DecodeError::Unknown),
        }?;
        // a JPEG may contain a preview
        if facts.are_too_large() && !matches!(kind, Kind::Jpeg(_)) {
            return Err(DecodeError::TooLarge { width: facts.width, height: facts.height });
        }
        Ok(Self::Picture(Picture { kind, facts }))
    }
}

impl<R: BufRead + Seek> Picture<R> {
    /// True if the image needs so much memory that only one such image may be decoded at a time.
    pub fn is_large(&self, pixels: u32) -> bool {
        let memory = match &self.kind {
            Kind::Jpeg(jpeg) => jpeg.memory(pixels, self.facts),
            _ => self.facts.memory,
        };
        (LARGE..=MAX_MEMORY).contains(&memory)
    }

    /// Decodes the pixels, reduced so that the longer side has `pixels`.
    pub(super) fn decode(self, pixels: u32) -> Result<Decoded, DecodeError> {
        match self.kind {
            Kind::Jpeg(jpeg) => jpeg.decode(pixels, self.facts),
            Kind::Png(png) => png.decode(pixels, self.facts),
            Kind::Gif(gif) => gif.decode(pixels, self.facts),
            Kind::WebP(webp) => webp.decode(pixels, self.facts),
        }
    }
}
