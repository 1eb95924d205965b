//! The gallery: Debian's Chromium against the real binary.
//!
//! Without `chromium` and `chromedriver` on `PATH` these tests say so and pass; with `CI=true` they fail.

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/gallery.rs"]
mod gallery;
mod support;

use serde_json::json;

use driver::Tab;
use gallery::{HELPERS, ask, sample, url, violations};
use support::{Server, Way};

/// Keys without a letter, as `WebDriver` names them (section 17.4.2).
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const LEFT: &str = "\u{e012}";
const RIGHT: &str = "\u{e014}";
const DOWN: &str = "\u{e015}";

/// A server with these sample files, all in the root.
fn server_with(samples: &[&str]) -> Server {
    let server = Server::start(Way::Fast, &[]);
    for path in samples {
        server.put(path.rsplit('/').next().expect("a name"), sample(path));
    }
    server
}

#[test]
fn thumbnails_show_upright_and_nothing_is_blocked() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&[
        "photos/IMG_2043.jpg",
        "avatars/ada.png",
        "art/bloom.gif",
        "art/paper-strata.webp",
        "art/tides.svg",
        "blobs/q7v2n0x4kd9tz1w8hb3yfm5rj6sc",
        "video/daybreak.mp4",
    ]);
    tab.open(&url(&server));
    let shown = ask(
        &tab,
        "const images = [...document.images];
        await until(() => images.every(image => image.complete));
        return images.map(({ src, naturalWidth, naturalHeight }) =>
            [new URL(src).pathname.slice(7), naturalWidth > 0, naturalHeight > naturalWidth])",
    );
    assert_eq!(
        shown,
        json!([
            ["ada.png", true, false],
            ["bloom.gif", true, false],
            ["IMG_2043.jpg", true, true],
            ["paper-strata.webp", true, false],
            ["q7v2n0x4kd9tz1w8hb3yfm5rj6sc", true, false],
            ["tides.svg", true, false],
        ])
    );
    assert_eq!(violations(&tab), json!([]));
    // and a violation would have been seen
    ask(&tab, "const image = new Image(); image.src = 'http://127.0.0.2:9/'; await until(() => image.complete)");
    assert_eq!(violations(&tab), json!(["img-src http://127.0.0.2:9/"]));
}

#[test]
fn the_view_is_remembered() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&["photos/dunes.jpg"]);
    let view = "return [document.documentElement.dataset.view, one('button[aria-pressed=true]').title,
        one('.thumbnail').getBoundingClientRect().width > 100]";
    tab.open(&url(&server));
    assert_eq!(ask(&tab, view), json!(["grid", "Grid", true]));
    ask(&tab, "one('button[data-view=table]').click()");
    assert_eq!(ask(&tab, view), json!(["table", "Table", false]));
    tab.reload();
    assert_eq!(ask(&tab, view), json!(["table", "Table", false]));
}

#[test]
fn entries_are_sorted_and_folders_stay_first() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for (name, size) in [("b.txt", 30), ("a.png", 10), ("c.jpg", 20), ("folder/x", 1)] {
        server.put(name, vec![b'x'; size]);
    }
    tab.open(&url(&server));
    let sorted = |key: &str| {
        ask(
            &tab,
            &format!("one('th[data-key={key}] button').click(); return [...names(), one('th[aria-sort]').ariaSort]"),
        )
    };
    assert_eq!(sorted("size"), json!(["folder/", "b.txt", "c.jpg", "a.png", "descending"]));
    assert_eq!(sorted("size"), json!(["folder/", "a.png", "c.jpg", "b.txt", "ascending"]));
    assert_eq!(sorted("type"), json!(["folder/", "c.jpg", "a.png", "b.txt", "ascending"]));
    assert_eq!(sorted("name"), json!(["folder/", "a.png", "b.txt", "c.jpg", "ascending"]));
    assert_eq!(sorted("name"), json!(["folder/", "c.jpg", "b.txt", "a.png", "descending"]));
    tab.reload();
    assert_eq!(ask(&tab, "return names()"), json!(["folder/", "c.jpg", "b.txt", "a.png"]));
}

