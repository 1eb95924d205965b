//! Apps, pages of other sites and the pages of devmedia in a browser: Debian's Chromium with the real binary.
//!
//! Without `chromium` and `chromedriver` on `PATH` these tests say so and pass; with `CI=true` they fail.

#[path = "browser/app.rs"]
mod app;
#[path = "browser/driver.rs"]
mod driver;
mod support;

use std::path::Path;

use serde_json::{Value, json};

use app::App;
use driver::{REBOUND, STRANGER, Tab};
use support::{Server, Way};

/// The sample files that the apps in these tests show.
const PICTURE: &str = "avatars/ada.png";
const VIDEO: &str = "video/daybreak.mp4";
const SOUND: &str = "audio/notification.ogg";
/// One glyph, 260 bytes: an `A` three times as wide as the text is high, so nobody takes another font for it.
const FONT: &[u8] = include_bytes!("browser/wide.woff2");

/// Everything an app does with media at `url`: the answer has one member for each.
const USE_MEDIA: &str = "
    const picture = await put('img', { src: url + 'avatars/ada.png' });
    const fetched = await fetch(url + 'avatars/ada.png').then(answer => answer.blob(), error => error.name);
    const readable = await put('img', { src: url + 'avatars/ada.png', crossOrigin: 'anonymous' });
    const video = await put('video', { src: url + 'video/daybreak.mp4' });
    const sound = await put('audio', { src: url + 'audio/notification.ogg' });
    await put('style', { textContent: `@font-face { font-family: Wide; src: url(${url}fonts/wide.woff2) }` });
    const fonts = await outcome(document.fonts.load('20px Wide', 'A'));
    const letter = Object.assign(document.createElement('span'), { style: 'font: 20px Wide', textContent: 'A' });
    document.body.append(letter);
    return {
        img: picture?.naturalWidth, fetch: fetched.size ?? fetched, canvas: readable && read(readable),
        video: video?.videoWidth, audio: sound?.duration > 0,
        font: fonts.length ?? fonts, letter: letter.getBoundingClientRect().width,
    };
";

fn media_in_use() -> Value {
    let size = sample(PICTURE).len();
    json!({ "img": 400, "fetch": size, "canvas": true, "video": 640, "audio": true, "font": 1, "letter": 60 })
}

#[test]
fn an_app_on_another_port_shows_and_reads_media_without_configuration() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    for (page, media) in [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1"), ("shop.localhost", "localhost")] {
        let app = App::blank("");
        tab.open(&app.at(page));
        let used = tab.ask_about(&media_url(&server, media), USE_MEDIA);
        assert_eq!(used, media_in_use(), "a page of {page} with media of {media}");
    }
}

#[test]
fn localhost_beside_127_0_0_1_works_under_the_referrer_policies_of_frameworks() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    for policy in ["same-origin", "no-referrer", "strict-origin-when-cross-origin"] {
        for (page, media) in [("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")] {
            let app = App::blank(policy);
            tab.open(&app.at(page));
            let used = tab.ask_about(&media_url(&server, media), USE_MEDIA);
            assert_eq!(used, media_in_use(), "a page of {page} with media of {media} under {policy}");
        }
    }
}

#[test]
fn a_fetch_after_an_img_uses_the_cache_and_is_readable() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    has_validators(&server, PICTURE);
    let url = media_url(&server, "127.0.0.1") + PICTURE;
    let app = App::page("same-origin", &format!("<img id=shown src='{url}'>"));
    tab.open(&app.at("localhost"));
    assert_eq!(tab.ask("return document.querySelector('#shown').naturalWidth"), 400);
    logged(&server, PICTURE, 200);

    let size = tab.ask_about(&url, "return (await (await fetch(url)).blob()).size");

    assert_eq!(size, sample(PICTURE).len());
    logged(&server, PICTURE, 304);
}

#[test]
fn a_video_seeks_to_its_middle() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    let url = media_url(&server, "127.0.0.1") + VIDEO;
    let app = App::page("same-origin", &format!("<video id=video src='{url}' preload=auto muted></video>"));
    tab.open(&app.at("localhost"));
    let seen = tab.ask(
        "const video = document.querySelector('#video');
        if (video.readyState < 1) await new Promise(tell => video.onloadedmetadata = tell);
        const seeked = new Promise(tell => video.onseeked = tell);
        video.currentTime = 6;
        await seeked;
        return { at: video.currentTime, end: video.seekable.end(0), picture: video.readyState >= 2 }",
    );
    assert_eq!(seen, json!({ "at": 6, "end": 12, "picture": true }));
    logged(&server, VIDEO, 206);
}

