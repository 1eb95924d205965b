//! Draws an image that shows the name of the missing file. Pure: the same name and size give the same image.

use maud::{Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::request::path::{MediaPath, Visible};
use crate::request::query::Query;

/// The size of an image if neither the name nor the query contains one.
const DEFAULT: Size = Size { width: 1200, height: 800 };

/// The maximum width and height, so that a number in a URL cannot make an `<img>` arbitrarily large.
const LARGEST: u32 = 8192;

/// The maximum number of characters of the name in the image.
const SHOWN: usize = 48;

/// A size in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: u32,
    height: u32,
}

/// Draws the image for a path.
pub(super) fn svg(path: &MediaPath, query: Query<'_>) -> String {
    let Size { width, height } = size(path.file_name(), query);
    let name = shown(&String::from_utf8_lossy(path.file_name()));
    // a letter is about 0.6 times as wide as the font size
    let letters = u32::try_from(name.chars().count().max(12)).expect("a few");
    let type_size = (width * 14 / (letters * 10)).min(height / 5).clamp(1, 64);
    // the first bytes of the digest determine the colour, so a missing image looks the same everywhere
    let digest = Sha256::digest(path.as_bytes());
    let hue = u32::from(u16::from_be_bytes([digest[0], digest[1]])) % 360;
    let (ground, ink) = (format!("hsl({hue},45%,86%)"), format!("hsl({hue},45%,28%)"));
    let (right, bottom, middle, centre) = (width, height, height / 2, width / 2);
    let drawing: Markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) }
            role="img" aria-label={ "missing: " (name) } {
            rect width="100%" height="100%" fill=(ground) {}
            path d={ "M0 0L" (right) " " (bottom) "M" (right) " 0L0 " (bottom) } stroke=(ink) stroke-opacity=".12" {}
            g font-family="system-ui,sans-serif" text-anchor="middle" fill=(ink) {
                text x=(centre) y=(middle) font-size=(type_size) font-weight="600" { (name) }
                text x=(centre) y=(middle + type_size * 5 / 4) font-size=(type_size * 3 / 4) {
                    (width) " \u{d7} " (height)
                }
            }
        }
    };
    let PreEscaped(text) = drawing;
    text + "\n"
}

/// The name as shown in the image: the end of a long name, which is the most useful part, without characters that XML forbids
/// (XML 1.0 section 2.2).
fn shown(name: &str) -> String {
    let visible = Visible(name).to_string().replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    let count = visible.chars().count();
    if count <= SHOWN {
        return visible;
    }
    let end: String = visible.chars().skip(count + 1 - SHOWN).collect();
    format!("\u{2026}{end}")
}

/// The requested size: from `?w=&h=`, from the name of a thumbnail, or the default. A side that is missing or 0 (automatic in
/// easy-thumbnails) is computed from the other.
fn size(name: &[u8], query: Query<'_>) -> Size {
    let asked =
        |names: [&str; 2]| query.pairs().find(|(name, _)| names.contains(name)).and_then(|(_, value)| number(value));
    let (width, height) = match (asked(["w", "width"]), asked(["h", "height"])) {
        (None, None) => std::str::from_utf8(name).ok().and_then(named).unwrap_or_default(),
        (width, height) => (width.unwrap_or_default(), height.unwrap_or_default()),
    };
    let size = match (width, height) {
        (0, 0) => DEFAULT,
        (0, height) => Size { width: height * DEFAULT.width / DEFAULT.height, height },
        (width, 0) => Size { width, height: width * DEFAULT.height / DEFAULT.width },
        (width, height) => Size { width, height },
    };
    Size { width: size.width.clamp(1, LARGEST), height: size.height.clamp(1, LARGEST) }
}

/// The size in the name of a thumbnail: `photo.300x200.jpg`, `photo-300x200.jpg` (`WordPress`), `photo.jpg.300x200_q85.jpg`
/// (easy-thumbnails). The last one counts, because thumbnails are made from thumbnails.
fn named(name: &str) -> Option<(u32, u32)> {
    let mut words = name.rsplit(['.', '-', '_', '@', ' ']);
    words.find_map(|word| {
        let (width, height) = word.split_once(['x', 'X'])?;
        let size = (number(width)?, number(height)?);
        is_size(size).then_some(size)
    })
}

