//! Decoded pixels, and their reduction to a thumbnail's size.
//!
//! A decoder hands over its rows one by one ([`Shrinker::row`]), and boxes of whole pixels are averaged as they come: a
//! picture of a hundred megapixels needs no more memory than one of its rows. What is left, two to three times as large
//! as the thumbnail, is resized with a filter. Colours are averaged by their opacity, so that the colour of a
//! transparent pixel never shows.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// The channels of a pixel, eight bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Lightness.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// The same and opacity, not premultiplied.
    Rgba,
    /// Inks as Adobe stores them in a JPEG: 255 is none.
    Cmyk,
}

impl Layout {
    /// Bytes a pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    fn pixel_type(self) -> PixelType {
        match self {
            Self::Gray => PixelType::U8,
            Self::Rgb => PixelType::U8x3,
            Self::Rgba | Self::Cmyk => PixelType::U8x4,
        }
    }
}

/// A small picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What a pixel is made of.
    pub layout: Layout,
    /// The rows, without padding.
    pub pixels: Vec<u8>,
}

/// A picture that is to be reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The picture's own size, in pixels.
    pub size: (u32, u32),
    /// The decoder's scale, in eighths: 8 where it gives every pixel.
    pub eighths: u8,
    /// The size of what the decoder gives: that of the picture, scaled and rounded up.
    pub decoded: (usize, usize),
    /// What it gives.
    pub layout: Layout,
}

impl Full {
    /// A picture that is decoded at its own size.
    pub fn new(width: u32, height: u32, layout: Layout) -> Self {
        Self { size: (width, height), eighths: 8, decoded: (width as usize, height as usize), layout }
    }
}

/// Takes a picture's rows and gives it reduced.
#[derive(Debug)]
pub struct Shrinker {
    full: Full,
    /// The size of the result.
    fitted: (u32, u32),
    /// The side of the boxes that are averaged; 1 where every pixel is kept.
    factor: usize,
    /// Sums of the columns of the boxes that are being filled, colours multiplied by their opacity.
    sums: Vec<u32>,
    /// Rows in `sums`.
    summed: usize,
    pixels: Vec<u8>,
}

impl Shrinker {
    /// For a result whose longer side has `pixels`, or that of the picture where it is smaller.
    pub fn new(full: Full, pixels: u32) -> Self {
        /// Up to here a box's sum fits into 32 bits: 255 * 255 for each of its pixels.
        const MAX_FACTOR: usize = 255;
        let (width, height) = full.decoded;
        let factor = (width.max(height) / (2 * pixels as usize)).clamp(1, MAX_FACTOR);
        let columns = width * full.layout.channels();
        let sums = if factor > 1 { vec![0; columns] } else { Vec::new() };
        let pixels_out = width.div_ceil(factor) * height.div_ceil(factor) * full.layout.channels();
        Self {
            full,
            fitted: fitted(full.size, pixels),
            factor,
            sums,
            summed: 0,
            pixels: Vec::with_capacity(pixels_out.min(1 << 24)),
        }
    }

    /// Takes the next row, which is as long as announced.
    pub fn row(&mut self, row: &[u8]) {
        if self.factor == 1 {
            self.pixels.extend_from_slice(row);
            return;
        }
        if self.full.layout == Layout::Rgba {
            for (sums, pixel) in self.sums.chunks_exact_mut(4).zip(row.chunks_exact(4)) {
                let alpha = u32::from(pixel[3]);
                for (sum, value) in sums.iter_mut().zip([pixel[0], pixel[1], pixel[2], 1]) {
                    *sum += u32::from(value) * alpha;
                }
            }
        } else {
            for (sum, value) in self.sums.iter_mut().zip(row) {
                *sum += u32::from(*value);
            }
        }
        self.summed += 1;
        if self.summed == self.factor {
            self.end_boxes();
        }
    }

    /// Averages the boxes; those at the right and at the bottom may be smaller.
    fn end_boxes(&mut self) {
        let channels = self.full.layout.channels();
        for boxed in self.sums.chunks(self.factor * channels) {
            let mut sum = [0u32; 4];
            for column in boxed.chunks_exact(channels) {
                for (sum, value) in sum.iter_mut().zip(column) {
                    *sum += value;
                }
            }
            let count = u32::try_from(boxed.len() / channels * self.summed).expect("at most 255 by 255");
            let rounded = |sum: u32, by: u32| u8::try_from((u64::from(sum) + u64::from(by / 2)) / u64::from(by.max(1)));
            for channel in 0..channels {
                // the colours of a transparent box are zero
                let by = if self.full.layout == Layout::Rgba && channel < 3 { sum[3] } else { count };
                self.pixels.push(rounded(sum[channel], by).expect("an average of bytes"));
            }
        }
        self.sums.fill(0);
        self.summed = 0;
    }

    /// The reduced picture. Rows that never came, as of a file that was cut short, are transparent.
    pub fn finish(mut self) -> Raster {
        if self.summed > 0 {
            self.end_boxes();
        }
        let [columns, rows] = [self.full.decoded.0, self.full.decoded.1].map(|side| side.div_ceil(self.factor));
        let mut layout = self.full.layout;
        let missing = columns * rows * layout.channels() - self.pixels.len();
        let mut pixels = self.pixels;
        if missing > 0 && matches!(layout, Layout::Gray | Layout::Rgb) {
            pixels = with_alpha(&pixels, layout);
            layout = Layout::Rgba;
        }
        pixels.resize(columns * rows * layout.channels(), 0);
        let [width, height] = [columns, rows].map(|side| u32::try_from(side).expect("no larger than the picture"));
        let raster = Raster { width, height, layout, pixels };

        // the last boxes reach beyond the picture's edge by a part of a pixel
        let by = f64::from(self.full.eighths) / 8.0 / f64::from(u8::try_from(self.factor).expect("at most 255"));
        let [shown_width, shown_height] = [self.full.size.0, self.full.size.1].map(|side| f64::from(side) * by);
        raster.resized(self.fitted, shown_width.min(f64::from(width)), shown_height.min(f64::from(height)))
    }
}

impl Raster {
    /// Resizes the left upper part of `width` by `height` pixels.
    fn resized(self, to: (u32, u32), width: f64, height: f64) -> Self {
        if to == (self.width, self.height) {
            return self;
        }
        let kind = self.layout.pixel_type();
        let source = ImageRef::new(self.width, self.height, &self.pixels, kind).expect("as many bytes as pixels");
        let mut resized = Image::new(to.0, to.1, kind);
        // sharper than a triangle, and unlike cubic filters without rings around edges
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Hamming))
            .crop(0.0, 0.0, width, height)
            .use_alpha(self.layout == Layout::Rgba);
        Resizer::new().resize(&source, &mut resized, &options).expect("the part lies in the picture");
        Self { width: to.0, height: to.1, layout: self.layout, pixels: resized.into_vec() }
    }
}

/// Opaque pixels, with their opacity.
fn with_alpha(pixels: &[u8], layout: Layout) -> Vec<u8> {
    match layout {
        Layout::Gray => pixels.iter().flat_map(|gray| [*gray, *gray, *gray, 255]).collect(),
        _ => pixels.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect(),
    }
}

/// The size of a picture whose longer side becomes `pixels`, unless it is smaller already; no side is 0.
fn fitted((width, height): (u32, u32), pixels: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= pixels {
        return (width, height);
    }
    let scaled = |side: u32| {
        let scaled = (u64::from(side) * u64::from(pixels) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(scaled).expect("no longer than pixels").max(1)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests;
