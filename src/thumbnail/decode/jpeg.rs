//! JPEG, decoded by libjpeg (`mozjpeg`). Browsers, Pillow, `ImageMagick` and libvips use it too, so damaged and unusual
//! files look the same here. It decodes row by row at 1/8, 1/4, 1/2 or all of the size.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mozjpeg::{ColorSpace, Decompress};

use super::facts::{DecodeError, Decoded, Facts, broken};
use crate::thumbnail::colour::Colours;
use crate::thumbnail::exif::{self, Exif};
use crate::thumbnail::raster::{Full, Layout, Raster, Shrinker};

/// A file with more scans counts as truncated. Each scan visits every block, and may be only a few bytes long.
const MAX_SCANS: usize = 100;

/// The most bytes of a colour profile, joined from its parts.
const MAX_PROFILE: usize = 16 * 1024 * 1024;

/// A JPEG up to its first scan.
pub(super) struct Jpeg<R> {
    source: R,
    head: Head,
}

/// The contents of the segments before the first scan.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Head {
    width: u16,
    height: u16,
    /// The position of the height, in a file that gives it after the first scan (DNL, ITU-T T.81 B.2.5).
    height_at: Option<u64>,
    /// The bytes of all coefficients, if they must be in memory before the first row can be computed.
    coefficients: u64,
    exif: Exif,
    profile: Vec<u8>,
}

impl<R: BufRead + Seek> Jpeg<R> {
    pub(super) fn open(mut source: R) -> Result<(Self, Facts), DecodeError> {
        let mut head = Head::read(&mut source).map_err(broken)?;
        if head.height == 0 && head.width > 0 {
            head.height = height_after_scan(&mut source).map_err(broken)?.unwrap_or(0);
        } else {
            head.height_at = None;
        }
        if head.exif.preview.is_none() && (head.width == 0 || head.height == 0) {
            return Err(broken("it contains no image"));
        }
        let (width, height) = (u32::from(head.width), u32::from(head.height));
        // the coefficients and a few rows
        let memory = head.coefficients + u64::from(width) * 256;
        Ok((Self { source, head }, Facts { width, height, memory }))
    }

    /// If a small preview suffices, the rest of the file is not read.
    pub(super) fn memory(&self, pixels: u32, facts: Facts) -> u64 {
        if self.preview(pixels, facts).is_some() { 0 } else { facts.memory }
    }

    pub(super) fn decode(mut self, pixels: u32, facts: Facts) -> Result<Decoded, DecodeError> {
        let raster = match self.preview(pixels, facts) {
            Some(preview) => Ok(preview),
            None if facts.are_too_large() => Err(DecodeError::TooLarge { width: facts.width, height: facts.height }),
            None => self.whole(pixels).map_err(broken),
        };
        // a preview that is too small is better than none
        let raster = raster.or_else(|why| self.any_preview(pixels).ok_or(why))?;
        let colours = match self.head.profile {
            profile if profile.is_empty() => Colours::Srgb,
            profile => Colours::Profile(profile),
        };
        Ok(Decoded { raster, orientation: Some(self.head.exif.orientation), colours })
    }

    /// The camera's own preview, if it is large enough and shows the whole image.
    fn preview(&self, pixels: u32, facts: Facts) -> Option<Raster> {
        let preview = self.head.exif.preview.as_deref()?;
        let own = Head::read(&mut Cursor::new(preview)).ok()?;
        let (width, height) = (u64::from(own.width), u64::from(own.height));
        // the same aspect ratio, apart from rounding to whole pixels
        let (across, down) = (width * u64::from(facts.height), height * u64::from(facts.width));
        let same_shape = across.abs_diff(down) <= u64::from(facts.width.max(facts.height));
        let large = width.max(height) >= u64::from(pixels);
        let smaller = width <= u64::from(facts.width) && height <= u64::from(facts.height);
        if !(large && same_shape && smaller) {
            return None;
        }
        self.any_preview(pixels)
    }

    fn any_preview(&self, pixels: u32) -> Option<Raster> {
        let preview = self.head.exif.preview.as_deref()?;
        decode(Cursor::new(preview), pixels).ok()
    }

    /// If libjpeg fails, the file is decoded up to that place, as if it were truncated there.
    fn whole(&mut self, pixels: u32) -> Result<Raster, String> {
        /// Small enough to find the place. Larger reads are faster.
        const FINE: usize = 512;
        let at = Cell::new(0);
        let why = match decode(self.watched(&at, usize::MAX, u64::MAX)?, pixels) {
            Ok(raster) => return Ok(raster),
            Err(why) => why,
        };
        if decode(self.watched(&at, FINE, u64::MAX)?, pixels).is_ok() {
            return Err(why);
        }
        let end = at.get();
        if let Ok(raster) = decode(self.watched(&at, usize::MAX, end)?, pixels) {
            return Ok(raster);
        }
        // the file may end inside the head of a scan
        let end = self.last_scan_before(end).map_err(|error| error.to_string())?;
        decode(self.watched(&at, usize::MAX, end)?, pixels).map_err(|_| why)
    }

