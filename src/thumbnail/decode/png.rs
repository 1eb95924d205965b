//! PNG: decoded row by row, or as a whole if it is interlaced.

use std::io::{BufRead, Seek};

use png::{ColorType, InterlaceInfo, Limits, Reader, Transformations};

use super::facts::{DecodeError, Decoded, Facts, broken};
use crate::thumbnail::colour::Colours;
use crate::thumbnail::exif::Exif;
use crate::thumbnail::raster::{Full, Layout, MAX_BAND, Shrinker};

/// The most memory for text, profiles and one row, in bytes.
const MAX_BUFFERS: usize = 64 * 1024 * 1024;

/// A PNG up to its first pixel.
pub(super) struct Png<R: BufRead + Seek> {
    reader: Reader<R>,
    layout: Layout,
    /// Greyscale with opacity, which becomes RGBA.
    gray_alpha: bool,
}

impl<R: BufRead + Seek> Png<R> {
    pub(super) fn open(source: R) -> Result<(Self, Facts), DecodeError> {
        let mut decoder = png::Decoder::new_with_limits(source, Limits { bytes: MAX_BUFFERS });
        decoder.set_transformations(Transformations::normalize_to_color8());
        decoder.set_ignore_text_chunk(true);
        // browsers ignore wrong checksums too
        decoder.ignore_checksums(true);
        let header = decoder.read_header_info().map_err(broken)?;
        let (width, height, interlaced) = (header.width, header.height, header.interlaced);
        // two rows of up to eight bytes per pixel, and some of four
        let rows = u64::from(width) * u64::from(16 + 4 * MAX_BAND);
        let wide = Facts { width, height, memory: rows };
        if wide.are_too_large() {
            return Err(DecodeError::TooLarge { width, height });
        }
        let reader = decoder.read_info().map_err(|error| match error {
            png::DecodingError::LimitsExceeded => DecodeError::TooLarge { width, height },
            error => broken(error),
        })?;
        let (layout, gray_alpha) = match reader.output_color_type().0 {
            ColorType::Grayscale => (Layout::Gray, false),
            ColorType::GrayscaleAlpha => (Layout::Rgba, true),
            ColorType::Rgb => (Layout::Rgb, false),
            ColorType::Rgba => (Layout::Rgba, false),
            ColorType::Indexed => return Err(broken("its palette is missing")),
        };
        let whole = u64::from(width) * u64::from(height) * layout.channels() as u64;
        let facts = Facts { width, height, memory: rows + if interlaced { whole } else { 0 } };
        Ok((Self { reader, layout, gray_alpha }, facts))
    }

    /// Draws the readable part of a truncated or damaged file. The rest is transparent.
    pub(super) fn decode(mut self, pixels: u32, facts: Facts) -> Result<Decoded, DecodeError> {
        let full = Full::new(facts.width, facts.height, self.layout);
        let mut shrinker = Shrinker::new(full, pixels);
        let drawn =
            if self.reader.info().interlaced { self.interlaced(&mut shrinker) } else { self.rows(&mut shrinker) };
        if let (0, why) = drawn {
            return Err(broken(why.unwrap_or_default()));
        }
        let info = self.reader.info();
        Ok(Decoded {
            raster: shrinker.finish(),
            orientation: info.exif_metadata.as_deref().map(|chunk| Exif::read(chunk).orientation),
            colours: colours(info),
        })
    }

    /// Returns the number of rows read, and the error that ended them.
    fn rows(&mut self, shrinker: &mut Shrinker) -> (usize, Option<String>) {
        let mut drawn = 0;
        loop {
            match self.reader.next_row() {
                Ok(Some(row)) if self.gray_alpha => shrinker.row(&rgba(row.data())),
                Ok(Some(row)) => shrinker.row(row.data()),
                Ok(None) => return (drawn, None),
                Err(error) => return (drawn, Some(error.to_string())),
            }
            drawn += 1;
        }
    }

    /// Draws each row in the width and height of the space that later passes fill.
    fn interlaced(&mut self, shrinker: &mut Shrinker) -> (usize, Option<String>) {
        let (width, height) = (self.reader.info().width as usize, self.reader.info().height as usize);
        let channels = if self.gray_alpha { 2 } else { self.layout.channels() };
        let stride = width * channels;
        let mut picture = vec![0; stride * height];
        let bits = u8::try_from(channels * 8).expect("at most 32");
        let (mut drawn, mut why) = (0, None);
        loop {
            match self.reader.next_interlaced_row() {
                Ok(Some(row)) => {
                    if let InterlaceInfo::Adam7(place) = row.interlace() {
                        png::splat_interlaced_row(&mut picture, stride, row.data(), place, bits);
                    }
                    drawn += 1;
                }
                Ok(None) => break,
                Err(error) => {
                    why = Some(error.to_string());
                    break;
                }
            }
        }
        // the first pass contains every eighth row
        for row in picture.chunks_exact(stride).take(drawn * 8) {
            if self.gray_alpha { shrinker.row(&rgba(row)) } else { shrinker.row(row) }
        }
        (drawn, why)
    }
}

fn rgba(row: &[u8]) -> Vec<u8> {
    row.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect()
}

/// Takes the colour information of the chunk with the highest precedence (PNG, third edition, 13.16, "colour space
/// precedence").
fn colours(info: &png::Info<'_>) -> Colours {
    if let Some(code) = info.coding_independent_code_points {
        return Colours::Cicp { primaries: code.color_primaries, transfer: code.transfer_function };
    }
    if let Some(profile) = &info.icc_profile {
        return Colours::Profile(profile.to_vec());
    }
    if info.srgb.is_some() {
        return Colours::Srgb;
    }
    match info.gama_chunk {
        Some(gamma) => Colours::Gamma {
            gamma: gamma.into_value(),
            chromaticities: info.chrm_chunk.map(|points| {
                [points.white, points.red, points.green, points.blue].map(|(x, y)| (x.into_value(), y.into_value()))
            }),
        },
        None => Colours::Srgb,
    }
}