#[test]
fn names_are_sorted_like_a_dictionary() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    // with accents in both Unicode forms
    let names = [
        "_draft.txt",
        "a 1.txt",
        "a-1.txt",
        "a1.txt",
        "a2.txt",
        "a10.txt",
        "\u{c9}t\u{e9} 2.txt",
        "Ete.txt",
        "e\u{301}te\u{301}s.txt",
        "f.txt",
    ];
    for name in names {
        server.put(name, "");
    }
    // the server's own order is the same, so nothing moves when the script starts
    let listing = server.get("/media/?format=json").json();
    let listed: Vec<_> = listing.as_array().expect("a list").iter().map(|item| item["name"].clone()).collect();
    assert_eq!(listed, names);
    tab.open(&url(&server));
    assert_eq!(ask(&tab, "return names()"), json!(names));
    let filtered = "const f = one('.filter'); f.value = 'ETES'; f.dispatchEvent(new Event('input')); return names()";
    assert_eq!(ask(&tab, filtered), json!(["e\u{301}te\u{301}s.txt"]), "accents do not matter to the filter either");
}

#[test]
fn the_scrollbar_of_a_large_folder_is_right_from_the_start() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for number in 0..3000 {
        let long = if number % 5 == 0 { " with a name that needs a second line in a card" } else { "" };
        server.put(format!("{number:04}{long}.txt"), "x");
    }
    for (width, view, most) in [(1280, "table", 2), (390, "table", 2), (1280, "grid", 600)] {
        tab.viewport(width, 800, "light");
        tab.open(&url(&server));
        // the height of all rows as it is taken to be, and as it is when each has been drawn
        let drift = ask(
            &tab,
            &format!(
                "one('[data-view={view}]').click();
                for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame);
                const taken = one('tbody.files').offsetHeight;
                for (const row of document.querySelectorAll('tbody tr')) row.style.contentVisibility = 'visible';
                return Math.abs(taken - one('tbody.files').offsetHeight)"
            ),
        );
        assert!(drift.as_u64().is_some_and(|drift| drift <= most), "{view} at {width} px: {drift} px");
    }
}

#[test]
fn a_wide_screen_is_used_and_the_tab_has_an_icon() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&["photos/dunes.jpg"]);
    for number in 0..60 {
        server.put(format!("{number}.txt"), "x");
    }
    tab.viewport(2560, 1000, "light");
    tab.open(&url(&server));
    let right =
        "return Math.max(...[...document.querySelectorAll('tbody tr')].map(row => row.getBoundingClientRect().right))";
    assert!(ask(&tab, right).as_f64().is_some_and(|right| right > 2400.0));
    tab.viewport(1000, 700, "light");
    let icon =
        "const icon = new Image(); icon.src = one('link[rel=icon]').href; await icon.decode(); return icon.width > 0";
    assert_eq!(ask(&tab, icon), true);
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn typing_filters_and_the_count_is_shown() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for name in ["Holiday beach.txt", "holiday hills.txt", "work.txt"] {
        server.put(name, "x");
    }
    tab.open(&url(&server));
    let seen = "return [names(), one('[role=status].count').textContent, one('.none').hidden]";
    tab.press("/");
    tab.press("hills HOLI");
    assert_eq!(ask(&tab, seen), json!([["holiday hills.txt"], "1 of 3 shown", true]));
    tab.press("x");
    assert_eq!(ask(&tab, seen), json!([[], "0 of 3 shown", false]));
    tab.press(ESCAPE);
    assert_eq!(ask(&tab, seen), json!([["Holiday beach.txt", "holiday hills.txt", "work.txt"], "3 files", true]));
}