/// Whether these numbers in a name are a size in pixels. Smaller numbers have other meanings (`jeep-4x4.jpg`); 0 is automatic.
fn is_size((width, height): (u32, u32)) -> bool {
    const SMALLEST: u32 = 16;
    [width, height].into_iter().all(|side| side == 0 || side >= SMALLEST)
}

/// Parses a number of pixels with up to five digits.
fn number(text: &str) -> Option<u32> {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_the_requested_size() {
        for (name, query, expected) in [
            ("photo.jpg", None, (1200, 800)),
            ("photo.jpg", Some("w=300&h=200"), (300, 200)),
            ("photo.jpg", Some("width=300&height=200"), (300, 200)),
            ("photo.jpg", Some("w=300"), (300, 200)),
            ("photo.jpg", Some("v=1&h=200"), (300, 200)),
            ("photo.jpg", Some("w=0&h=0"), (1200, 800)),
            ("photo.jpg", Some("w=99999&h=1"), (8192, 1)),
            ("photo.jpg", Some("w=-1&h=x"), (1200, 800)),
            ("photo.jpg", Some("w=123456"), (1200, 800)),
            ("photo.jpg", Some("window=5"), (1200, 800)),
            ("photo.300x200.jpg", None, (300, 200)),
            ("photo-300x200.jpg", None, (300, 200)),
            ("photo_300x200_q85.jpg", None, (300, 200)),
            ("photo.jpg.300x200_q85_crop.jpg", None, (300, 200)),
            ("photo.jpg.300x0_q85.jpg", None, (300, 200)),
            ("photo-1024x768-150x150.jpg", None, (150, 150)),
            ("photo-300x200@2x.jpg", None, (300, 200)),
            ("300x200.png", None, (300, 200)),
            ("photo.300x200.jpg", Some("w=30"), (30, 20)),
            ("0x0.png", None, (1200, 800)),
            ("jeep-4x4.jpg", None, (1200, 800)),
            ("icon-16x16.png", None, (16, 16)),
            ("photo-300x200-4x4.jpg", None, (300, 200)),
            ("0xff.png", None, (1200, 800)),
            ("a300x200b.png", None, (1200, 800)),
            ("linux.png", None, (1200, 800)),
            ("", None, (1200, 800)),
        ] {
            let Size { width, height } = size(name.as_bytes(), Query::new(query));
            assert_eq!((width, height), expected, "{name} {query:?}");
        }
    }

    #[test]
    fn an_image_contains_the_escaped_name() {
        for (target, holds) in [
            ("a/photo.jpg", ">photo.jpg<"),
            ("%3Cscript%3E%22'&amp.jpg", ">&lt;script&gt;&quot;'&amp;amp.jpg<"),
            ("a%00b", ""),
            ("a%0Ab%1B%EF%BF%BF.jpg", ">a\\nb\\u{1b}\u{fffd}.jpg<"),
            ("%FF.jpg", ">\u{fffd}.jpg<"),
            ("%E2%80%AEgpj.exe.jpg", ">\\u{202e}gpj.exe.jpg<"),
        ] {
            let Ok(path) = MediaPath::parse(target.as_bytes()) else { continue };
            let drawing = svg(&path, Query::default());
            assert!(drawing.contains(holds), "{target}: {drawing}");
            assert!(drawing.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"800\""));
        }
        let long = MediaPath::parse(format!("{}.jpg", "x".repeat(250)).as_bytes()).unwrap();
        assert!(svg(&long, Query::default()).len() < 1500, "bounded");
        assert!(svg(&long, Query::default()).contains("\u{2026}xxx"), "the end of the name");
    }

    #[test]
    fn the_colour_depends_on_the_name() {
        let drawing = |name: &str| svg(&MediaPath::parse(name.as_bytes()).unwrap(), Query::default());
        assert_eq!(drawing("a.jpg"), drawing("a.jpg"));
        let colour = |name: &str| drawing(name).split("hsl(").nth(1).map(|rest| rest[..3].to_owned());
        assert_ne!(colour("a.jpg"), colour("b.jpg"));
    }
}
