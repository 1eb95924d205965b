//! Creates a thumbnail: takes the bytes of an image and returns the bytes of a small image. Pure, with limits on pixels
//! and memory.

use std::io::{BufRead, Seek};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageEncoder as _, ImageResult, RgbImage, RgbaImage};

pub use super::decode::{DecodeError, Opened, Picture};
use super::raster::{Layout, Raster};

/// For photographs. Files are a fifth smaller than at quality 85, and the difference is not visible at this size.
const JPEG_QUALITY: u8 = 80;

/// The length of the longer side, in pixels. There are few sizes, so that the cache is effective and requests cannot
/// fill it.
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
    /// The smallest size with at least this many pixels, or the largest size if there is none.
    pub fn nearest(pixels: u32) -> Self {
        match pixels {
            0..=128 => Self::Small,
            129..=256 => Self::Medium,
            257.. => Self::Large,
        }
    }

    /// The length in pixels.
    pub fn pixels(self) -> u32 {
        match self {
            Self::Small => 128,
            Self::Medium => 256,
            Self::Large => 512,
        }
    }
}

/// Creates a thumbnail of a file of `len` bytes. Fails for an image that only browsers decode.
pub fn make<R: BufRead + Seek>(source: R, len: u64, size: Size) -> Result<Vec<u8>, DecodeError> {
    match Opened::new(source, len)? {
        Opened::Picture(picture) => finish(picture, size),
        Opened::Browser(_) => Err(DecodeError::Unknown),
    }
}

/// Creates a thumbnail of the first frame: upright, in sRGB, and no larger than `size` or the image.
///
/// Opaque thumbnails are JPEG, others are lossless WebP. Measured by `benches/thumbnails.rs`: PNG would be a tenth
/// larger for an avatar, and six times larger than JPEG for a photograph. The `image` crate does not write lossy WebP.
pub fn finish<R: BufRead + Seek>(picture: Picture<R>, size: Size) -> Result<Vec<u8>, DecodeError> {
    let decoded = picture.decode(size.pixels())?;
    let mut small = image(decoded.colours.to_srgb(decoded.raster))?;
    small.apply_orientation(decoded.orientation.unwrap_or(Orientation::NoTransforms));
    encode(&small).map_err(|error| DecodeError::Broken(error.to_string()))
}

/// The media type of the output of [`make`], or `None` for anything else.
pub fn content_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', ..] => Some("image/webp"),
        _ => None,
    }
}

fn image(raster: Raster) -> Result<DynamicImage, DecodeError> {
    let Raster { width, height, layout, pixels } = raster;
    let image = match layout {
        Layout::Gray => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Layout::Rgb => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Layout::Rgba => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Layout::Cmyk => None,
    };
    image.ok_or_else(|| DecodeError::Broken("the number of pixels does not match its size".to_owned()))
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