#[test]
fn the_keyboard_suffices() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        server.put(name, format!("this is {name}"));
    }
    tab.open(&url(&server));
    let text = || ask(&tab, "return (await until(() => one('dialog[open] pre'))).textContent");
    tab.press(RIGHT);
    tab.press(RIGHT);
    tab.press(ENTER);
    ask(&tab, "await opened('b.txt')");
    assert_eq!(text(), "this is b.txt");
    assert_eq!(tab.url(), url(&server) + "#/b.txt");
    tab.press(RIGHT);
    ask(&tab, "await opened('c.txt')");
    assert_eq!(tab.url(), url(&server) + "#/c.txt");
    tab.press(LEFT);
    tab.press(LEFT);
    ask(&tab, "await opened('a.txt')");
    assert_eq!(
        ask(&tab, "return [one('[data-act=previous]').disabled, one('[data-act=next]').disabled]"),
        json!([true, false])
    );
    tab.press(ESCAPE);
    ask(&tab, "await closed()");
    assert_eq!(ask(&tab, "return document.activeElement.textContent"), "a.txt");
    assert_eq!(tab.url(), url(&server));

    // in the table, down is the next row
    ask(&tab, "one('button[data-view=table]').click(); one('tbody a').focus()");
    tab.press(DOWN);
    assert_eq!(ask(&tab, "return document.activeElement.textContent"), "b.txt");
}

#[test]
fn the_focus_is_visible_in_both_views() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("a.txt", "a");
    for view in ["grid", "table"] {
        tab.open(&url(&server));
        ask(&tab, &format!("one('button[data-view={view}]').click(); document.activeElement.blur()"));
        let plain = tab.picture("tbody.files tr");
        tab.press(RIGHT);
        assert_eq!(ask(&tab, "return document.activeElement.textContent"), "a.txt");
        assert!(tab.picture("tbody.files tr") != plain, "{view}: nobody sees where the keyboard is");
        ask(&tab, "document.activeElement.blur()");
        assert!(tab.picture("tbody.files tr") == plain, "{view}: it is the focus that was seen");
    }
}

#[test]
fn back_closes_the_preview_and_a_link_opens_it() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&["photos/dunes.jpg", "photos/IMG_2043.jpg"]);
    tab.open(&url(&server));
    ask(
        &tab,
        "one('tbody a').click(); await opened('dunes.jpg'); one('[data-act=next]').click(); await opened('IMG_2043.jpg')",
    );
    let facts = ask(
        &tab,
        "return await until(() => { const text = one('.facts').textContent; return text.includes('×') && text })",
    );
    assert_eq!(
        facts.as_str().expect("a text").split("  ·  ").collect::<Vec<_>>(),
        ["800 × 1200", "image/jpeg", "94.8 KiB"]
    );
    let address = tab.url();
    tab.back();
    ask(&tab, "await closed()");
    assert_eq!(tab.url(), url(&server));

    tab.open("about:blank");
    tab.open(&address);
    ask(&tab, "await opened('IMG_2043.jpg'); one('[data-act=close]').click(); await closed()");
    assert_eq!(tab.url(), url(&server));
}

