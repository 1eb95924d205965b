//! The preview of one file, and how names and pictures look: Debian's Chromium against the real binary.
//!
//! Without `chromium` and `chromedriver` on `PATH` these tests say so and pass; with `CI=true` they fail.

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/gallery.rs"]
mod gallery;
mod support;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use serde_json::json;

use driver::Tab;
use gallery::{HELPERS, ask, sample, url, violations};
use support::{Server, Way};

/// A picture in which `pixel` gives the colours.
fn png(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let image = RgbaImage::from_fn(width, height, |x, y| Rgba(pixel(x, y)));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgba8(image).write_to(&mut bytes, ImageFormat::Png).expect("it encodes");
    bytes.into_inner()
}

/// Opens the preview of this file of the open folder and waits until its stage is filled.
fn open(tab: &Tab, name: &str) {
    tab.ask_about(
        name,
        &format!(
            "{HELPERS} [...document.querySelectorAll('tbody a')].find(link => link.textContent === url).click();
            await opened(url);
            await until(() => one('.stage > *'))"
        ),
    );
}

/// Whether the whole of this element is on the screen, and nothing lies over its middle.
const ON_SCREEN: &str = "
    const onScreen = element => {
        const box = element.getBoundingClientRect();
        const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
        return box.width > 0 && box.left >= 0 && box.top >= 0 && box.right <= document.documentElement.clientWidth
            && box.bottom <= innerHeight && element.contains(top);
    };
";

#[test]
fn long_names_break_neither_the_preview_nor_the_page() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let picture = png(300, 200, |x, y| [u8::try_from(x % 256).unwrap(), u8::try_from(y).unwrap(), 90, 255]);
    let kinds = [("png", picture), ("txt", b"text".to_vec()), ("zip", b"PK\x03\x04\0\0".to_vec())];
    for width in [320, 390, 1280] {
        for length in [40, 100, 200, 255] {
            for (extension, content) in &kinds {
                let name = format!("{}.{extension}", "n".repeat(length - 4));
                server.put(format!("{length}/{name}"), content);
                tab.viewport(width, 800, "light");
                tab.open(&format!("{}{length}/", url(&server)));
                open(&tab, &name);
                let seen = ask(
                    &tab,
                    &format!(
                        "{ON_SCREEN} const shown = one('.stage > *');
                        await until(() => shown.localName !== 'img' || shown.complete);
                        const box = shown.getBoundingClientRect();
                        return [
                            onScreen(one('[data-act=close]')), onScreen(one('[data-act=next]')) || one('[data-act=next]').disabled,
                            box.width > 100 && box.left >= 0 && box.right <= innerWidth,
                            one('dialog h2').title === one('dialog h2').textContent,
                        ]"
                    ),
                );
                assert_eq!(seen, json!([true, true, true, true]), "{length} characters at {width} px, {extension}");
                ask(&tab, "one('[data-act=close]').click(); await closed()");
            }
            for view in ["grid", "table"] {
                let seen = ask(
                    &tab,
                    &format!(
                        "one('[data-view={view}]').click();
                        return [document.documentElement.scrollWidth <= innerWidth, one('tbody a').title.length]"
                    ),
                );
                assert_eq!(seen, json!([true, length]), "{length} characters at {width} px as {view}");
            }
        }
    }
}

#[test]
fn a_long_folder_name_has_a_tooltip_and_does_not_shrink_its_icon() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let long = "a folder ".repeat(12);
    for name in [long.trim(), "short"] {
        std::fs::create_dir(server.root.join(name)).expect("a folder");
    }
    tab.open(&url(&server));
    let seen = ask(
        &tab,
        "const icons = [...document.querySelectorAll('.folders .i')].map(icon => icon.getBoundingClientRect().width);
        const [first] = document.querySelectorAll('.folders a');
        return [icons[0] === icons[1], icons[0] > 20, first.scrollWidth > first.clientWidth, first.title]",
    );
    assert_eq!(seen, json!([true, true, true, long.trim()]));
}

