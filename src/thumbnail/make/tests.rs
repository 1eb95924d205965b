use std::io::{Cursor, Read, SeekFrom};

use image::{GenericImageView as _, ImageFormat, Rgba, RgbaImage};

use super::*;

fn small(bytes: &[u8], size: Size) -> Result<Vec<u8>, Unmade> {
    make(Cursor::new(bytes), bytes.len() as u64, size, || ())
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("it encodes");
    bytes.into_inner()
}

/// Red on top, blue below.
fn flag(width: u32, height: u32) -> DynamicImage {
    let colour = |y| if y < height / 2 { [255, 0, 0, 255] } else { [0, 0, 255, 255] };
    let picture = RgbaImage::from_fn(width, height, |_, y| Rgba(colour(y)));
    DynamicImage::from(picture).to_rgb8().into()
}

#[test]
fn sizes_are_few() {
    for (asked, made) in [(0, 128), (128, 128), (129, 256), (256, 256), (257, 512), (512, 512), (u32::MAX, 512)] {
        assert_eq!(Size::nearest(asked).pixels(), made, "{asked}");
    }
}

#[test]
fn every_format_gets_its_proportions() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        for (from, to) in
            [((1024, 512), (256, 128)), ((300, 600), (128, 256)), ((5000, 10), (256, 1)), ((40, 30), (40, 30))]
        {
            let bytes = small(&encoded(&flag(from.0, from.1), format), Size::Medium).expect("it decodes");
            let made = image::load_from_memory(&bytes).expect("it decodes");
            assert_eq!(made.dimensions(), to, "{format:?} of {from:?}");
            assert_eq!(content_type(&bytes), Some("image/jpeg"), "{format:?}");
        }
    }
}

#[test]
fn what_is_transparent_stays_so() {
    let mut picture = flag(600, 300).to_rgba8();
    picture.put_pixel(0, 0, Rgba([0, 0, 0, 0]));
    for x in 0..300 {
        for y in 0..300 {
            picture.put_pixel(x, y, Rgba([0, 0, 0, 0]));
        }
    }
    let bytes = small(&encoded(&picture.into(), ImageFormat::Png), Size::Medium).expect("it decodes");
    assert_eq!(content_type(&bytes), Some("image/webp"));
    let made = image::load_from_memory(&bytes).expect("it decodes");
    assert_eq!((made.get_pixel(10, 10).0[3], made.get_pixel(250, 10).0), (0, [255, 0, 0, 255]));
}

/// The eight rows of the Exif standard (CIPA DC-008, tag 0x0112): where the first row and column of the stored picture
/// are when it is upright.
#[test]
fn orientation_is_honoured() {
    // stored: red, green over blue, white
    let corners = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]];
    let stored = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb(corners[(y / 32) as usize][(x / 32) as usize]));
    let (r, g, b, w) = ('r', 'g', 'b', 'w');
    for (value, upright) in [
        (1, [[r, g], [b, w]]),
        (2, [[g, r], [w, b]]),
        (3, [[w, b], [g, r]]),
        (4, [[b, w], [r, g]]),
        (5, [[r, b], [g, w]]),
        (6, [[b, r], [w, g]]),
        (7, [[w, g], [b, r]]),
        (8, [[g, w], [r, b]]),
        (9, [[r, g], [b, w]]), // no such value: as stored
    ] {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
        let exif = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[value, 0, 0, 0][..], &[0; 4]].concat();
        encoder.set_exif_metadata(exif).expect("JPEG has Exif");
        encoder.encode_image(&stored).expect("it encodes");
        let made = image::load_from_memory(&small(&bytes, Size::Small).expect("it decodes")).expect("it decodes");
        let name = |x, y| match made.get_pixel(x, y).0.map(|value| value > 128) {
            [true, false, false, _] => r,
            [false, true, false, _] => g,
            [false, false, true, _] => b,
            _ => w,
        };
        assert_eq!([[name(16, 16), name(48, 16)], [name(16, 48), name(48, 48)]], upright, "orientation {value}");
    }
}

/// Counts what a decoder reads.
struct Counted<'a>(Cursor<&'a [u8]>, &'a std::cell::Cell<usize>);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.0.read(buffer)?;
        self.1.set(self.1.get() + got);
        Ok(got)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

/// A PNG that announces these dimensions and goes on with a megabyte of nothing.
fn announced(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let checked = [kind, data].concat();
        let length = u32::try_from(data.len()).expect("short").to_be_bytes();
        [&length[..], &checked, &crc32(&checked).to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &vec![0; 1 << 20]), &chunk(b"IEND", b"")]
        .concat()
}

/// PNG, third edition, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn a_bomb_is_refused_by_what_it_announces() {
    for (width, height) in [(50_000, 50_000), (u32::MAX >> 1, 1 << 16), (1, i32::MAX.cast_unsigned())] {
        let bytes = announced(width, height);
        let read = std::cell::Cell::new(0);
        let source = std::io::BufReader::with_capacity(512, Counted(Cursor::new(&bytes), &read));
        let made = make(source, bytes.len() as u64, Size::Medium, || panic!("nothing is decoded"));
        assert_eq!(made, Err(Unmade::TooLarge), "{width} x {height}");
        assert!(read.get() < 4096, "{} bytes were read", read.get());
    }
}

#[test]
fn a_long_file_is_not_read() {
    let made = make(Cursor::new(b""), MAX_FILE + 1, Size::Medium, || ());
    assert_eq!(made, Err(Unmade::TooLong));
}

#[test]
fn only_large_pictures_wait_for_each_other() {
    for (width, height, large) in [(4000, 3000, false), (5000, 4000, true)] {
        let bytes = encoded(&DynamicImage::new_rgb8(width, height), ImageFormat::Png);
        let waited = std::cell::Cell::new(false);
        make(Cursor::new(&bytes), bytes.len() as u64, Size::Small, || waited.set(true)).expect("it decodes");
        assert_eq!(waited.get(), large, "{width} x {height}");
    }
}

#[test]
fn what_is_broken_is_an_error() {
    let whole = encoded(&flag(64, 64), ImageFormat::Png);
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("a text", b"not a picture"),
        ("half a PNG", &whole[..40]),
        ("a JPEG's first bytes", b"\xff\xd8\xff\xe0\0\x10JFIF"),
        ("a GIF's first bytes", b"GIF89a\x01\0\x01\0"),
        ("a WebP's first bytes", b"RIFF\x10\0\0\0WEBPVP8 "),
        ("a TIFF, which is not decoded", b"II*\0\x08\0\0\0"),
    ] {
        assert!(matches!(small(bytes, Size::Medium), Err(Unmade::Broken(_))), "{name}");
    }
}

#[test]
fn profiles_of_other_colours_are_dropped() {
    let profile = |space: &[u8; 4], len| {
        let mut profile = vec![0; len];
        profile[16..20].copy_from_slice(space);
        profile
    };
    for (profile, colour, expected) in [
        (profile(b"RGB ", 548), true, true),
        (profile(b"RGB ", 548), false, false),
        (profile(b"GRAY", 400), false, true),
        (profile(b"CMYK", 548), true, false),
        (profile(b"RGB ", MAX_PROFILE + 1), true, false),
        (vec![0; 8], true, false),
    ] {
        assert_eq!(fits(&profile, colour), expected, "{} bytes", profile.len());
    }
}
