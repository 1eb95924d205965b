//! WebP: the image, or the first frame of an animation.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use image_webp::WebPDecoder;

use super::facts::{DecodeError, Decoded, Facts, broken};
use crate::thumbnail::colour::Colours;
use crate::thumbnail::exif::Exif;
use crate::thumbnail::raster::{Full, Layout, Shrinker};

/// Longer files are not read, because the decoder holds the compressed pixels in memory.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The most metadata to read, in bytes.
const MAX_CHUNK: usize = 16 * 1024 * 1024;

/// A WebP up to its first pixel.
pub(super) struct WebP<R> {
    decoder: WebPDecoder<Padded<R>>,
    /// The value that replaces missing bytes, if some are missing.
    fill: Option<Arc<AtomicU8>>,
}

impl<R: BufRead + Seek> WebP<R> {
    pub(super) fn open(source: R, len: u64) -> Result<(Self, Facts), DecodeError> {
        if len > MAX_FILE {
            return Err(DecodeError::TooLong { limit: MAX_FILE });
        }
        let (padded, fill) = Padded::new(source, len).map_err(broken)?;
        let mut decoder = WebPDecoder::new(padded).map_err(broken)?;
        decoder.set_memory_limit(MAX_CHUNK);
        let (width, height) = decoder.dimensions();
        let alpha = decoder.has_alpha();
        // bytes per pixel: three planes and their output; RGBA that becomes RGB
        let mut pixel = match (decoder.is_lossy(), alpha) {
            (true, false) => 5,
            (true, true) => 11,
            (false, false) => 7,
            (false, true) => 4,
        };
        if decoder.is_animated() {
            pixel += 8; // the frame, and the canvas
        }
        if fill.is_some() {
            pixel += if alpha { 4 } else { 3 }; // two results are compared
        }
        let memory = u64::from(width) * u64::from(height) * pixel + len;
        Ok((Self { decoder, fill }, Facts { width, height, memory }))
    }

    /// Draws the remaining rows of a truncated file. The rest is transparent.
    pub(super) fn decode(mut self, pixels: u32, facts: Facts) -> Result<Decoded, DecodeError> {
        let layout = if self.decoder.has_alpha() { Layout::Rgba } else { Layout::Rgb };
        let stride = facts.width as usize * layout.channels();
        let (picture, rows) = match self.fill.clone() {
            None => (self.read()?, facts.height as usize),
            Some(fill) => self.read_truncated(&fill, stride)?,
        };
        let mut shrinker = Shrinker::new(Full::new(facts.width, facts.height, layout), pixels);
        for row in picture.chunks_exact(stride).take(rows) {
            shrinker.row(row);
        }
        drop(picture);
        let profile = self.decoder.icc_profile().ok().flatten();
        let exif = self.decoder.exif_metadata().ok().flatten();
        Ok(Decoded {
            raster: shrinker.finish(),
            orientation: exif.map(|chunk| Exif::read(&chunk).orientation),
            colours: profile.map_or(Colours::Srgb, Colours::Profile),
        })
    }

    fn read(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut picture = vec![0; self.decoder.output_buffer_size().ok_or_else(|| broken("its size overflows"))?];
        self.decoder.read_image(&mut picture).map_err(broken)?;
        Ok(picture)
    }

    /// The decoder returns all of an image or nothing. So the missing bytes are filled in twice, with different values.
    /// Rows that are the same both times do not depend on them.
    fn read_truncated(&mut self, fill: &AtomicU8, stride: usize) -> Result<(Vec<u8>, usize), DecodeError> {
        let mut why = broken("");
        let mut first: Option<Vec<u8>> = None;
        for byte in [0, 0xff, 0x80, 0x55, 0x01] {
            fill.store(byte, Relaxed);
            match (self.read(), first.take()) {
                (Ok(picture), None) => first = Some(picture),
                (Ok(picture), Some(first)) => {
                    let rows = picture.chunks_exact(stride).zip(first.chunks_exact(stride));
                    return match rows.take_while(|(a, b)| a == b).count() {
                        0 => Err(broken("it ends before its first row")),
                        rows => Ok((picture, rows)),
                    };
                }
                (Err(error), kept) => (why, first) = (error, kept),
            }
        }
        Err(why)
    }
}

/// How many missing bytes get the variable fill value. The rest are zeros, of which decoders need the fewest.
const FILLED: u64 = 2;

/// A file that is as long as it announces. Filler bytes replace a missing end.
///
/// The flags that announce Exif and XMP are cleared. Those chunks are at the end, and the decoder rejects a file that
/// announces chunks that are missing. It finds them without the flags.
struct Padded<R> {
    source: R,
    /// The length of the source.
    len: u64,
    at: u64,
    announced: u64,
    fill: Arc<AtomicU8>,
    padding: [u8; 256],
    /// The byte at [`FLAGS`] of an extended file.
    flags: Option<[u8; 1]>,
}

/// The position of the flags of an extended file.
const FLAGS: u8 = 20;

/// The flags of Exif and XMP.
const METADATA: u8 = 0x08 | 0x04;

impl<R: BufRead + Seek> Padded<R> {
    fn new(mut source: R, len: u64) -> io::Result<(Self, Option<Arc<AtomicU8>>)> {
        let mut head = [0; FLAGS as usize + 1];
        source.rewind()?;
        source.read_exact(&mut head)?;
        source.rewind()?;
        let riff = u64::from(u32::from_le_bytes(head[4..8].try_into().expect("four bytes")));
        // no more bytes are missing than could be read
        let announced = (riff + 8).clamp(len, MAX_FILE.max(len));
        let flags = (&head[12..16] == b"VP8X").then(|| [head[20] & !METADATA]);
        let fill = Arc::new(AtomicU8::new(0));
        let padded = Self { source, len, at: 0, announced, fill: Arc::clone(&fill), padding: [0; 256], flags };
        Ok((padded, (announced > len).then_some(fill)))
    }
}

impl<R: BufRead + Seek> Read for Padded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut from = self.fill_buf()?;
        let got = from.read(buffer)?;
        self.consume(got);
        Ok(got)
    }
}

impl<R: BufRead + Seek> BufRead for Padded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.len {
            let left = usize::try_from(self.announced.saturating_sub(self.at)).unwrap_or(usize::MAX);
            self.padding.fill(0);
            let first = (self.len + FILLED).saturating_sub(self.at);
            self.padding[..usize::try_from(first).unwrap_or(0)].fill(self.fill.load(Relaxed));
            return Ok(&self.padding[..left.min(self.padding.len())]);
        }
        match &self.flags {
            Some(flags) if self.at == u64::from(FLAGS) => Ok(flags),
            Some(_) if self.at < u64::from(FLAGS) => {
                let before = usize::try_from(u64::from(FLAGS) - self.at).expect("at most 20");
                let buffer = self.source.fill_buf()?;
                Ok(&buffer[..buffer.len().min(before)])
            }
            _ => self.source.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        if self.at < self.len {
            self.source.consume(amount);
        }
        self.at += amount as u64;
    }
}

impl<R: BufRead + Seek> Seek for Padded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.announced.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let to = to.ok_or(io::ErrorKind::InvalidInput)?;
        // short seeks stay within the buffer
        match i64::try_from(i128::from(to) - i128::from(self.at)) {
            Ok(by) if self.at < self.len && to < self.len => self.source.seek_relative(by)?,
            _ => drop(self.source.seek(SeekFrom::Start(to.min(self.len)))?),
        }
        self.at = to;
        Ok(to)
    }
}
