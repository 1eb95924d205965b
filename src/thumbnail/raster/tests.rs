use super::*;

fn shrunk(full: Full, picture: &[u8], pixels: u32) -> Raster {
    let mut shrinker = Shrinker::new(full, pixels);
    for row in picture.chunks_exact(full.decoded.0 as usize * full.layout.channels()) {
        shrinker.row(row);
    }
    shrinker.finish()
}

/// sharp #605: opaque stripes on a transparent ground of another colour, resized in every way.
#[test]
fn the_colour_of_transparent_pixels_never_shows() {
    for side in [129, 200, 256, 300, 600, 1200] {
        for stripe in [1, 3, 7, 50] {
            let stripes = |at: u32| if (at / stripe).is_multiple_of(2) { [255, 0, 0, 255] } else { [0, 255, 0, 0] };
            let picture: Vec<u8> = (0..side * side).flat_map(|at| stripes(at % side)).collect();
            let small = shrunk(Full::new(side, side, Layout::Rgba), &picture, 128);
            for pixel in small.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
                assert!(pixel[0] >= 250 && pixel[1] <= 1 && pixel[2] == 0, "{side}, stripes of {stripe}: {pixel:?}");
            }
            assert!(small.pixels.chunks_exact(4).any(|pixel| pixel[3] > 100), "{side}, stripes of {stripe}");
        }
    }
}

#[test]
fn sizes_are_those_of_the_longer_side() {
    for (width, height, pixels, expected) in [
        (100, 50, 128, (100, 50)),
        (128, 128, 128, (128, 128)),
        (129, 128, 128, (128, 127)),
        (1024, 512, 256, (256, 128)),
        (5000, 10, 256, (256, 1)),
        (3, 100_000, 512, (1, 512)),
        (1, 1, 512, (1, 1)),
    ] {
        let full = Full::new(width, height, Layout::Gray);
        let small = shrunk(full, &vec![7; (width * height) as usize], pixels);
        assert_eq!((small.width, small.height), expected, "{width} x {height}");
        assert!(small.pixels.iter().all(|value| *value == 7), "{width} x {height}");
    }
}

#[test]
fn resizing_does_not_shift_the_image() {
    // a dark left part and a light right part, split at several positions
    for width in [130, 255, 256, 257, 1000, 1023, 2000] {
        let split = width / 3;
        let row: Vec<u8> = (0..width).map(|x| if x < split { 0 } else { 255 }).collect();
        let small = shrunk(Full::new(width, 64, Layout::Gray), &row.repeat(64), 128);
        let light: f64 = small.pixels[..128].iter().map(|value| f64::from(*value) / 255.0).sum();
        let expected = 128.0 * f64::from(width - split) / f64::from(width);
        assert!((light - expected).abs() < 0.6, "{width}: {light} instead of {expected}");
    }
}

#[test]
fn missing_rows_are_transparent() {
    for layout in [Layout::Gray, Layout::Rgb, Layout::Rgba] {
        for side in [20, 200, 1000] {
            let full = Full::new(side, side, layout);
            let half = vec![255; (side * side / 2) as usize * layout.channels()];
            let small = shrunk(full, &half, 64);
            assert_eq!(small.layout, Layout::Rgba, "{layout:?}");
            let [first, last] = [0, small.pixels.len() - 4].map(|at| &small.pixels[at..at + 4]);
            assert_eq!((first, last[3]), (&[255, 255, 255, 255][..], 0), "{layout:?} of {side}");
        }
    }
}
