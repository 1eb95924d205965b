//! The gallery that stays open while its folder changes: Debian's Chromium against the real binary.
//!
//! Without `chromium` and `chromedriver` on `PATH` these tests say so and pass; with `CI=true` they fail.

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/gallery.rs"]
mod gallery;
mod support;

use serde_json::json;

use driver::Tab;
use gallery::{ask, sample, url};
use support::{Server, Way};

#[test]
fn a_file_on_disk_appears_in_the_open_page_and_leaves_it() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    tab.open(&url(&server));
    ask(&tab, "window.same = true");

    server.put("ada.png", sample("avatars/ada.png"));
    let seen =
        ask(&tab, "await until(() => one('tbody img')?.naturalWidth); return [names(), one('.empty'), window.same]");
    assert_eq!(seen, json!([["ada.png"], null, true]));
    assert_eq!(ask(&tab, "return await until(() => one('.news').textContent)"), "ada.png was added.");

    server.put("noor.png", sample("avatars/noor.png"));
    ask(&tab, "window.row = one('tbody tr'); await until(() => names().length === 2)");
    assert_eq!(ask(&tab, "return one('tbody tr') === window.row"), true, "what stays is not made anew");

    std::fs::remove_file(server.root.join("ada.png")).expect("a file");
    std::fs::remove_file(server.root.join("noor.png")).expect("a file");
    let seen = ask(&tab, "await until(() => one('.empty')); return [names(), window.same]");
    assert_eq!(seen, json!([[], true]));
}

#[test]
fn a_picture_that_is_replaced_is_shown_anew_also_in_the_preview() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("me.png", sample("avatars/ada.png"));
    tab.open(&(url(&server) + "#/me.png"));
    let width =
        |width: u32| ask(&tab, &format!("return !!await until(() => one('.stage img')?.naturalWidth === {width})"));
    assert_eq!(width(400), true);
    ask(&tab, "window.before = one('tbody img').currentSrc");

    server.put("me.png", sample("avatars/noor.png"));
    assert_eq!(width(320), true);
    let anew =
        "return !!await until(() => one('tbody img').naturalWidth && one('tbody img').currentSrc !== window.before)";
    assert_eq!(ask(&tab, anew), true);

    std::fs::remove_file(server.root.join("me.png")).expect("a file");
    assert_eq!(ask(&tab, "return await until(() => !one('dialog[open]'))"), true);
}

#[test]
fn filter_and_order_stay() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for (name, content) in [("b.txt", "12"), ("c.md", "123"), ("a.txt", "1")] {
        server.put(name, content);
    }
    tab.open(&url(&server));
    ask(
        &tab,
        "one('th.size button').click(); const f = one('.filter'); f.value = 'txt'; f.dispatchEvent(new Event('input'))",
    );
    assert_eq!(ask(&tab, "return names()"), json!(["b.txt", "a.txt"]));
    server.put("d.txt", "1234");
    server.put("e.md", "12345");
    let seen = ask(&tab, "await until(() => one('.count').textContent === '3 of 5 shown'); return names()");
    assert_eq!(seen, json!(["d.txt", "b.txt", "a.txt"]));
}

#[test]
fn a_hidden_tab_has_no_stream_and_sees_what_it_missed() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    tab.open(&url(&server));
    // a real page that really listens; only the word of the window system is ours
    let show = |hidden: bool| {
        let script = format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }});
            document.dispatchEvent(new Event('visibilitychange'))"
        );
        ask(&tab, &script)
    };
    server.put("first.txt", "");
    ask(&tab, "await until(() => names().length === 1)");
    show(true);
    let line = server.logged("text/event-stream");
    assert!(line.contains("the client hung up"), "{line}");
    server.put("missed.txt", "");
    show(false);
    assert_eq!(
        ask(&tab, "await until(() => names().length === 2); return names()"),
        json!(["first.txt", "missed.txt"])
    );
}
