//! GIF: the first frame, row by row.

use std::io::{BufRead, Seek};

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use super::facts::{DecodeError, Decoded, Facts, broken};
use crate::thumbnail::raster::{Full, Layout, Shrinker};

/// A GIF whose first frame has been announced.
pub(super) struct Gif<R: BufRead + Seek> {
    decoder: Decoder<R>,
    screen: (usize, usize),
    frame: Frame,
}

/// Where the first frame is, and its palette.
struct Frame {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    interlaced: bool,
    /// Red, green, blue and opacity of each palette entry.
    palette: Vec<[u8; 4]>,
}

impl<R: BufRead + Seek> Gif<R> {
    pub(super) fn open(source: R) -> Result<(Self, Facts), DecodeError> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        // rows are decoded one by one, so only the palette and one row are in memory
        options.set_memory_limit(MemoryLimit::Unlimited);
        options.check_frame_consistency(false);
        options.allow_unknown_blocks(true);
        let mut decoder = options.read_info(source).map_err(broken)?;
        let own = decoder.next_frame_info().map_err(broken)?.ok_or_else(|| broken("it has no frame"))?;
        let [left, top, width, height] = [own.left, own.top, own.width, own.height].map(usize::from);
        let (interlaced, transparent, palette) = (own.interlaced, own.transparent, own.palette.clone());
        let colours = palette.as_deref().or(decoder.global_palette()).unwrap_or_default();
        let mut palette: Vec<_> = colours.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
        // an index without a palette entry is drawn black
        palette.resize(256, [0, 0, 0, 255]);
        if let Some(number) = transparent {
            palette[usize::from(number)] = [0; 4];
        }
        // a frame larger than the screen enlarges the screen, as in browsers
        let screen = (usize::from(decoder.width()).max(left + width), usize::from(decoder.height()).max(top + height));
        if width == 0 || height == 0 {
            return Err(broken("its first frame is empty"));
        }
        let facts = Facts {
            width: u32::try_from(screen.0).expect("two sums of 16 bits"),
            height: u32::try_from(screen.1).expect("two sums of 16 bits"),
            memory: if interlaced { (width * height) as u64 } else { 0 },
        };
        Ok((Self { decoder, screen, frame: Frame { left, top, width, height, interlaced, palette } }, facts))
    }

    /// Draws the readable part of a truncated file. The rest is transparent.
    pub(super) fn decode(mut self, pixels: u32, facts: Facts) -> Result<Decoded, DecodeError> {
        let mut shrinker = Shrinker::new(Full::new(facts.width, facts.height, Layout::Rgba), pixels);
        let Frame { left, top, width, height, interlaced, palette } = &self.frame;
        let mut row = vec![0; self.screen.0 * 4];
        for _ in 0..*top {
            shrinker.row(&row);
        }
        let mut draw = |numbers: &[u8]| {
            for (pixel, number) in row[left * 4..].chunks_exact_mut(4).zip(numbers) {
                pixel.copy_from_slice(&palette[usize::from(*number)]);
            }
            row[(left + numbers.len()) * 4..].fill(0);
            shrinker.row(&row);
        };
        let mut drawn = 0;
        if *interlaced {
            // missing rows repeat the row above them
            let mut rows: Vec<Option<Vec<u8>>> = vec![None; *height];
            for at in interlaced_rows(*height) {
                let mut numbers = vec![0; *width];
                if !matches!(self.decoder.fill_buffer(&mut numbers), Ok(true)) {
                    break;
                }
                rows[at] = Some(numbers);
                drawn += 1;
            }
            let mut last = None;
            for numbers in rows {
                last = numbers.or(last);
                match &last {
                    Some(numbers) => draw(numbers),
                    None => draw(&[]),
                }
            }
        } else {
            let mut numbers = vec![0; *width];
            while drawn < *height && matches!(self.decoder.fill_buffer(&mut numbers), Ok(true)) {
                draw(&numbers);
                drawn += 1;
            }
        }
        if drawn == 0 {
            return Err(broken("it ends before its first row"));
        }
        if drawn == *height || *interlaced {
            row.fill(0);
            for _ in top + height..self.screen.1 {
                shrinker.row(&row);
            }
        }
        Ok(Decoded { raster: shrinker.finish(), ..Decoded::default() })
    }
}

/// The order of rows (GIF 89a, appendix E): every eighth row, those halfway between them, and so on.
fn interlaced_rows(height: usize) -> impl Iterator<Item = usize> {
    [(0, 8), (4, 8), (2, 4), (1, 2)].into_iter().flat_map(move |(first, step)| (first..height).step_by(step))
}
