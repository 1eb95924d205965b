//! Recognises an image's format by its first bytes. File extensions are often wrong, and browsers ignore them too
//! (WHATWG MIME Sniffing, section 6.1).

/// How many of the first bytes are needed.
pub const FIRST: usize = 64;

/// An image format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Decoded here.
    Jpeg,
    /// Decoded here. Includes APNG.
    Png,
    /// Decoded here.
    Gif,
    /// Decoded here.
    WebP,
    /// Not decoded here, but every browser shows it, so the file is its own thumbnail. Holds its media type.
    Browser(&'static str),
    /// Anything else.
    Unknown,
}

impl Format {
    /// Recognises a format by the first [`FIRST`] bytes of a file, or all bytes of a shorter file.
    pub fn of(first: &[u8]) -> Self {
        match first {
            // the third byte starts the next marker, which any number of fill bytes may precede
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::WebP,
            // the length of the header comes after two lengths and four reserved bytes
            [b'B', b'M', _, _, _, _, _, _, _, _, _, _, _, _, 12..=124, 0, 0, 0, ..] => Self::Browser("image/bmp"),
            // at least one image, then its size, its colours and a zero
            [0, 0, 1, 0, count, more, _, _, _, 0, ..] if (*count, *more) != (0, 0) => {
                Self::Browser("image/vnd.microsoft.icon")
            }
            [0, 0, 2, 0, count, more, _, _, _, 0, ..] if (*count, *more) != (0, 0) => {
                Self::Browser("image/vnd.microsoft.icon")
            }
            [_, _, _, _, b'f', b't', b'y', b'p', rest @ ..] if is_avif(first, rest) => Self::Browser("image/avif"),
            _ => Self::Unknown,
        }
    }
}

/// True if AVIF is among the brands of an ISO base media file (AVIF 1.1, section 6). HEIC files start the same way.
fn is_avif(first: &[u8], brands: &[u8]) -> bool {
    let length = u32::from_be_bytes([first[0], first[1], first[2], first[3]]) as usize;
    let brands = &brands[..brands.len().min(length.saturating_sub(8))];
    // the minor version is between the major brand and the compatible brands
    brands.chunks_exact(4).enumerate().any(|(number, brand)| number != 1 && matches!(brand, b"avif" | b"avis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised_by_first_bytes() {
        for (first, expected) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], Format::Jpeg),
            (b"\xff\xd8\xff\xff\xdb", Format::Jpeg),
            (b"\xff\xd8", Format::Unknown),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Format::Png),
            (b"\x89PNG\n\n\x1a\n\0\0\0\rIHDR", Format::Unknown), // damaged by a text-mode transfer
            (b"GIF89a\x01\0\x01\0", Format::Gif),
            (b"GIF87a", Format::Gif),
            (b"GIF88a", Format::Unknown),
            (b"RIFF\x24\0\0\0WEBPVP8L", Format::WebP),
            (b"RIFF\x24\0\0\0WAVEfmt ", Format::Unknown),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Format::Browser("image/bmp")),
            (b"BM\x1a\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0", Format::Browser("image/bmp")), // OS/2
            (b"BMW is a maker of cars", Format::Unknown),
            (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0", Format::Browser("image/vnd.microsoft.icon")),
            (b"\0\0\x02\0\x01\0\x20\x20\0\0\x01\0", Format::Browser("image/vnd.microsoft.icon")),
            (b"\0\0\x01\0\0\0\x10\x10\0\0\x01\0", Format::Unknown), // contains no image
            (b"\0\0\x01\xba\x44\0\x04\0\x04\0", Format::Unknown),   // an MPEG program stream
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", Format::Browser("image/avif")),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", Format::Browser("image/avif")),
            (b"\0\0\0\x18ftypavis\0\0\0\0avis", Format::Browser("image/avif")),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Format::Unknown),
            (b"\0\0\0\x10ftypheic\0\0\0\0avif", Format::Unknown), // outside the box
            (b"\0\0\0\0ftyp", Format::Unknown),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", Format::Unknown), // recognised only by its name: it can contain scripts
            (b"II*\0\x08\0\0\0", Format::Unknown),
            (b"", Format::Unknown),
        ] {
            assert_eq!(Format::of(first), expected, "{first:?}");
        }
    }
}