#[test]
fn white_and_black_are_visible_in_transparent_images_in_both_themes() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for (name, tone) in [("white", 255), ("black", 0)] {
        let ring = |x: u32, y: u32| [tone, tone, tone, if (x / 20 + y / 20).is_multiple_of(4) { 255 } else { 0 }];
        server.put(format!("{name}.png"), png(200, 200, ring));
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='200'><circle cx='100' cy='100' r='40' \
             fill='{name}'/></svg>"
        );
        server.put(format!("{name}.svg"), svg);
    }
    // what lies behind is what the style sheet draws: its tones, by WCAG's formula for contrast
    let contrast = "
        const light = ([r, g, b]) => [r, g, b].map(part => part / 255)
            .map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
            .reduce((sum, part, at) => sum + part * [.2126, .7152, .0722][at], 0);
        const against = (tone, ground) => {
            const [high, low] = [light(tone), light(ground)].sort((a, b) => b - a);
            return (high + .05) / (low + .05);
        };
        const worst = element => {
            const ground = [...getComputedStyle(element).backgroundImage.matchAll(/rgb\\((\\d+), (\\d+), (\\d+)\\)/g)];
            return Math.min(...ground.flatMap(([, ...parts]) => [[0, 0, 0], [255, 255, 255]].map(tone => against(tone, parts))));
        };
    ";
    for theme in ["light", "dark"] {
        for view in ["grid", "table"] {
            tab.viewport(1000, 700, theme);
            tab.open(&url(&server));
            let seen = ask(
                &tab,
                &format!(
                    "{contrast} one('[data-view={view}]').click();
                    return [...document.querySelectorAll('tbody img')].map(image => worst(image) >= 3)"
                ),
            );
            assert_eq!(seen, json!([true, true, true, true]), "{theme} {view}");
        }
        for name in ["white.png", "white.svg"] {
            open(&tab, name);
            let seen = ask(&tab, &format!("{contrast} return worst(await until(() => one('.stage img'))) >= 3"));
            assert_eq!(seen, true, "{theme} {name}");
            ask(&tab, "one('[data-act=close]').click(); await closed()");
        }
    }
    tab.viewport(1000, 700, "light");
}

#[test]
fn an_image_zooms_by_wheel_keys_and_click_and_can_be_dragged() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("dunes.jpg", sample("photos/dunes.jpg"));
    for number in 0..200 {
        server.put(format!("{number}.txt"), "x");
    }
    tab.viewport(1000, 700, "light");
    tab.open(&(url(&server) + "#/dunes.jpg"));
    let width = "one('.stage img').getBoundingClientRect().width";
    let size = |more: &str| ask(&tab, &format!("return Math.round({width}) {more}"));
    ask(&tab, &format!("await until(() => !one('[data-act=zoom]').hidden); window.fits = Math.round({width})"));
    assert_eq!(size("<= innerWidth"), true);

    tab.wheel((500, 400), -400);
    ask(&tab, &format!("await until(() => {width} > 1.2 * window.fits)"));
    tab.press("0");
    assert_eq!(size("=== window.fits"), true);
    tab.press("+");
    assert_eq!(size("> 1.4 * window.fits"), true);
    tab.press("-");
    assert_eq!(size("=== window.fits"), true);
    tab.press("z");
    assert_eq!(size(""), 1200, "its actual size");
    assert_eq!(ask(&tab, "return one('.said').textContent"), "100 %");

    ask(&tab, "window.left = one('.stage img').getBoundingClientRect().left");
    tab.drag((500, 400), (560, 400));
    let moved = ask(
        &tab,
        &format!("return [one('.stage img').getBoundingClientRect().left - window.left, {width}].map(Math.round)"),
    );
    assert_eq!(moved, json!([60, 1200]), "a drag moves it and is not a click");
    tab.click(".stage img");
    assert_eq!(size("=== window.fits"), true, "a click toggles");
    assert_eq!(ask(&tab, "return [scrollY, one('.stage img').classList.contains('pixels')]"), json!([0, false]));
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn a_tiny_icon_is_enlarged_sharply_and_has_no_round_corners() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for size in [16, 48] {
        server.put(
            format!("{size}.png"),
            png(size, size, |x, y| if (x + y).is_multiple_of(2) { [200, 30, 30, 255] } else { [0; 4] }),
        );
    }
    for (viewport, size) in [((1280, 800), 16), ((390, 844), 16), ((1280, 800), 48)] {
        tab.viewport(viewport.0, viewport.1, "light");
        tab.open("about:blank");
        tab.open(&format!("{}#/{size}.png", url(&server)));
        let seen = ask(
            &tab,
            "await until(() => !one('[data-act=zoom]').hidden);
            const image = one('.stage img');
            const { borderRadius, imageRendering } = getComputedStyle(image);
            const { width } = image.getBoundingClientRect();
            return [borderRadius, imageRendering, width % image.naturalWidth, width > 100, one('.facts').textContent]",
        );
        let facts = seen[4].as_str().expect("a text");
        assert!(facts.starts_with(&format!("{size} × {size}  ·  image/png")), "{facts}");
        assert_eq!(seen.as_array().expect("a list")[..4], [json!("0px"), json!("pixelated"), json!(0), json!(true)]);
    }
}

