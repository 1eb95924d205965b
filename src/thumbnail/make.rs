//! Making a thumbnail: a picture's bytes in, a small picture's bytes out. Pure, and bounded in pixels and memory.

use std::io::{BufRead, Seek};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageEncoder as _, ImageResult, RgbImage, RgbaImage};

pub use super::decode::{Opened, Picture, Unmade};
use super::raster::{Layout, Raster};

/// Of photographs: smaller than quality 85 by a fifth, and no eye sees it at this size.
const JPEG_QUALITY: u8 = 80;

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

/// Makes a thumbnail of a file of `len` bytes. A picture that only browsers decode has none.
pub fn make<R: BufRead + Seek>(source: R, len: u64, size: Size) -> Result<Vec<u8>, Unmade> {
    match Opened::new(source, len)? {
        Opened::Picture(picture) => finish(picture, size),
        Opened::Browser(_) => Err(Unmade::Unknown),
    }
}

/// Makes a thumbnail that is no larger than `size` and no larger than the picture, upright, of its first frame, in sRGB.
///
/// Opaque ones are JPEG, others lossless WebP (`benches/thumbnails.rs`: PNG is larger, by a tenth for an avatar and six
/// times for a photograph in place of JPEG; the `image` crate writes no lossy WebP).
pub fn finish<R: BufRead + Seek>(picture: Picture<R>, size: Size) -> Result<Vec<u8>, Unmade> {
    let decoded = picture.decode(size.pixels())?;
    let mut small = image(decoded.colours.to_srgb(decoded.raster))?;
    small.apply_orientation(decoded.orientation.unwrap_or(Orientation::NoTransforms));
    encode(&small).map_err(|error| Unmade::Broken(error.to_string()))
}

/// The type of what [`make`] gave; `None` for anything else.
pub fn content_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', ..] => Some("image/webp"),
        _ => None,
    }
}

fn image(raster: Raster) -> Result<DynamicImage, Unmade> {
    let Raster { width, height, layout, pixels } = raster;
    let image = match layout {
        Layout::Gray => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Layout::Rgb => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Layout::Rgba => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Layout::Cmyk => None,
    };
    image.ok_or_else(|| Unmade::Broken("its pixels are not those of its size".to_owned()))
}

fn encode(picture: &DynamicImage) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16 * 1024);
    match picture {
        DynamicImage::ImageRgba8(rgba) if rgba.pixels().any(|pixel| pixel.0[3] < 255) => {
            WebPEncoder::new_lossless(&mut bytes).write_image(
                rgba.as_raw(),
                rgba.width(),
                rgba.height(),
                image::ExtendedColorType::Rgba8,
            )?;
        }
        DynamicImage::ImageLuma8(gray) => JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(gray)?,
        opaque => JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&opaque.to_rgb8())?,
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
