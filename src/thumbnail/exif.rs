//! The parts of an image's Exif data (CIPA DC-008) that a thumbnail needs: the orientation and the camera's own
//! preview.

use image::metadata::Orientation;

/// What was found. Either part may be missing, for example in damaged data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exif {
    /// How to turn the stored image so that it is upright.
    pub orientation: Orientation,
    /// A JPEG, usually of 160 by 120 pixels, with the same orientation as the stored image.
    pub preview: Option<Vec<u8>>,
}

impl Default for Exif {
    fn default() -> Self {
        Self { orientation: Orientation::NoTransforms, preview: None }
    }
}

impl Exif {
    /// Reads a TIFF structure. Skips the prefix that belongs only in JPEG's APP1, because some programs also write it
    /// to PNG and WebP.
    pub fn read(chunk: &[u8]) -> Self {
        let tiff = chunk.strip_prefix(PREFIX).unwrap_or(chunk);
        let orientation = Orientation::from_exif_chunk(tiff).unwrap_or(Orientation::NoTransforms);
        Self { orientation, preview: preview(tiff).map(<[u8]>::to_vec) }
    }
}

/// The prefix of Exif data in a JPEG.
pub const PREFIX: &[u8] = b"Exif\0\0";

/// The JPEG that the second tag directory points to.
fn preview(tiff: &[u8]) -> Option<&[u8]> {
    const OFFSET: u16 = 0x0201;
    const LENGTH: u16 = 0x0202;
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    };
    // a directory: the number of tags, twelve bytes for each, and the position of the next directory
    let first = long(4)?;
    let second = long(first.checked_add(2 + usize::from(short(first)?) * 12)?)?;
    if second == 0 {
        return None;
    }
    let value = |tag| {
        (0..usize::from(short(second)?))
            .map(|number| second + 2 + number * 12)
            .find(|at| short(*at) == Some(tag))
            .and_then(|at| long(at + 8))
    };
    let (offset, length) = (value(OFFSET)?, value(LENGTH)?);
    let jpeg = tiff.get(offset..offset.checked_add(length)?.min(tiff.len()))?;
    jpeg.starts_with(b"\xff\xd8").then_some(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Little-endian Exif data: a first directory with the orientation, and a second one with a preview.
    fn exif(orientation: u8, preview: &[u8]) -> Vec<u8> {
        let at = u8::try_from(8 + 18 + 30).expect("short");
        let length = u8::try_from(preview.len()).expect("short");
        [
            &b"II*\0\x08\0\0\0"[..],
            &[1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 26, 0, 0, 0],
            &[2, 0, 1, 2, 4, 0, 1, 0, 0, 0, at, 0, 0, 0],
            &[2, 2, 4, 0, 1, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0],
            preview,
        ]
        .concat()
    }

    #[test]
    fn orientation_and_preview_are_found() {
        let data = exif(6, b"\xff\xd8 a preview");
        let expected = Exif { orientation: Orientation::Rotate90, preview: Some(b"\xff\xd8 a preview".to_vec()) };
        assert_eq!(Exif::read(&data), expected);
        assert_eq!(Exif::read(&[PREFIX, &data].concat()), expected, "with the prefix of APP1");
    }

    #[test]
    fn damaged_data_counts_as_missing() {
        let data = exif(6, b"\xff\xd8 a preview");
        for len in 0..data.len() {
            let _ = Exif::read(&data[..len]);
        }
        for at in 0..data.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = data.clone();
                changed[at] = value;
                let _ = Exif::read(&changed);
            }
        }
        assert_eq!(Exif::read(&exif(1, b"no JPEG")).preview, None);
        assert_eq!(Exif::read(b"no TIFF"), Exif::default());
    }
}