#[test]
fn the_wheel_over_a_preview_does_not_scroll_the_page_behind_it() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("a.zip", "PK\x03\x04\0\0");
    server.put("b.mp4", sample("video/daybreak.mp4"));
    server.put("c.txt", "a line\n".repeat(500));
    for number in 0..300 {
        server.put(format!("{number}.txt"), "x");
    }
    tab.viewport(1000, 600, "light");
    tab.open(&url(&server));
    ask(&tab, "scrollTo(0, 300)");
    // without a preview it does scroll
    tab.wheel((500, 400), 100);
    ask(&tab, "await until(() => scrollY > 300); scrollTo(0, 300)");
    for (name, at) in [("a.zip", (500, 400)), ("b.mp4", (500, 300)), ("c.txt", (500, 400)), ("c.txt", (500, 20))] {
        open(&tab, name);
        for by in [-200, 200, 20_000] {
            tab.wheel(at, by);
        }
        if at.1 == 400 && name == "c.txt" {
            ask(&tab, "await until(() => one('.stage pre').scrollTop > 0)");
        }
        // two frames later a scroll would have happened
        let still = "for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame); return scrollY";
        assert_eq!(ask(&tab, still), 300, "{name}");
        ask(&tab, "one('[data-act=close]').click(); await closed()");
        assert_eq!(ask(&tab, "scrollTo(0, 300); return scrollY"), 300);
    }
}

#[test]
fn a_swipe_shows_the_next_file_or_moves_a_zoomed_image() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("1.jpg", sample("photos/dunes.jpg"));
    server.put("2.txt", "text");
    server.put("3.zip", "PK\x03\x04\0\0");
    tab.viewport(390, 844, "light");
    tab.open(&(url(&server) + "#/1.jpg"));
    ask(&tab, "await until(() => !one('[data-act=zoom]').hidden)");
    tab.swipe((300, 450), (80, 455));
    ask(&tab, "await opened('2.txt')");
    tab.swipe((80, 700), (300, 700));
    ask(&tab, "await opened('1.jpg'); await until(() => !one('[data-act=zoom]').hidden)");
    // not far enough, or in another direction
    tab.swipe((200, 450), (180, 450));
    tab.swipe((200, 300), (230, 600));
    assert_eq!(ask(&tab, "return one('dialog h2').textContent"), "1.jpg");
    tab.press("z");
    ask(&tab, "window.left = one('.stage img').getBoundingClientRect().left");
    tab.swipe((300, 450), (200, 450));
    let seen = ask(
        &tab,
        "return [one('dialog h2').textContent, Math.round(window.left - one('.stage img').getBoundingClientRect().left)]",
    );
    assert_eq!(seen, json!(["1.jpg", 100]));
}

#[test]
fn the_space_bar_plays_and_pauses() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("daybreak.mp4", sample("video/daybreak.mp4"));
    server.put("chime.mp3", sample("audio/evening-chime.mp3"));
    tab.open(&url(&server));
    for (name, kind) in [("daybreak.mp4", "video"), ("chime.mp3", "audio")] {
        open(&tab, name);
        ask(&tab, &format!("const player = await until(() => one('.stage {kind}')); player.muted = true"));
        tab.press(" ");
        ask(&tab, &format!("await until(() => !one('.stage {kind}').paused)"));
        tab.press(" ");
        ask(&tab, &format!("await until(() => one('.stage {kind}').paused)"));
        ask(&tab, "one('[data-act=close]').click(); await closed()");
    }
}

