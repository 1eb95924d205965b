use super::*;

fn pixel(layout: Layout, values: &[u8]) -> Raster {
    Raster { width: 1, height: 1, layout, pixels: values.to_vec() }
}

#[test]
fn chunks_of_a_png_are_applied() {
    let srgb = Some([(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)]);
    let p3 = Some([(0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)]);
    let nonsense = Some([(0.0, 0.0); 4]);
    for (gamma, chromaticities, expected) in [
        (0.45455, None, [200, 100, 50]),
        (0.45, srgb, [200, 100, 50]),
        (0.45455, p3, [215, 93, 31]),
        (1.0, None, [229, 168, 122]), // linear light
        (1.0, srgb, [229, 168, 122]),
        (0.0, None, [200, 100, 50]),
        (f32::INFINITY, None, [200, 100, 50]),
        (0.45455, nonsense, [200, 100, 50]),
    ] {
        let found = Colours::Gamma { gamma, chromaticities }.to_srgb(pixel(Layout::Rgb, &[200, 100, 50])).pixels;
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{gamma} {chromaticities:?}: {found:?}");
    }
}

#[test]
fn code_points_are_applied() {
    for (primaries, transfer, changed) in
        [(1, 13, false), (12, 13, true), (9, 16, true), (2, 2, false), (255, 255, false)]
    {
        let found = Colours::Cicp { primaries, transfer }.to_srgb(pixel(Layout::Rgb, &[200, 100, 50])).pixels;
        let distance: u32 = found.iter().zip([200u8, 100, 50]).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
        assert_eq!(distance > 6, changed, "{primaries} {transfer}: {found:?}");
    }
}

#[test]
fn opacity_is_not_converted() {
    let colours = Colours::Gamma { gamma: 1.0, chromaticities: None };
    assert_eq!(colours.to_srgb(pixel(Layout::Rgba, &[0, 0, 0, 77])).pixels[3], 77);
}

#[test]
fn a_profile_of_other_channels_or_without_content_is_ignored() {
    let p3 = ColorProfile::new_display_p3().encode().expect("a profile");
    for (profile, raster) in [
        (p3.clone(), pixel(Layout::Gray, &[77])),
        (Vec::new(), pixel(Layout::Rgb, &[1, 2, 3])),
        (p3[..200].to_vec(), pixel(Layout::Rgb, &[1, 2, 3])),
        (vec![0xff; 400], pixel(Layout::Rgb, &[1, 2, 3])),
    ] {
        assert_eq!(Colours::Profile(profile).to_srgb(raster.clone()), raster);
    }
    let inks = Colours::Profile(p3).to_srgb(pixel(Layout::Cmyk, &[255, 128, 0, 128]));
    assert_eq!(inks, pixel(Layout::Rgb, &[128, 64, 0]));
}

#[test]
fn a_grey_profile_is_applied() {
    let mut linear = ColorProfile::new_gray_with_gamma(1.0);
    linear.description = None;
    let found = Colours::Profile(linear.encode().expect("a profile")).to_srgb(pixel(Layout::Gray, &[100]));
    assert_eq!(found.layout, Layout::Rgb);
    assert!(found.pixels.iter().all(|value| value.abs_diff(168) <= 2), "{found:?}");
}
