//! Decoded pixels, and their reduction to the size of a thumbnail.
//!
//! A decoder passes its rows one by one to [`Shrinker::row`], which averages boxes of pixels at once. An image of a
//! hundred megapixels therefore needs only the memory of a few rows. The result is two to three times as large as the
//! thumbnail and is then resized with a filter. Colours are weighted by their opacity, so that the colour of a
//! transparent pixel is never visible.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// The channels of a pixel, with eight bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Luminance.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and opacity, not premultiplied.
    Rgba,
    /// Cyan, magenta, yellow and black, inverted as Adobe stores them in a JPEG: 255 means no ink.
    Cmyk,
}

impl Layout {
    /// Bytes per pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A small image in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The channels of a pixel.
    pub layout: Layout,
    /// The rows, without padding.
    pub pixels: Vec<u8>,
}

/// An image to reduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The size of the image, in pixels.
    pub size: (u32, u32),
    /// The scale of the decoder's output in eighths. 8 means full size.
    pub eighths: u8,
    /// The size of the decoder's output: the size of the image, scaled and rounded up.
    pub decoded: (u32, u32),
    /// The channels of the decoder's output.
    pub layout: Layout,
}

impl Full {
    /// An image that is decoded at full size.
    pub fn new(width: u32, height: u32, layout: Layout) -> Self {
        Self { size: (width, height), eighths: 8, decoded: (width, height), layout }
    }
}

/// Takes the rows of an image and returns a reduced image.
#[derive(Debug)]
pub struct Shrinker {
    full: Full,
    /// The size of the thumbnail.
    fitted: (u32, u32),
    /// The side of the boxes to average, or 1 to keep every pixel.
    factor: u32,
    /// The rows of the current boxes.
    band: Vec<u8>,
    /// The averages so far.
    pixels: Vec<u8>,
    resizer: Resizer,
}

/// The most rows to average at once.
pub const MAX_BAND: u32 = 32;

impl Shrinker {
    /// Creates a shrinker whose result has a longer side of `pixels`, or the size of the image if that is smaller.
    pub fn new(full: Full, pixels: u32) -> Self {
        let (width, height) = full.decoded;
        let factor = (width.max(height) / (2 * pixels)).clamp(1, MAX_BAND);
        let fitted = fitted(full.size, pixels);
        Self { full, fitted, factor, band: Vec::new(), pixels: Vec::new(), resizer: Resizer::new() }
    }

    /// Takes the next row, which must have the announced length.
    pub fn row(&mut self, row: &[u8]) {
        if self.factor == 1 {
            self.pixels.extend_from_slice(row);
            return;
        }
        self.band.extend_from_slice(row);
        if self.band.len() == row.len() * self.factor as usize {
            self.end_band();
        }
    }

    /// Averages the boxes of a band. The last band may have fewer rows.
    fn end_band(&mut self) {
        let layout = self.full.layout;
        let (width, columns) = (self.full.decoded.0, self.full.decoded.0.div_ceil(self.factor));
        let height = u32::try_from(self.band.len() / (width as usize * layout.channels())).expect("at most 32");
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box)).use_alpha(layout == Layout::Rgba);
        let averages = resize(&mut self.resizer, layout, (&mut self.band, (width, height)), (columns, 1), &options);
        self.pixels.extend_from_slice(&averages);
        self.band.clear();
    }

    /// The reduced image. Missing rows, such as those of a truncated file, are transparent.
    pub fn finish(mut self) -> Raster {
        if !self.band.is_empty() {
            self.end_band();
        }
        let [width, height] = [self.full.decoded.0, self.full.decoded.1].map(|side| side.div_ceil(self.factor));
        let count = width as usize * height as usize;
        let (mut layout, mut pixels) = (self.full.layout, self.pixels);
        if pixels.len() < count * layout.channels() && matches!(layout, Layout::Gray | Layout::Rgb) {
            pixels = with_alpha(&pixels, layout);
            layout = Layout::Rgba;
        }
        pixels.resize(count * layout.channels(), 0);
        // a decoder that scales rounds up, and the last band may have fewer rows
        let scale = f64::from(self.full.eighths) / 8.0;
        let shown_width =
            f64::from(width) * (f64::from(self.full.size.0) * scale / f64::from(self.full.decoded.0)).min(1.0);
        let shown_height = (f64::from(self.full.size.1) * scale / f64::from(self.factor)).min(f64::from(height));
        Raster { width, height, layout, pixels }.resized(self.fitted, shown_width, shown_height)
    }
}

impl Raster {
    /// Resizes the upper left part of `width` by `height` pixels.
    fn resized(mut self, to: (u32, u32), width: f64, height: f64) -> Self {
        if to == (self.width, self.height) {
            return self;
        }
        // sharper than a triangle filter, and without the ringing of cubic filters
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Hamming))
            .crop(0.0, 0.0, width, height)
            .use_alpha(self.layout == Layout::Rgba);
        let source = (&mut self.pixels[..], (self.width, self.height));
        let pixels = resize(&mut Resizer::new(), self.layout, source, to, &options);
        Self { width: to.0, height: to.1, layout: self.layout, pixels }
    }
}

/// Resizes an image with eight bits per channel.
///
/// [`Resizer::resize`] does the same, but it contains the code for all types of pixels, which is a tenth of the program.
fn resize(
    resizer: &mut Resizer,
    layout: Layout,
    source: (&mut [u8], (u32, u32)),
    to: (u32, u32),
    options: &ResizeOptions,
) -> Vec<u8> {
    let mut pixels = vec![0; to.0 as usize * to.1 as usize * layout.channels()];
    match layout {
        Layout::Gray => resize_typed::<U8>(resizer, source, (&mut pixels, to), options),
        Layout::Rgb => resize_typed::<U8x3>(resizer, source, (&mut pixels, to), options),
        Layout::Rgba | Layout::Cmyk => resize_typed::<U8x4>(resizer, source, (&mut pixels, to), options),
    }
    pixels
}

/// The source is not changed. It has the type of the images that the resizer creates, so its code exists once.
fn resize_typed<P: PixelTrait>(
    resizer: &mut Resizer,
    (source, (width, height)): (&mut [u8], (u32, u32)),
    (pixels, to): (&mut [u8], (u32, u32)),
    options: &ResizeOptions,
) {
    let source = TypedImage::<P>::from_buffer(width, height, source).expect("as many bytes as pixels");
    let mut resized = TypedImage::<P>::from_buffer(to.0, to.1, pixels).expect("as many bytes as pixels");
    resizer.resize_typed(&source, &mut resized, options).expect("the part is inside the image");
}

/// Adds an alpha channel to opaque pixels.
fn with_alpha(pixels: &[u8], layout: Layout) -> Vec<u8> {
    match layout {
        Layout::Gray => pixels.iter().flat_map(|gray| [*gray, *gray, *gray, 255]).collect(),
        _ => pixels.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect(),
    }
}

/// The size of an image with a longer side of `pixels`, or its own size if that is smaller. No side is 0.
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