#[test]
fn an_image_replaced_on_disk_is_new_on_reload() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("me.png", sample("avatars/ada.png"));
    has_validators(&server, "me.png");
    let app = App::page("", &format!("<img src='{}me.png'>", media_url(&server, "localhost")));
    let width = || tab.ask("return document.querySelector('img').naturalWidth");
    tab.open(&app.at("localhost"));
    assert_eq!(width(), 400);

    tab.reload();
    assert_eq!(width(), 400);
    logged(&server, "me.png", 304);

    server.put("me.png", sample("avatars/noor.png"));
    tab.reload();
    assert_eq!(width(), 320);

    // a link to the page, not a reload: only the answer's own freshness makes the browser ask again
    server.put("me.png", sample("avatars/ada.png"));
    tab.open("about:blank");
    tab.open(&app.at("localhost"));
    assert_eq!(width(), 400);
}

#[test]
fn a_page_of_another_site_can_read_nothing() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    server.put("data.js", "window.stolen = 'script'");
    server.put("data.css", ":root { --stolen: style }");
    server.put("page.html", "<p>private</p>");
    // what any page may do is show a picture, and only one that hides who it is gets even that
    for (policy, shown) in [("", false), ("no-referrer", true)] {
        let app = App::blank(policy);
        tab.open(&app.at(STRANGER));
        let got = tab.ask_about(
            &media_url(&server, "localhost"),
            "const picture = await put('img', { src: url + 'avatars/ada.png' });
            const video = await put('video', { src: url + 'video/daybreak.mp4' });
            const silent = await outcome(fetch(url + 'avatars/ada.png', { mode: 'no-cors' }));
            const frame = await put('iframe', { src: url });
            return {
                img: picture !== null, video: video !== null,
                canvas: [picture, video].map(shown => shown && read(shown)),
                readable_img: await put('img', { src: url + 'avatars/ada.png', crossOrigin: 'anonymous' }) !== null,
                fetch: await outcome(fetch(url + 'avatars/ada.png')),
                fetch_with_cookies: await outcome(fetch(url, { credentials: 'include' })),
                fetch_no_cors: [silent.type, silent.status, (await silent.text()).length],
                script: await put('script', { src: url + 'data.js' }) !== null,
                module: await outcome(import(url + 'data.js')),
                stolen: window.stolen ?? null,
                style: await put('link', { rel: 'stylesheet', href: url + 'data.css' }) !== null,
                styled: getComputedStyle(document.documentElement).getPropertyValue('--stolen'),
                font: await outcome(new FontFace('Wide', `url(${url}fonts/wide.woff2)`).load()),
                frame: frame.contentDocument,
                post: await outcome(fetch(url, { method: 'POST' })),
            }",
        );
        let tainted = if shown { json!("SecurityError") } else { Value::Null };
        assert_eq!(
            got,
            json!({
                "img": shown, "video": shown, "canvas": [tainted, tainted], "readable_img": false,
                "fetch": "TypeError", "fetch_with_cookies": "TypeError", "fetch_no_cors": ["opaque", 0, 0],
                "script": false, "module": "TypeError", "stolen": null, "style": false, "styled": "",
                "font": "NetworkError", "frame": null, "post": "TypeError",
            }),
            "under the Referrer-Policy {policy:?}"
        );
        for path in ["data.js", "data.css", "wide.woff2"] {
            logged(&server, path, 403);
        }
    }
}

#[test]
fn a_link_from_another_site_opens_for_the_user_only() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    let app = App::page("", &format!("<a href='{}'>the folder</a>", media_url(&server, "localhost")));
    tab.open(&app.at(STRANGER));
    let window = "const opened = window.open(url);
        while (true) {
            try { opened.document; } catch (error) { return error.name; }
            await new Promise(tell => setTimeout(tell));
        }";
    assert_eq!(tab.ask_about(&media_url(&server, "localhost"), window), "SecurityError");
    tab.follow("the folder");
    assert!(tab.text().contains("avatars/"), "{}", tab.text());
}

#[test]
fn a_rebound_name_is_rejected_with_advice() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("secret.txt", "the secret");
    tab.open(&(media_url(&server, REBOUND) + "secret.txt"));
    let text = tab.text();
    assert!(text.contains("421") && text.contains("--allow-host rebind.example"), "{text}");
    assert!(!text.contains("the secret"), "{text}");
    logged(&server, "secret.txt", 421);
}

