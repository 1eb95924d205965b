use std::io::{Cursor, Read, SeekFrom};
use std::path::Path;

use image::{GenericImageView as _, ImageFormat, Rgba};

use super::*;

fn small(bytes: &[u8], size: Size) -> Result<Vec<u8>, DecodeError> {
    make(Cursor::new(bytes), bytes.len() as u64, size)
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("it encodes");
    bytes.into_inner()
}

/// Red above blue.
fn flag(width: u32, height: u32) -> DynamicImage {
    let colour = |y| if y < height / 2 { [255, 0, 0] } else { [0, 0, 255] };
    RgbImage::from_fn(width, height, |_, y| image::Rgb(colour(y))).into()
}

#[test]
fn sizes_are_rounded_to_three() {
    for (asked, made) in [(0, 128), (128, 128), (129, 256), (256, 256), (257, 512), (512, 512), (u32::MAX, 512)] {
        assert_eq!(Size::nearest(asked).pixels(), made, "{asked}");
    }
}

#[test]
fn every_format_keeps_its_proportions() {
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
fn transparent_pixels_stay_transparent() {
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

/// The eight values of the Exif standard (CIPA DC-008, tag 0x0112): where the first row and column of the stored image
/// are when it is upright.
#[test]
fn exif_orientation_is_applied() {
    // stored: red, green above blue, white
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
        (9, [[r, g], [b, w]]), // not a valid value: as stored
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

/// Counts the bytes that a decoder reads.
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

/// A PNG that announces these dimensions, followed by a megabyte of zeros.
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
fn a_decompression_bomb_is_rejected_by_its_announced_size() {
    for (width, height) in [(50_000, 50_000), (u32::MAX >> 1, 1 << 16), (1, i32::MAX.cast_unsigned())] {
        let bytes = announced(width, height);
        let read = std::cell::Cell::new(0);
        let source = std::io::BufReader::with_capacity(512, Counted(Cursor::new(&bytes), &read));
        let made = make(source, bytes.len() as u64, Size::Medium);
        assert_eq!(made, Err(DecodeError::TooLarge { width, height }), "{width} x {height}");
        assert!(read.get() < 4096, "{} bytes were read", read.get());
    }
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    for (first, len) in [(&b""[..], u64::MAX), (b"RIFF\0\0\0\0WEBPVP8 ", 1 << 27)] {
        let made = make(Cursor::new(first), len, Size::Medium);
        assert!(matches!(made, Err(DecodeError::TooLong { .. })), "{made:?}");
    }
}

/// A photograph or a PNG is reduced row by row, however large it is. An image that must be in memory as a whole counts
/// as large.
#[test]
fn only_images_that_need_much_memory_are_large() {
    let jpeg = |width, height| resized("cut.jpg", b"\xff\xc0", width, height);
    let progressive = |width, height| resized("cut-progressive.jpg", b"\xff\xc2", width, height);
    let webp = |width, height| encoded(&DynamicImage::new_rgb8(width, height), ImageFormat::WebP);
    for (name, bytes, large) in [
        ("JPEG of 108 MP", jpeg(12_000, 9_000), false),
        ("PNG of 67 MP", announced(8200, 8200), false),
        ("progressive JPEG of 3 MP", progressive(2000, 1500), false),
        ("progressive JPEG of 24 MP", progressive(6000, 4000), true),
        ("WebP of 1 MP", webp(1000, 1000), false),
        ("WebP of 6 MP", webp(3000, 2000), true),
    ] {
        let Ok(Opened::Picture(picture)) = Opened::new(Cursor::new(&bytes), bytes.len() as u64) else {
            panic!("{name} is an image")
        };
        assert_eq!(picture.is_large(256), large, "{name}");
    }
    let bytes = progressive(16_000, 12_000);
    let made = make(Cursor::new(&bytes), bytes.len() as u64, Size::Medium);
    assert_eq!(made, Err(DecodeError::TooLarge { width: 16_000, height: 12_000 }));
}

/// Phones take photographs of 108 megapixels. This one is truncated, so that it is quick to decode.
#[test]
fn a_large_photograph_has_a_thumbnail() {
    let bytes = resized("cut.jpg", b"\xff\xc0", 12_000, 9_000);
    let made = image::load_from_memory(&small(&bytes, Size::Medium).expect("it decodes")).expect("it decodes");
    assert_eq!(made.dimensions(), (256, 192));
}

/// A JPEG with another announced size.
fn resized(name: &str, frame: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = file(name);
    let frame = jpeg.windows(2).position(|two| two == frame).expect("a frame");
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn a_file_without_an_image_is_an_error() {
    let whole = encoded(&flag(64, 64), ImageFormat::Png);
    for (name, bytes, expected) in [
        ("empty", &b""[..], false),
        ("a text", b"not a picture", false),
        ("a TIFF, which is not decoded", b"II*\0\x08\0\0\0", false),
        ("half a PNG", &whole[..40], true),
        ("a JPEG's first bytes", b"\xff\xd8\xff\xe0\0\x10JFIF", true),
        ("a JPEG without a scan", b"\xff\xd8\xff\xd9", true),
        ("a GIF's first bytes", b"GIF89a\x01\0\x01\0", true),
        ("a WebP's first bytes", b"RIFF\x10\0\0\0WEBPVP8 ", true),
        ("a WebP of nothing", b"RIFF\x20\0\0\0WEBPVP8 \x10\0\0\0\0\0\0\x9d\x01\x2a\x10\0\x10\0", true),
    ] {
        let made = small(bytes, Size::Medium);
        assert_eq!(matches!(made, Err(DecodeError::Broken(_))), expected, "{name}: {made:?}");
        assert_eq!(matches!(made, Err(DecodeError::Unknown)), !expected, "{name}: {made:?}");
    }
}

/// A file of `tests/pictures`. `make.py` in that folder explains each of them.
fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    std::fs::read(folder.join(name)).expect("a file of this repository")
}

/// The colours in the middle of the four quarters, composed on black: red, green, blue and white in the original.
fn quarters(name: &str) -> [[u8; 4]; 4] {
    let bytes = small(&file(name), Size::Small).unwrap_or_else(|why| panic!("{name}: {why}"));
    let made = image::load_from_memory(&bytes).expect("it decodes");
    assert_eq!(made.dimensions(), (96, 64), "{name}");
    [(24, 6), (72, 6), (24, 42), (72, 42)].map(|(x, y)| made.get_pixel(x, y).0)
}

fn near(a: [u8; 4], b: [u8; 4]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 40)
}

const PLAIN: [[u8; 4]; 4] = [[249, 0, 0, 255], [0, 249, 0, 255], [0, 0, 245, 255], [245, 245, 245, 255]];

#[test]
fn unusual_files_look_as_in_browsers() {
    for name in [
        "plain.jpg",
        "arithmetic.jpg",
        "arithmetic-progressive.jpg",
        "scan-a-component-1x1.jpg", // zune-image #419
        "scan-a-component-1x2.jpg",
        "scan-a-component-2x1.jpg",
        "scan-a-component-2x2.jpg",
        "two-scans.jpg",
        "dnl.jpg",
        "dnl-only.jpg",
        "duplicate-component-ids.jpg",
        "short-app14-2.jpg",
        "short-app14-7.jpg",
        "short-app14-12.jpg",
        "no-huffman-tables.jpg", // a frame of Motion JPEG
        "damaged-table-progressive.jpg",
        "long-segment-progressive.jpg",
        "no-end.png",
        "wrong-sum.png",
        "interlaced.png",
        "gamma-but-srgb.png",
        "no-end.gif",
        "frame-larger-than-screen.gif",
        "cut-before-exif.webp",
    ] {
        let found = quarters(name);
        assert!(found.iter().zip(PLAIN).all(|(a, b)| near(*a, b)), "{name}: {found:?}");
    }
}

/// What browsers show of a truncated file, and a transparent rest.
#[test]
fn a_truncated_file_shows_its_readable_part() {
    let grey = [128, 128, 128, 255];
    let none = [0, 0, 0, 0];
    for (name, rest) in [
        ("cut.jpg", Some(grey)),
        ("cut-progressive.jpg", None), // a coarser image
        ("cut.png", Some(none)),
        ("cut-interlaced.png", None),
        ("cut.gif", Some(none)),
        ("cut-interlaced.gif", None),
        ("cut.webp", Some(none)),
        ("cut-lossless.webp", Some(none)),
    ] {
        let found = quarters(name);
        assert!(near(found[0], PLAIN[0]) && near(found[1], PLAIN[1]), "{name}: {found:?}");
        let bytes = small(&file(name), Size::Small).expect("it decodes");
        let last = image::load_from_memory(&bytes).expect("it decodes").get_pixel(60, 63).0;
        if let Some(rest) = rest {
            assert!(near(last, rest), "{name}: {last:?}");
        } else {
            assert!(near(last, [224, 224, 224, 255]), "{name}: {last:?}");
        }
    }
}

/// libjpeg continues after damage. Other decoders draw the rest grey.
#[test]
fn decoding_continues_after_damage() {
    let bytes = small(&file("damaged.jpg"), Size::Small).expect("it decodes");
    let made = image::load_from_memory(&bytes).expect("it decodes").to_rgb8();
    let last = made.rows().next_back().expect("a row").map(|pixel| pixel.0[0]);
    let (darkest, lightest) = last.fold((255, 0), |(least, most), value| (value.min(least), value.max(most)));
    assert!(lightest - darkest > 30, "from {darkest} to {lightest}");
}

#[test]
fn colours_are_converted_to_srgb() {
    let paper = [[0, 255, 255, 255]; 4];
    let found = quarters("cmyk.jpg");
    assert!(found.iter().zip(paper).all(|(a, b)| near(*a, b)), "cyan without a profile: {found:?}");
    let found = quarters("cmyk-profile.jpg");
    assert!(
        found.iter().all(|[r, g, b, _]| *r < 60 && *g > 150 && *b < 60),
        "this profile turns cyan into green: {found:?}"
    );

    // linear samples are far too dark if they are not converted: 100 becomes 168
    let small = small(&file("gamma.png"), Size::Small).expect("it decodes");
    let made = image::load_from_memory(&small).expect("it decodes");
    let [red, ..] = made.get_pixel(24, 30).0;
    assert!(red > 236, "225 of linear light is 241: {red}");
    let found = quarters("chromaticities.png");
    assert!(near(found[0], PLAIN[1]) && near(found[1], PLAIN[0]), "red and green are swapped: {found:?}");
}

/// The profile of a printer or a large display. Profiles of more than 8 KiB were once dropped.
#[test]
fn a_large_profile_is_applied() {
    let mut profile = moxcms::ColorProfile::new_display_p3();
    profile.cicp = None;
    let curve = (0..4096u32).map(|step| u16::try_from((step * 65535 / 4095).pow(2) >> 16).unwrap_or(u16::MAX));
    let curve = moxcms::ToneReprCurve::Lut(curve.collect());
    (profile.red_trc, profile.green_trc, profile.blue_trc) = (Some(curve.clone()), Some(curve.clone()), Some(curve));
    let profile = profile.encode().expect("a profile");
    assert!(profile.len() > 8 * 1024);
    let grey = DynamicImage::from(image::RgbImage::from_pixel(32, 32, image::Rgb([128, 128, 128])));
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
    encoder.set_icc_profile(profile.clone()).expect("JPEG has profiles");
    encoder.encode_image(&grey).expect("it encodes");
    let mut webp = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut webp);
    encoder.set_icc_profile(profile).expect("WebP has profiles");
    encoder.write_image(grey.as_bytes(), 32, 32, image::ExtendedColorType::Rgb8).expect("it encodes");
    for bytes in [jpeg, webp] {
        let made = image::load_from_memory(&small(&bytes, Size::Small).expect("it decodes")).expect("it decodes");
        // half squared is a quarter of the light, which is 137 in sRGB
        assert!(near(made.get_pixel(16, 16).0, [137, 137, 137, 255]), "{:?}", made.get_pixel(16, 16));
    }
}

#[test]
fn exif_with_the_prefix_of_app1_turns_a_webp() {
    let bytes = small(&file("exif-prefix.webp"), Size::Small).expect("it decodes");
    assert_eq!(image::load_from_memory(&bytes).expect("it decodes").dimensions(), (64, 96));
}

/// The preview is plain magenta, so that it is visible.
#[test]
fn a_preview_that_is_large_enough_is_used() {
    let colour = |bytes: &[u8], size| {
        let made = image::load_from_memory(&small(bytes, size).expect("it decodes")).expect("it decodes");
        (made.width(), made.get_pixel(20, 20).0)
    };
    let magenta = [255, 0, 255, 255];
    let bytes = file("preview.jpg");
    let (width, found) = colour(&bytes, Size::Small);
    assert!(width == 128 && near(found, magenta), "{found:?}");
    let (width, found) = colour(&bytes, Size::Medium);
    assert!(width == 256 && near(found, PLAIN[0]), "160 pixels are too few: {found:?}");

    // a preview with another aspect ratio shows another part of the image
    let frame = bytes.windows(4).rposition(|four| four == b"\xff\xc0\0\x11").expect("a frame");
    let mut wider = bytes.clone();
    wider[frame + 5..frame + 7].copy_from_slice(&600u16.to_be_bytes());
    assert!(near(colour(&wider, Size::Small).1, PLAIN[0]));

    // an image that cannot be decoded still has its preview
    let mut damaged = bytes.clone();
    damaged[frame + 4] = 12; // bits per sample
    let (width, found) = colour(&damaged, Size::Medium);
    assert!(width == 160 && near(found, magenta), "{found:?}");
}

/// A JPEG is decoded at 1/8, 1/4 or 1/2. Other sizes are between them.
#[test]
fn every_scale_shows_the_whole_image() {
    for width in [300, 511, 600, 1023, 1500, 2047, 3001] {
        let bytes = encoded(&flag(width, width / 2 + 1), ImageFormat::Jpeg);
        let made = image::load_from_memory(&small(&bytes, Size::Medium).expect("it decodes")).expect("it decodes");
        assert_eq!(made.width(), 256, "{width}");
        let bottom = made.height() - 1;
        for (x, y, expected) in [
            (0, 0, [254, 0, 0, 255]),
            (255, 0, [254, 0, 0, 255]),
            (0, bottom, [0, 0, 254, 255]),
            (255, bottom, [0, 0, 254, 255]),
        ] {
            assert!(near(made.get_pixel(x, y).0, expected), "{width}: {x} {y} {:?}", made.get_pixel(x, y));
        }
    }
}
