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
use gallery::{HELPERS, ask, sample, url};
use support::{Server, Way};

#[test]
fn an_open_page_shows_new_files_and_drops_removed_ones() {
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
    assert_eq!(ask(&tab, "return one('tbody tr') === window.row"), true, "an unchanged row is not recreated");

    std::fs::remove_file(server.root.join("ada.png")).expect("a file");
    std::fs::remove_file(server.root.join("noor.png")).expect("a file");
    let seen = ask(&tab, "await until(() => one('.empty')); return [names(), window.same]");
    assert_eq!(seen, json!([[], true]));
}

#[test]
fn a_replaced_image_is_updated_in_the_page_and_the_preview() {
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
    let is_renewed =
        "return !!await until(() => one('tbody img').naturalWidth && one('tbody img').currentSrc !== window.before)";
    assert_eq!(ask(&tab, is_renewed), true);

    std::fs::remove_file(server.root.join("me.png")).expect("a file");
    assert_eq!(ask(&tab, "return await until(() => !one('dialog[open]'))"), true);
}

#[test]
fn filter_and_order_are_kept() {
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
fn a_hidden_tab_has_no_stream_and_catches_up_later() {
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

/// The lines that say why the page is out of date.
const NOTICES: &str =
    "[...document.querySelectorAll('.bar .notices p span:first-child')].map(line => line.textContent)";

/// Waits for the one line and gives it.
fn notice(tab: &Tab) -> String {
    let lines = ask(tab, &format!("await until(() => {NOTICES}.length); return {NOTICES}"));
    let lines: Vec<String> = serde_json::from_value(lines).expect("texts");
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().expect("one line")
}

#[test]
fn a_page_whose_server_has_stopped_says_so_also_over_a_preview() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("a.txt", "a");
    tab.open(&(url(&server) + "#/a.txt"));
    ask(&tab, "await until(() => one('.stage pre'))");
    drop(server);
    assert_eq!(
        notice(&tab),
        "devmedia does not answer: it has stopped, or the connection is lost. This page shows the folder as it was."
    );
    let visible = "const box = one('dialog .notices p').getBoundingClientRect();
        return one('dialog .notices').contains(document.elementFromPoint(box.left + 20, box.top + 5))";
    assert_eq!(ask(&tab, visible), true);
    assert_eq!(ask(&tab, "return names()"), json!(["a.txt"]), "the page keeps what it shows");
}

#[test]
fn a_page_whose_folder_is_removed_says_so_until_it_is_back() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("album/a.txt", "a");
    tab.open(&format!("{}album/", url(&server)));
    ask(&tab, "window.same = true; await until(() => names().length === 1)");
    std::fs::remove_dir_all(server.root.join("album")).expect("a folder");
    let line = notice(&tab);
    assert!(line.starts_with("There is no album/ in the media root."), "{line}");
    server.put("album/b.txt", "b");
    let seen = ask(&tab, &format!("await until(() => !{NOTICES}.length); return [names(), window.same]"));
    assert_eq!(seen, json!([["b.txt"], true]));
}

#[test]
fn removing_or_renaming_a_previewed_file_shows_a_notice() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for name in ["removed.png", "renamed.png", "stays.txt"] {
        server.put(name, sample("avatars/ada.png"));
    }
    tab.open(&(url(&server) + "#/removed.png"));
    ask(&tab, "await opened('removed.png')");
    std::fs::remove_file(server.root.join("removed.png")).expect("a file");
    assert_eq!(notice(&tab), "removed.png is gone: it was removed or renamed.");
    ask(&tab, &format!("await closed(); one('.bar .notices button').click(); await until(() => !{NOTICES}.length)"));

    ask(&tab, "one('a[href=\"renamed.png\"]').click(); await opened('renamed.png')");
    std::fs::rename(server.root.join("renamed.png"), server.root.join("new name.png")).expect("a file");
    assert_eq!(notice(&tab), "renamed.png was renamed: new name.png");
    ask(&tab, "await closed()");
    tab.click(".bar .notices a");
    ask(&tab, "await opened('new name.png')");
    assert_eq!(ask(&tab, &format!("return {NOTICES}")), json!([]));
}

