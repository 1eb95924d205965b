//! Thumbnails on one core: `cargo bench --bench thumbnails`. It also prints their sizes: transparent ones are WebP because of
//! them.

use std::io::Cursor;
use std::path::Path;

use devmedia::thumbnail::make::{Size, make};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use image::{DynamicImage, ImageFormat, imageops::FilterType};

/// The sample media, and larger images that are made from one of them.
const IMAGES: [&str; 7] = [
    "photos/dunes.jpg",
    "avatars/ada.png",
    "art/bloom.gif",
    "art/paper-strata.webp",
    "12 megapixels, JPEG",
    "12 megapixels, PNG",
    "24 megapixels, JPEG",
];

fn main() {
    for name in IMAGES {
        let bytes = image_bytes(name);
        let made = made(&bytes, Size::Medium);
        let small = image::load_from_memory(&made).expect("a thumbnail");
        let png = encoded(&small, ImageFormat::Png);
        println!("{name}: {} bytes, thumbnail {}, as PNG {}", bytes.len(), made.len(), png.len());
    }
    divan::main();
}

fn image_bytes(name: &str) -> Vec<u8> {
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("media");
    let read = |name| std::fs::read(media.join(name)).expect("a sample");
    if name.contains('/') {
        return read(name);
    }
    let (width, height) = if name.starts_with("12") { (4000, 3000) } else { (6000, 4000) };
    let format = if name.ends_with("PNG") { ImageFormat::Png } else { ImageFormat::Jpeg };
    let small = image::load_from_memory(&read(IMAGES[0])).expect("a sample");
    let mut large = small.resize_exact(width, height, FilterType::Triangle).to_rgb8();
    // sensor noise: without it, a decoder has little to do
    let mut random = 1u32;
    for value in large.iter_mut() {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = value.saturating_add((random >> 29) as u8);
    }
    encoded(&large.into(), format)
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("it encodes");
    bytes.into_inner()
}

fn made(bytes: &[u8], size: Size) -> Vec<u8> {
    make(Cursor::new(bytes), bytes.len() as u64, size).expect("it decodes")
}

#[divan::bench(args = IMAGES, sample_count = 20)]
fn medium(bencher: Bencher, name: &str) {
    let bytes = image_bytes(name);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| made(black_box(&bytes), Size::Medium));
}

#[divan::bench(args = IMAGES, sample_count = 20)]
fn large(bencher: Bencher, name: &str) {
    let bytes = image_bytes(name);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| made(black_box(&bytes), Size::Large));
}