#[test]
fn the_links_and_breadcrumbs_of_a_listing_work() {
    let Some(tab) = Tab::new() else { return };
    let server = sample_server();
    server.put("albums/Été à la plage/50% & more #1?.txt", "sand");
    let top = media_url(&server, "127.0.0.1");
    tab.open(&top_url(&server));
    tab.follow("/media/");
    assert_eq!(tab.url(), top);
    tab.follow("albums/");
    tab.follow("Été à la plage/");
    let folder = tab.url();
    assert_eq!(tab.title(), "/media/albums/Été à la plage/");

    // a click shows the file in the page; its link leads to the file itself
    let file = tab.ask("return document.querySelector('td a').href");
    tab.open(file.as_str().expect("a URL"));
    assert_eq!(tab.text(), "sand");

    tab.open(&folder);
    tab.follow("albums");
    assert_eq!(tab.url(), top.clone() + "albums/");
    tab.follow("media");
    assert_eq!(tab.url(), top);
    tab.follow("avatars/");
    tab.follow("ada.png");
    assert_eq!(
        tab.ask("const shown = document.querySelector('.stage img'); await shown.decode(); return shown.naturalWidth"),
        400
    );
}

#[test]
fn every_page_links_to_the_landing_page_and_the_other_mounts() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::prepared(Way::Fast, &["--mount", "/static/=./static", "--upload=/media/"], |folder| {
        std::fs::create_dir(folder.join("static")).expect("a folder");
    });
    server.put("photos/dunes.jpg", sample("photos/dunes.jpg"));
    let media = media_url(&server, "127.0.0.1");

    tab.open(&top_url(&server));
    let text = tab.text();
    for fact in ["/media/", "./media", "takes uploads up to 1.0 GiB", "/static/", "./static", "read only", "public"] {
        assert!(text.contains(fact), "{fact}: {text}");
    }
    assert!(!text.contains(server.outside.to_str().expect("UTF-8")), "{text}");

    tab.follow("/media/");
    tab.follow("/static/");
    assert_eq!(tab.url(), format!("{}static/", top_url(&server)));
    tab.click(".home");
    assert_eq!(tab.url(), top_url(&server));

    // from an error page: up, to another mount, and to the file that was meant, which is shown
    for (asked, shown) in [("photos/dunes.JPG", 1), ("photos/nothing.zip", 0)] {
        tab.open(&format!("{media}{asked}"));
        let images = "const images = [...document.querySelectorAll('main img')];
            await Promise.all(images.map(image => image.decode()));
            return images.map(image => image.naturalWidth > 0)";
        assert_eq!(tab.ask(images), json!(vec![true; shown]), "{asked}");
        tab.follow("photos");
        assert_eq!(tab.url(), format!("{media}photos/"));
    }
    tab.open(&format!("{}nosuchmount/x", top_url(&server)));
    tab.click(".home");
    assert_eq!(tab.url(), top_url(&server));
    tab.open(&format!("{media}nothing.zip"));
    tab.follow("/static/");
    assert_eq!(tab.url(), format!("{}static/", top_url(&server)));
}

#[test]
fn a_mount_at_the_top_has_no_link_to_a_landing_page() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--url", "/"]);
    for path in ["", "nothing"] {
        tab.open(&format!("{}{path}", top_url(&server)));
        assert_eq!(tab.ask("return document.querySelector('.home')"), Value::Null, "{path}");
    }
}

/// Names that are HTML, an attribute, a scheme, a query or an escape to whoever forgets to escape them.
const HOSTILE: &[&str] = &[
    "<img src=x onerror=alert(1)>.txt",
    "<script>alert(1)<.txt",
    "\" onmouseover=\"alert(1)\" x=\".txt",
    "' autofocus onfocus='alert(1).txt",
    "javascript:alert(1).txt",
    "data:text,<script>alert(1)<.txt",
    "&lt;b&gt;&amp;.txt",
    "<!--.txt",
    "what?#fragment.txt",
    "%2e%2e%2f%00.txt",
    "back\\slash.txt",
];

#[test]
fn a_hostile_file_name_is_escaped() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let folder = "<svg onload=alert(1)>";
    for name in HOSTILE {
        server.put(format!("{folder}/{name}"), name);
    }
    tab.open(&media_url(&server, "127.0.0.1"));
    tab.follow(&format!("{folder}/"));
    assert_eq!(tab.title(), format!("/media/{folder}/"));

    let links = tab.ask("return [...document.querySelectorAll('td a')].map(a => [a.text, a.href])");
    let links: Vec<(String, String)> = serde_json::from_value(links).expect("pairs");
    let mut shown: Vec<&str> = links.iter().map(|(text, _)| text.as_str()).collect();
    shown.sort_unstable();
    let mut put = HOSTILE.to_vec();
    put.sort_unstable();
    assert_eq!(shown, put);
    assert_eq!(active_elements(&tab), json!([]));
    for (text, href) in &links {
        tab.open(href);
        assert_eq!(&tab.text(), text, "{href}");
    }
}