#[test]
fn a_link_to_a_missing_file_shows_the_reason_and_a_suggestion() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("photos/Dunes (1).jpg", sample("photos/dunes.jpg"));
    let folder = format!("{}photos/", url(&server));
    tab.open(&format!("{folder}#/nothing.zip"));
    assert!(notice(&tab).starts_with("There is no photos/nothing.zip in the media root."), "{}", notice(&tab));
    tab.open("about:blank");
    tab.open(&format!("{folder}#/dunes%20(1).jpg"));
    let line = notice(&tab);
    assert!(line.ends_with("Did you mean /media/photos/Dunes (1).jpg?"), "{line}");
    tab.click(".bar .notices a");
    ask(&tab, "await opened('Dunes (1).jpg')");

    // as people write it, with signs that devmedia escapes
    tab.open("about:blank");
    tab.open(&format!("{folder}#/Dunes%20(1).jpg"));
    ask(&tab, "await opened('Dunes (1).jpg')");

    // a link that came before its file
    tab.open("about:blank");
    tab.open(&format!("{folder}#/late.txt"));
    notice(&tab);
    server.put("photos/late.txt", "late");
    ask(&tab, "await opened('late.txt')");
}

#[test]
fn a_file_that_cannot_be_read_shows_the_servers_own_reason() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for path in ["avatars/ada.png", "video/daybreak.mp4", "documents/hello.txt", "documents/about-sample-media.pdf"] {
        server.put(path.split('/').next_back().expect("a name"), sample(path));
    }
    // a page that hears of no change, as where the system reports none: only what it asks for tells it
    tab.open(&url(&server));
    ask(
        &tab,
        "Object.defineProperty(document, 'hidden', { configurable: true, value: true });
        document.dispatchEvent(new Event('visibilitychange'))",
    );
    for name in ["ada.png", "daybreak.mp4", "hello.txt", "about-sample-media.pdf"] {
        std::fs::remove_file(server.root.join(name)).expect("a file");
        let seen = tab.ask_about(
            name,
            &format!(
                "{HELPERS} one(`a[href=\"${{url}}\"]`).click();
                await opened(url);
                const said = await until(() => one('.stage .card p')?.textContent);
                one('[data-act=close]').click();
                await closed();
                return said"
            ),
        );
        assert_eq!(seen, format!("There is no {name} in the media root."));
    }
    drop(server);
    let seen =
        ask(&tab, "one('a[href=\"hello.txt\"]').click(); return await until(() => one('.stage .card p')?.textContent)");
    assert_eq!(seen, "devmedia does not answer: it has stopped, or the connection is lost.");
}

#[test]
fn one_change_in_a_large_folder_transfers_little() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    for number in 0..2000 {
        server.put(format!("{number:04}.txt"), "x");
    }
    tab.open(&url(&server));
    ask(
        &tab,
        "window.row = one('tbody tr'); await until(() => names().length === 2000);
        window.loaded = () => performance.getEntriesByType('resource')
            .filter(({ initiatorType }) => initiatorType === 'fetch').map(({ decodedBodySize }) => decodedBodySize)",
    );
    server.put("0500b.txt", "new");
    let place = "await until(() => names().includes('0500b.txt')); return names().indexOf('0500b.txt')";
    assert_eq!(ask(&tab, place), 501);
    std::fs::rename(server.root.join("1999.txt"), server.root.join("0000a.txt")).expect("a file");
    let place =
        "await until(() => names().includes('0000a.txt')); return [names().indexOf('0000a.txt'), names().length]";
    assert_eq!(ask(&tab, place), json!([1, 2001]));
    std::fs::remove_file(server.root.join("0001.txt")).expect("a file");
    ask(&tab, "await until(() => names().length === 2000)");
    let read = ask(&tab, "return loaded()");
    let read: Vec<u64> = serde_json::from_value(read).expect("sizes");
    assert!(!read.is_empty() && read.iter().all(|&size| size < 4096), "{read:?}");
    assert_eq!(
        ask(&tab, "return [one('tbody tr') === window.row, one('.count').textContent]"),
        json!([true, "2000 files"])
    );

    // a tab that was hidden knows what it shows: it reads nothing again
    let show = |hidden: bool| {
        let script = format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }});
            document.dispatchEvent(new Event('visibilitychange'))"
        );
        ask(&tab, &script)
    };
    show(true);
    let before = ask(&tab, "return loaded().length");
    show(false);
    server.put("0002.txt", "longer");
    ask(&tab, "await until(() => one('a[href=\"0002.txt\"]').closest('tr').dataset.size === '6')");
    assert_eq!(ask(&tab, "return loaded().length").as_u64(), before.as_u64().map(|before| before + 1));
}