    fn last_scan_before(&mut self, end: u64) -> io::Result<u64> {
        let (mut at, mut last) = (0, 0);
        self.source.rewind()?;
        loop {
            at += self.source.skip_until(0xff)? as u64;
            let next = self.source.fill_buf()?;
            if next.is_empty() || at >= end {
                return Ok(last);
            }
            if next[0] == marker::SOS {
                last = at - 1;
            }
        }
    }

    /// The file from its beginning, with the height inserted.
    fn watched<'a>(&'a mut self, at: &'a Cell<u64>, window: usize, end: u64) -> Result<impl BufRead + 'a, String> {
        at.set(0);
        self.source.rewind().map_err(|error| error.to_string())?;
        let mut start = Vec::new();
        if let Some(height_at) = self.head.height_at {
            self.source.by_ref().take(height_at + 2).read_to_end(&mut start).map_err(|error| error.to_string())?;
            let from = start.len().saturating_sub(2);
            start[from..].copy_from_slice(&self.head.height.to_be_bytes());
        }
        let several_scans = self.head.coefficients > 0;
        let scans = several_scans.then_some(0);
        Ok(Watched {
            inner: Cursor::new(start).chain(&mut self.source),
            at,
            window,
            end,
            scans,
            counted: 0,
            ended: false,
        })
    }
}

/// Decodes at the smallest scale that is at least as large as the thumbnail.
fn decode(source: impl BufRead, pixels: u32) -> Result<Raster, String> {
    // libjpeg's errors unwind
    let decoding = AssertUnwindSafe(|| {
        let mut decoder = Decompress::builder().from_reader(source)?;
        let (width, height) = decoder.size();
        let longer = width.max(height);
        let eighths = [1, 2, 4].into_iter().find(|eighths| longer * usize::from(*eighths) / 8 >= pixels as usize);
        let eighths = eighths.unwrap_or(8);
        decoder.scale(eighths);
        let (layout, mut started) = match decoder.color_space() {
            ColorSpace::JCS_GRAYSCALE => (Layout::Gray, decoder.grayscale()?),
            ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => (Layout::Cmyk, decoder.to_colorspace(ColorSpace::JCS_CMYK)?),
            _ => (Layout::Rgb, decoder.rgb()?),
        };
        let side = |side| u32::try_from(side).expect("at most 16 bits");
        let full = Full {
            size: (side(width), side(height)),
            eighths,
            decoded: (side(started.width()), side(started.height())),
            layout,
        };
        let mut shrinker = Shrinker::new(full, pixels);
        let mut row = vec![0u8; started.width() * layout.channels()];
        for _ in 0..started.height() {
            started.read_scanlines_into(&mut row)?;
            shrinker.row(&row);
        }
        Ok::<_, io::Error>(shrinker.finish())
    });
    match catch_unwind(decoding) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "the decoder gave up".to_owned())),
    }
}

/// Bytes that follow the end of every file. They make libjpeg treat a truncated file as complete, even within a
/// segment.
static END: [u8; 512] = {
    let mut bytes = [0xff; 512];
    let mut at = 1;
    while at < bytes.len() {
        bytes[at] = marker::EOI;
        at += 2;
    }
    bytes
};

/// A file for libjpeg to read, followed by an endless repetition of [`END`].
struct Watched<'a, R> {
    inner: R,
    /// Bytes that libjpeg has consumed.
    at: &'a Cell<u64>,
    /// The most bytes to return at once.
    window: usize,
    /// Where the file ends for libjpeg.
    end: u64,
    /// The number of scans that have begun, if they are counted.
    scans: Option<usize>,
    /// The state of the marker search.
    counted: u64,
    ended: bool,
}

impl<R: BufRead> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buffer)?;
        self.consume(got);
        Ok(got)
    }
}

impl<R: BufRead> BufRead for Watched<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ended || self.scans.is_some_and(|scans| scans > MAX_SCANS) {
            self.ended = true;
            return Ok(&END);
        }
        let left = usize::try_from(self.end.saturating_sub(self.at.get())).unwrap_or(usize::MAX);
        let bytes = self.inner.fill_buf()?;
        let bytes = &bytes[..bytes.len().min(left).min(self.window)];
        if bytes.is_empty() {
            self.ended = true;
            return Ok(&END);
        }
        if let Some(scans) = &mut self.scans
            && self.at.get() >= self.counted
        {
            self.counted = self.at.get() + bytes.len() as u64;
            *scans += bytes.windows(2).filter(|two| *two == [0xff, marker::SOS]).count();
        }
        Ok(bytes)
    }

    fn consume(&mut self, amount: usize) {
        if !self.ended {
            self.at.set(self.at.get() + amount as u64);
            self.inner.consume(amount);
        }
    }
}

/// The markers that matter here (ITU-T T.81, table B.1).
mod marker {
    pub(super) const SOI: u8 = 0xd8;
    pub(super) const EOI: u8 = 0xd9;
    pub(super) const SOS: u8 = 0xda;
    pub(super) const DNL: u8 = 0xdc;
    pub(super) const APP1: u8 = 0xe1;
    pub(super) const APP2: u8 = 0xe2;

