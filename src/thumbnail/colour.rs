//! Colour management: converts the colours of an image to sRGB, the colour space of all thumbnails.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout as Channels,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformOptions,
};

use super::raster::{Layout, Raster};

/// The colour information of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Colours {
    /// None, or sRGB.
    #[default]
    Srgb,
    /// An ICC profile.
    Profile(Vec<u8>),
    /// A PNG's `gAMA` and `cHRM` (PNG, third edition, 11.3.2).
    Gamma {
        /// The exponent of the stored samples, usually 0.45455.
        gamma: f32,
        /// White, red, green and blue, as x and y of CIE 1931.
        chromaticities: Option<[(f32, f32); 4]>,
    },
    /// A PNG's `cICP`: code points of ITU-T H.273.
    Cicp {
        /// A code point of the table of colour primaries.
        primaries: u8,
        /// A code point of the table of transfer functions.
        transfer: u8,
    },
}

impl Colours {
    /// Converts an image to sRGB. Colours that cannot be interpreted count as sRGB, as in browsers.
    pub fn to_srgb(&self, raster: Raster) -> Raster {
        let converted = self.profile().and_then(|profile| converted(&profile, &raster));
        match converted {
            Some(converted) => converted,
            None if raster.layout == Layout::Cmyk => without_profile(&raster),
            None => raster,
        }
    }

    fn profile(&self) -> Option<ColorProfile> {
        match self {
            Self::Srgb => None,
            Self::Profile(icc) => ColorProfile::new_from_slice(icc).ok(),
            Self::Gamma { gamma, chromaticities } => from_gamma(*gamma, *chromaticities),
            Self::Cicp { primaries, transfer } => {
                let profile = ColorProfile::new_from_cicp(CicpProfile {
                    color_primaries: CicpColorPrimaries::try_from(*primaries).ok()?,
                    transfer_characteristics: TransferCharacteristics::try_from(*transfer).ok()?,
                    matrix_coefficients: MatrixCoefficients::Identity,
                    full_range: true,
                });
                profile.red_trc.is_some().then_some(profile)
            }
        }
    }
}

fn converted(profile: &ColorProfile, raster: &Raster) -> Option<Raster> {
    let (space, from, to, layout) = match raster.layout {
        Layout::Gray => (DataColorSpace::Gray, Channels::Gray, Channels::Rgb, Layout::Rgb),
        Layout::Rgb => (DataColorSpace::Rgb, Channels::Rgb, Channels::Rgb, Layout::Rgb),
        Layout::Rgba => (DataColorSpace::Rgb, Channels::Rgba, Channels::Rgba, Layout::Rgba),
        Layout::Cmyk => (DataColorSpace::Cmyk, Channels::Rgba, Channels::Rgb, Layout::Rgb),
    };
    if profile.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
    let mut pixels = vec![0; raster.pixels.len() / raster.layout.channels() * layout.channels()];
    if raster.layout == Layout::Cmyk {
        let inks: Vec<u8> = raster.pixels.iter().map(|value| 255 - value).collect();
        transform.transform(&inks, &mut pixels).ok()?;
    } else {
        transform.transform(&raster.pixels, &mut pixels).ok()?;
    }
    Some(Raster { layout, pixels, ..*raster })
}

/// Converts CMYK that has no profile, the way browsers do.
fn without_profile(raster: &Raster) -> Raster {
    let light = |value: u8, black: u8| {
        u8::try_from((u32::from(value) * u32::from(black) + 127) / 255).expect("a product of parts of one")
    };
    let pixels =
        raster.pixels.chunks_exact(4).flat_map(|inks| [0, 1, 2].map(|ink| light(inks[ink], inks[3]))).collect();
    Raster { layout: Layout::Rgb, pixels, ..*raster }
}

/// `None` if the result is sRGB, or not a valid colour space.
fn from_gamma(gamma: f32, chromaticities: Option<[(f32, f32); 4]>) -> Option<ColorProfile> {
    /// libpng, and with it every browser, treats a gamma this close to 1 / 2.2 as 1 / 2.2.
    const NEAR: f32 = 0.05;
    /// The chromaticities of sRGB, rounded as in a PNG.
    const SRGB: [(f32, f32); 4] = [(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)];
    let usual = (gamma * 2.2 - 1.0).abs() < NEAR;
    let same = chromaticities.is_none_or(|found| {
        found.iter().zip(SRGB).all(|(a, b)| (a.0 - b.0).abs() < 0.001 && (a.1 - b.1).abs() < 0.001)
    });
    if usual && same || !(0.01..=100.0).contains(&gamma) {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    if !usual {
        let curve = ToneReprCurve::Parametric(vec![1.0 / gamma]);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
        profile.cicp = None;
    }
    if let Some(found) = chromaticities.filter(|_| !same) {
        if found.iter().any(|(x, y)| !(0.0..=1.0).contains(x) || !(0.0001..=1.0).contains(y)) {
            return None;
        }
        let [white, red, green, blue] = found.map(|(x, y)| Chromaticity::new(x, y));
        profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    }
    Some(profile)
}

#[cfg(test)]
mod tests;
