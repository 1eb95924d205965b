//! Making a thumbnail: a picture's bytes in, a small picture's bytes out. Pure, and bounded in pixels and memory.

use std::fmt;
use std::io::{BufRead, Seek};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageEncoder as _, ImageReader, ImageResult, Limits};

/// A file this long is not read: the decoders of JPEG and WebP hold all of it in memory.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Bytes of a decoded picture: 67 megapixels of RGB. Judged by the announced dimensions, before anything is decoded.
const MAX_DECODED: u64 = 192 * 1024 * 1024;

/// From this many decoded bytes on a picture is large: those are made one at a time.
const LARGE: u64 = 48 * 1024 * 1024;

/// Of photographs: smaller than quality 85 by a fifth, and no eye sees it at this size.
const JPEG_QUALITY: u8 = 80;

/// Colour profiles of cameras and screens have a few hundred bytes; those of printers are larger than the thumbnail.
const MAX_PROFILE: usize = 8 * 1024;

/// The length of the longer side, in pixels. Few sizes, so that the cache is used and cannot be filled by asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Size {
    /// 128.
    Small,
    /// 256.
    #[default]
    Medium,
    /// 512.
    Large,
}

impl Size {
    /// The smallest size with this many pixels; beyond all of them the largest.
    pub fn nearest(pixels: u32) -> Self {
        match pixels {
            0..=128 => Self::Small,
            129..=256 => Self::Medium,
            257.. => Self::Large,
        }
    }

    /// Its length.
    pub fn pixels(self) -> u32 {
        match self {
            Self::Small => 128,
            Self::Medium => 256,
            Self::Large => 512,
        }
    }
}

/// Why there is no thumbnail.
#[derive(Debug, PartialEq, Eq)]
pub enum Unmade {
    /// The file is longer than is read.
    TooLong,
    /// It announces more pixels than are decoded.
    TooLarge,
    /// The decoder's own words.
    Broken(String),
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the file has more than {} MiB", MAX_FILE >> 20),
            Self::TooLarge => write!(f, "the picture needs more than {} MiB of memory", MAX_DECODED >> 20),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl From<image::ImageError> for Unmade {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooLarge,
            error => Self::Broken(error.to_string()),
        }
    }
}

/// Makes a thumbnail that is no larger than `size` and no larger than the picture, upright, of its first frame.
///
/// Opaque ones are JPEG, others lossless WebP (`benches/thumbnails.rs`: PNG is larger, by a tenth for an avatar and six
/// times for a photograph in place of JPEG; the `image` crate writes no lossy WebP). `one_at_a_time` is called, and what it gives held, before a large picture
/// is decoded.
pub fn make<R: BufRead + Seek, G>(
    source: R,
    len: u64,
    size: Size,
    one_at_a_time: impl FnOnce() -> G,
) -> Result<Vec<u8>, Unmade> {
    if len > MAX_FILE {
        return Err(Unmade::TooLong);
    }
    // by the first bytes, as browsers do: uploads are often named wrongly
    let mut reader =
        ImageReader::new(source).with_guessed_format().map_err(|error| Unmade::Broken(error.to_string()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let memory = decoder.total_bytes();
    if memory > MAX_DECODED {
        return Err(Unmade::TooLarge);
    }
    let turn = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let guard = (memory >= LARGE).then(one_at_a_time);
    let picture = DynamicImage::from_decoder(decoder)?;
    let mut small = shrink(picture, size.pixels());
    drop(guard);
    small.apply_orientation(turn);
    Ok(encode(&small, profile)?)
}

/// The type of what [`make`] gave; `None` for anything else.
pub fn content_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Averaging boxes of whole pixels is fast, and as good as a filter where a box has many of them.
fn shrink(picture: DynamicImage, pixels: u32) -> DynamicImage {
    let longer = picture.width().max(picture.height());
    if longer <= pixels {
        return picture;
    }
    let [width, height] = [picture.width(), picture.height()].map(|side| fitted(side, longer, pixels));
    if longer >= pixels * 3 {
        picture.thumbnail_exact(width, height)
    } else {
        picture.resize_exact(width, height, FilterType::Triangle)
    }
}

/// A side of a picture whose longer side becomes `pixels`; never nothing.
fn fitted(side: u32, longer: u32, pixels: u32) -> u32 {
    let scaled = (u64::from(side) * u64::from(pixels) + u64::from(longer) / 2) / u64::from(longer);
    u32::try_from(scaled).expect("no longer than pixels").max(1)
}

fn encode(picture: &DynamicImage, profile: Option<Vec<u8>>) -> ImageResult<Vec<u8>> {
    let colour = picture.color().has_color();
    let profile = profile.filter(|profile| fits(profile, colour));
    let mut bytes = Vec::with_capacity(16 * 1024);
    if is_opaque(picture) {
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        if let Some(profile) = profile {
            let _ = encoder.set_icc_profile(profile); // of no consequence: only the colours' last nuance is lost
        }
        let (width, height) = (picture.width(), picture.height());
        if colour {
            encoder.encode(picture.to_rgb8().as_raw(), width, height, image::ExtendedColorType::Rgb8)?;
        } else {
            encoder.encode(picture.to_luma8().as_raw(), width, height, image::ExtendedColorType::L8)?;
        }
    } else {
        let mut encoder = WebPEncoder::new_lossless(&mut bytes);
        if let Some(profile) = profile.filter(|_| colour) {
            let _ = encoder.set_icc_profile(profile);
        }
        let rgba = picture.to_rgba8();
        encoder.write_image(rgba.as_raw(), rgba.width(), rgba.height(), image::ExtendedColorType::Rgba8)?;
    }
    Ok(bytes)
}

fn is_opaque(picture: &DynamicImage) -> bool {
    !picture.color().has_alpha() || picture.to_rgba8().pixels().all(|pixel| pixel.0[3] == 255)
}

/// Whether a profile (ICC.1:2022 section 7.2.6) is for the colours that were decoded: those of CMYK are RGB by now.
fn fits(profile: &[u8], colour: bool) -> bool {
    let space = if colour { b"RGB " } else { b"GRAY" };
    profile.len() <= MAX_PROFILE && profile.get(16..20) == Some(space)
}

#[cfg(test)]
mod tests;