#[test]
fn a_video_plays_and_seeks_in_the_preview() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&["video/daybreak.mp4", "audio/evening-chime.mp3"]);
    tab.open(&url(&server));
    let played = ask(
        &tab,
        "one('a[href=\"daybreak.mp4\"]').click();
        const video = await until(() => one('.stage video'));
        video.muted = true;
        await video.play();
        await until(() => video.currentTime > 0);
        video.pause();
        const seeked = new Promise(tell => video.onseeked = tell);
        video.currentTime = 6;
        await seeked;
        return [video.videoWidth, video.currentTime, one('.facts').textContent.split('  ·  ').slice(0, 2)]",
    );
    assert_eq!(played, json!([640, 6, ["640 × 360", "0:12"]]));
    let sound = ask(
        &tab,
        "one('[data-act=next]').click();
        await opened('evening-chime.mp3');
        const sound = await until(() => one('.stage audio'));
        await until(() => sound.readyState > 0);
        return [sound.duration > 7, one('.stage video')]",
    );
    assert_eq!(sound, json!([true, null]));
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn the_copied_url_and_tag_are_right() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&["photos/IMG_2043.jpg", "video/daybreak.mp4"]);
    server.put("a \"quote\" & <b>.txt", "x");
    tab.open(&url(&server));
    // the clipboard of a headless browser asks for a permission nobody can give: what would be written is enough
    ask(&tab, "window.copied = []; navigator.clipboard.writeText = async text => { copied.push(text) }");
    let copied = ask(
        &tab,
        "for (const ready of ['img', 'video', 'pre']) {
            const name = { img: 'IMG_2043', video: 'daybreak', pre: 'quote' }[ready];
            [...document.querySelectorAll('tbody a')].find(link => link.textContent.includes(name)).click();
            const shown = await until(() => one(`.stage ${ready}`));
            await until(() => ready === 'pre' || shown.naturalWidth || shown.videoWidth);
            one('[data-act=url]').click();
            one('[data-act=tag]').click();
            await until(() => one('.said').textContent === 'Tag copied');
            one('[data-act=close]').click();
            await closed();
        }
        return copied",
    );
    let url = url(&server);
    assert_eq!(
        copied,
        json!([
            format!("{url}IMG_2043.jpg"),
            format!("<img src=\"{url}IMG_2043.jpg\" width=\"800\" height=\"1200\" alt=\"IMG 2043\">"),
            format!("{url}daybreak.mp4"),
            format!("<video src=\"{url}daybreak.mp4\" width=\"640\" height=\"360\" controls></video>"),
            format!("{url}a%20%22quote%22%20%26%20%3Cb%3E.txt"),
            format!("<a href=\"{url}a%20%22quote%22%20%26%20%3Cb%3E.txt\">a &quot;quote&quot; &amp; &lt;b&gt;.txt</a>"),
        ])
    );
}

#[test]
fn hostile_names_and_contents_are_escaped() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    let names = [
        "<img src=x onerror=alert(1)>.txt",
        "\"><script>alert(1)<.txt",
        "javascript:alert(1).html",
        "' onmouseover='alert(1).svg",
        "%2e%2e%2f.txt",
        "?thumbnail=1#.txt",
        "back\\slash.txt",
    ];
    let content = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>";
    for name in names {
        server.put(name, content);
    }
    tab.open(&url(&server));
    for name in names {
        let shown = tab.ask_about(
            name,
            &format!(
                "{HELPERS}
                [...document.querySelectorAll('tbody a')].find(link => link.textContent === url).click();
                await opened(url);
                const shown = await until(() => one('.stage > *'));
                one('[data-act=tag]').click();
                await until(() => one('.said').textContent);
                const hash = location.hash;
                one('[data-act=close]').click();
                await closed();
                location.hash = hash;
                await opened(url);
                one('[data-act=close]').click();
                await closed();
                return shown.localName === 'img' || shown.textContent"
            ),
        );
        assert_eq!(shown, if name.ends_with("svg") { json!(true) } else { json!(content) }, "{name}");
    }
    let foreign = ask(
        &tab,
        "return [...document.querySelectorAll('*')].flatMap(({ attributes }) => [...attributes])
            .filter(({ name }) => name.startsWith('on')).map(({ name }) => name)",
    );
    assert_eq!(foreign, json!([]));
    assert_eq!(ask(&tab, "return document.querySelectorAll('td script, td img[src=x]').length"), 0);
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn a_page_without_scripts_is_still_a_list_of_links() {
    let Some(tab) = Tab::new() else { return };
    let server = server_with(&["photos/dunes.jpg", "documents/hello.txt"]);
    // the page as it comes, where no script has run
    tab.open(&url(&server));
    let plain = ask(
        &tab,
        "const page = new DOMParser().parseFromString(await (await fetch(location)).text(), 'text/html');
        return [[...page.querySelectorAll('td a')].map(link => link.getAttribute('href')), page.querySelector('.tools').hidden]",
    );
    assert_eq!(plain, json!([["dunes.jpg", "hello.txt"], true]));
}