#[test]
fn texts_are_shown_whatever_their_name_and_encoding() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let utf16 = |text: &str, mark: bool, big: bool| {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
    };
    let long = format!("{}é the end", "x".repeat(64 * 1024 - 1));
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("schema.sql", b"select 1;".into(), "select 1;"),
        ("deploy.sh", b"#!/bin/sh".into(), "#!/bin/sh"),
        ("main.go", b"package main".into(), "package main"),
        ("App.vue", b"<template/>".into(), "<template/>"),
        ("App.tsx", b"export {}".into(), "export {}"),
        ("types.ts", b"export type A = 1".into(), "export type A = 1"),
        ("mod.mts", b"export {}".into(), "export {}"),
        ("lib.rs", b"fn main() {}".into(), "fn main() {}"),
        ("app.py", b"print(1)".into(), "print(1)"),
        ("README", b"# Read me".into(), "# Read me"),
        ("Dockerfile", b"FROM scratch".into(), "FROM scratch"),
        ("Makefile", b"all:\n\ttrue".into(), "all:\n\ttrue"),
        ("LICENSE", b"MIT".into(), "MIT"),
        ("notes.unknownkind", b"hello".into(), "hello"),
        ("colours.log", b"\x1b[31mred\x1b[0m".into(), "\u{1b}[31mred\u{1b}[0m"),
        ("latin.txt", b"caf\xe9 cr\xe8me".into(), "café crème"),
        ("latin.csv", b"name;M\xfcller".into(), "name;Müller"),
        ("quotes.txt", b"\x93quoted\x94".into(), "\u{201c}quoted\u{201d}"),
        ("utf8.txt", "\u{feff}Grüße 日本".into(), "Grüße 日本"),
        ("utf16le.txt", utf16("Grüße 日本", true, false), "Grüße 日本"),
        ("utf16be.txt", utf16("Grüße 日本", true, true), "Grüße 日本"),
        ("unmarked-le.txt", utf16("no mark", false, false), "no mark"),
        ("unmarked-be.txt", utf16("no mark", false, true), "no mark"),
        ("cut.txt", long.clone().into_bytes(), &long[..64 * 1024 - 1]), // in the middle of a character
    ];
    for (name, content, _) in &rows {
        server.put(name, content);
    }
    tab.open(&url(&server));
    for (name, _, expected) in &rows {
        open(&tab, name);
        assert_eq!(ask(&tab, "return one('.stage').textContent"), *expected, "{name}");
        assert_eq!(ask(&tab, "return one('.stage > *').localName"), "pre", "{name}");
        ask(&tab, "one('[data-act=close]').click(); await closed()");
    }
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn files_without_a_preview_say_so_under_their_own_icon() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let binary: Vec<u8> = (0..5000_u32).map(|n| u8::try_from(n.wrapping_mul(7919) % 256).unwrap()).collect();
    let mut stream = vec![0xff; 4 * 188];
    stream.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    for (name, content) in [
        ("clip.ts", &stream),
        ("backup.zip", &binary),
        ("face.woff2", &binary),
        ("model.glb", &binary),
        ("blob", &binary),
        ("broken.jpg", &b"not a picture".to_vec()),
        ("empty.txt", &Vec::new()),
    ] {
        server.put(name, content);
    }
    tab.open(&url(&server));
    for (name, icon, words) in [
        ("clip.ts", "video", "This browser cannot play the video."),
        ("backup.zip", "archive", "There is no preview of this type."),
        ("face.woff2", "font", "There is no preview of this type."),
        ("model.glb", "model", "There is no preview of this type."),
        ("blob", "file", "There is no preview of this type."),
        ("broken.jpg", "broken", "This browser cannot show the picture."),
        ("empty.txt", "text", "The file is empty."),
    ] {
        open(&tab, name);
        let seen = ask(
            &tab,
            "const words = await until(() => one('.stage .card p'));
            return [one('.card .i').getAttribute('class'), one('.card use').getAttribute('href'), words.textContent]",
        );
        assert_eq!(seen, json!([format!("i i-{icon}"), format!("#i-{icon}"), words]), "{name}");
        ask(&tab, "one('[data-act=close]').click(); await closed()");
    }
}