#[test]
fn a_hostile_url_is_escaped_in_its_404() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for name in HOSTILE {
        server.put(name, name);
        // a near miss, so that the page offers the hostile name as a link
        let missing = name.replace(".txt", ".TXT");
        tab.open(&format!("{}{}", media_url(&server, "127.0.0.1"), escape(&missing)));
        let text = tab.text();
        assert!(text.contains("404") && text.contains(&missing), "{name}: {text}");
        assert_eq!(active_elements(&tab), json!([]), "{name}");
        let meant = tab.ask("return document.querySelector('main a').href");
        tab.open(meant.as_str().expect("a URL"));
        assert_eq!(tab.text(), *name);
    }
    for url in ["</title></style><script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{7*7}}${7*7}"] {
        for below in [media_url(&server, "127.0.0.1"), top_url(&server)] {
            tab.open(&(below + &escape(url)));
            assert!(tab.text().contains("404"), "{url}: {}", tab.text());
            assert_eq!(active_elements(&tab), json!([]), "{url}");
        }
    }
}

#[test]
fn scripts_in_an_uploaded_document_do_not_run() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let ear = App::blank("");
    let act = |who| format!("document.documentElement.id = 'acted'; fetch('{}{who}')", ear.at("localhost"));
    let svg = |who| {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='120' height='80' onload=\"{0}\">
            <rect width='60' height='40'/><script>{0}</script></svg>",
            act(who).replace('\'', "&#39;")
        )
    };
    let html = |who| {
        format!(
            "<!doctype html><title>upload</title><h1>an upload</h1><img src=x onerror=\"{0}\"><script>{0}</script>",
            act(who)
        )
    };
    let media = media_url(&server, "localhost");
    let acted = || tab.ask("return document.documentElement.id") == "acted";

    server.put("art.svg", svg("upload"));
    tab.open(&(media.clone() + "art.svg"));
    assert_eq!(tab.ask("return document.querySelector('rect').getBoundingClientRect().width"), 60);
    assert!(!acted());

    server.put("page.html", html("upload"));
    tab.open(&(media.clone() + "page.html"));
    assert_eq!((tab.title().as_str(), tab.text().as_str()), ("upload", "an upload"));
    assert!(!acted());
    // what is on the other pages of this origin is not its own to read either
    assert_eq!(tab.ask("return origin"), "null");

    // the same bytes from a server that trusts them: they do act
    let trusting =
        App::start("", [("/art.svg", "image/svg+xml", svg("svg")), ("/page.html", "text/html", html("html"))]);
    for (file, who) in [("art.svg", "/svg"), ("page.html", "/html")] {
        tab.open(&(trusting.at("localhost") + file));
        assert!(acted(), "{file}");
        ear.is_asked_for(who);
    }
    assert!(!ear.asked().contains(&"/upload".to_owned()), "{:?}", ear.asked());

    // and as a picture in an app the upload is just that
    tab.open(&ear.at("localhost"));
    let width = "return (await put('img', { src: url }))?.naturalWidth";
    assert_eq!(tab.ask_about(&(media + "art.svg"), width), 120);
}

/// Elements and attributes that only a name read as HTML could have made in a page of devmedia.
fn active_elements(tab: &Tab) -> Value {
    tab.ask(
        "const own = 'head > script, body > script, .symbols, .i, td > .thumbnail, input.filter';
        return [...document.querySelectorAll('*')].filter(element =>
            !element.matches(own) && /^(script|img|svg|iframe|b|form|input)$/i.test(element.localName)
            || [...element.attributes].some(({ name, value }) => /^on|autofocus/i.test(name) || /^javascript:/i.test(value))
        ).map(element => element.outerHTML)",
    )
}

/// A server whose root has the sample files that [`USE_MEDIA`] uses.
fn sample_server() -> Server {
    let server = Server::start(Way::Fast, &[]);
    for path in [PICTURE, VIDEO, SOUND] {
        server.put(path, sample(path));
    }
    server.put("fonts/wide.woff2", FONT);
    server
}

fn sample(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("media").join(path)).expect("a sample file")
}

/// The mount's URL under one of the names of this machine.
fn media_url(server: &Server, host: &str) -> String {
    format!("http://{host}:{}/media/", server.address.port())
}

/// The URL of the landing page.
fn top_url(server: &Server) -> String {
    format!("http://{}/", server.address)
}

/// Every byte that means something in a URL or in HTML is escaped; the slash still separates.
fn escape(path: &str) -> String {
    percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC).to_string().replace("%2F", "/")
}

/// Waits until a file just written is old enough to have validators.
fn has_validators(server: &Server, path: &str) {
    server.settled(&format!("/media/{path}"));
}

/// Waits for the log line of an answer to this path with this status.
fn logged(server: &Server, path: &str, status: u16) {
    let status = format!("\"status\":{status}");
    while !server.logged(path).contains(&status) {}
}