    /// True if the marker has no segment.
    pub(super) fn is_alone(marker: u8) -> bool {
        matches!(marker, 0x00 | 0x01 | 0xd0..=SOI)
    }

    /// True if the marker starts a frame. `DHT`, `JPG` and `DAC` are in the same range of the table but do not.
    pub(super) fn is_frame(marker: u8) -> bool {
        matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
    }

    /// True if the coefficients come in several scans.
    pub(super) fn is_progressive(marker: u8) -> bool {
        matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce)
    }
}

impl Head {
    /// Reads up to the first scan, which comes next. If the file ends before it, returns what was read.
    fn read(source: &mut (impl BufRead + Seek)) -> io::Result<Self> {
        let mut head = Self::default();
        let (mut frame, mut parts) = (None, Vec::new());
        match head.segments(source, &mut frame, &mut parts) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        // the parts of a profile are numbered (ICC.1:2022, B.4)
        parts.sort_by_key(|(number, _)| *number);
        head.profile = parts.into_iter().flat_map(|(_, part)| part).take(MAX_PROFILE).collect();
        Ok(head)
    }

    fn segments(
        &mut self,
        source: &mut (impl BufRead + Seek),
        frame: &mut Option<Frame>,
        parts: &mut Vec<(u8, Vec<u8>)>,
    ) -> io::Result<()> {
        const ICC: &[u8] = b"ICC_PROFILE\0";
        let mut found_exif = false;
        let mut kept = 0;
        source.seek(SeekFrom::Start(2))?;
        loop {
            let marker = next_marker(source)?;
            if marker::is_alone(marker) {
                continue;
            }
            if marker == marker::EOI {
                return Ok(());
            }
            let length = read_u16(source)?.saturating_sub(2);
            if marker == marker::SOS {
                let count = read_array::<1>(source)?[0];
                if let Some(frame) = frame.take()
                    && (frame.progressive || count < frame.components)
                {
                    self.coefficients = frame.coefficients;
                }
                return Ok(());
            }
            let wanted = match marker {
                marker::APP1 => !found_exif,
                marker::APP2 => kept <= MAX_PROFILE,
                marker => marker::is_frame(marker) && frame.is_none(),
            };
            if !wanted {
                source.seek_relative(i64::from(length))?;
                continue;
            }
            let at = source.stream_position()?;
            let mut segment = vec![0; usize::from(length)];
            source.read_exact(&mut segment)?;
            match marker {
                marker::APP1 => {
                    if let Some(chunk) = segment.strip_prefix(exif::PREFIX) {
                        found_exif = true;
                        self.exif = Exif::read(chunk);
                    }
                }
                marker::APP2 => {
                    if let Some([number, _, part @ ..]) = segment.strip_prefix(ICC) {
                        kept += part.len();
                        parts.push((*number, part.to_vec()));
                    }
                }
                marker => {
                    if let [_, h0, h1, w0, w1, ..] = segment[..] {
                        self.height = u16::from_be_bytes([h0, h1]);
                        self.width = u16::from_be_bytes([w0, w1]);
                        self.height_at = Some(at + 1);
                        *frame = Frame::read(&segment, marker::is_progressive(marker));
                    }
                }
            }
        }
    }
}

/// The frame header's information about the coefficients.
struct Frame {
    progressive: bool,
    components: u8,
    /// Their total size in bytes.
    coefficients: u64,
}

impl Frame {
    fn read(segment: &[u8], progressive: bool) -> Option<Self> {
        let [_, h0, h1, w0, w1, components, sampling @ ..] = segment else { return None };
        // a height given later may have any value
        let height = match u16::from_be_bytes([*h0, *h1]) {
            0 => u16::MAX,
            height => height,
        };
        let pixels = u64::from(u16::from_be_bytes([*w0, *w1])) * u64::from(height);
        let factors =
            sampling.chunks_exact(3).map(|component| (u64::from(component[1] >> 4), u64::from(component[1] & 15)));
        let most = factors.clone().map(|(across, _)| across).max()? * factors.clone().map(|(_, down)| down).max()?;
        let samples = factors.map(|(across, down)| across * down).sum::<u64>() * pixels / most.max(1);
        Some(Self { progressive, components: *components, coefficients: samples * 2 })
    }
}

/// The next marker. Skips anything else, as libjpeg does.
fn next_marker(source: &mut impl BufRead) -> io::Result<u8> {
    loop {
        if read_array::<1>(source)?[0] != 0xff {
            source.skip_until(0xff)?;
        }
        loop {
            match read_array::<1>(source)?[0] {
                0xff => {}
                0 => break,
                marker => return Ok(marker),
            }
        }
    }
}

/// The height, if the file gives it after its first scan.
fn height_after_scan(source: &mut impl BufRead) -> io::Result<Option<u16>> {
    loop {
        match next_marker(source) {
            Ok(marker::DNL) if read_u16(source)? == 4 => return Ok(Some(read_u16(source)?)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn read_u16(source: &mut impl BufRead) -> io::Result<u16> {
    read_array(source).map(u16::from_be_bytes)
}

fn read_array<const N: usize>(source: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
