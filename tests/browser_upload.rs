//! Uploads in the gallery: Debian's Chromium against the real binary.
//!
//! Without `chromium` and `chromedriver` on `PATH` these tests say so and pass; with `CI=true` they fail.

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/gallery.rs"]
mod gallery;
mod support;

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use driver::Tab;
use gallery::{sample, url, violations};
use support::{Server, Way};

/// What a hand does with files. A script may make everything of it but the trust of the browser.
const HAND: &str = "
    const carry = (...files) => {
        const data = new DataTransfer();
        for (const [name, content] of files) data.items.add(new File([content], name));
        return data;
    };
    const drag = (type, dataTransfer) =>
        !document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    const drop = (...files) => drag('drop', carry(...files));
    const told = state => until(() => one(`.uploads .${state} p`)?.textContent);
";

fn ask(tab: &Tab, script: &str) -> Value {
    gallery::ask(tab, &format!("{HAND} {script}"))
}

/// What lies in the root, whatever its name is.
fn stored(server: &Server) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(&server.root).expect("the root").map(|entry| entry.expect("an entry"));
    let read = |entry: fs::DirEntry| {
        (entry.file_name().into_string().expect("UTF-8"), fs::read(entry.path()).expect("a file"))
    };
    entries.map(read).collect()
}

fn signal(server: &Server, signal: Signal) {
    let pid = server.pid().try_into().ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("a child of this process");
}

#[test]
fn chosen_files_are_uploaded_and_a_rejected_one_shows_the_reason() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload", "--max-upload", "64KiB"]);
    server.put("old.txt", "old");
    let home = tempfile::tempdir().expect("a temporary folder");
    let (small, large) = (home.path().join("new.txt"), home.path().join("large.bin"));
    fs::write(&small, "brought by a browser").expect("a file");
    fs::File::create(&large).and_then(|file| file.set_len(32 << 20)).expect("a file");
    tab.open(&url(&server));
    ask(&tab, "window.same = true");
    tab.choose(".upload input", &[&small, &large]);
    let seen = ask(
        &tab,
        "const said = [await told('stored'), await told('failed'), one('.uploads h2').textContent];
        await until(() => names().length === 2);
        return [...said, names(), same]",
    );
    let why = "The upload is larger than the limit of 64.0 KiB. \
               Start devmedia with a larger --max-upload, such as --max-upload 10GiB.";
    assert_eq!(seen, json!(["Uploaded  ·  20 B", why, "1 file uploaded, 1 failed", ["new.txt", "old.txt"], true]));
    assert_eq!(stored(&server)["new.txt"], b"brought by a browser");

    // a name that is taken is not taken again, and the row says how the file is called now
    tab.choose(".upload input", &[&small]);
    let seen = ask(
        &tab,
        "await until(() => names().length === 3);
        const said = await until(() => [...document.querySelectorAll('.stored p')].at(-1).textContent);
        return [said, names().find(name => /^new_/.test(name))]",
    );
    let name = seen[1].as_str().expect("another name");
    assert_eq!(seen[0], format!("Uploaded as {name}  ·  20 B"));
    assert_eq!(stored(&server).len(), 3);

    ask(&tab, "one('.uploads header button').click(); await until(() => one('.uploads').hidden)");
    assert_eq!(ask(&tab, "return document.activeElement.textContent"), "Upload");
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn a_dropped_file_appears_once_in_every_window() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload"]);
    tab.open(&url(&server));
    let first = tab.window();
    let second = tab.new_window();
    tab.open(&url(&server));
    ask(&tab, "window.same = true");

    tab.turn_to(&first);
    let picture = sample("avatars/ada.png");
    let seen = ask(
        &tab,
        &format!(
            "const heard = [];
            new MutationObserver(() => heard.push(one('.news').textContent)).observe(one('.news'), {{ childList: true }});
            const data = carry(['ada.png', new Uint8Array({picture:?})]);
            const target = () => !one('.drop').hidden && one('.drop').textContent;
            const over = [drag('dragover', data), target()];
            drag('drop', data);
            const after = target();
            await until(() => one('tbody img')?.naturalWidth);
            // the end of the upload and the event of the folder are two who tell of it
            await until(() => heard.includes('1 file uploaded') && heard.includes('ada.png was added.'));
            return [over, after, names()]"
        ),
    );
    assert_eq!(seen, json!([[true, "Drop to upload to /media/"], false, ["ada.png"]]));
    assert_eq!(stored(&server)["ada.png"], picture);

    tab.turn_to(&second);
    let seen = ask(&tab, "await until(() => one('tbody img')?.naturalWidth); return [names(), same, document.hidden]");
    assert_eq!(seen, json!([["ada.png"], true, false]));
}

#[test]
fn a_progress_bar_shows_an_upload_and_its_button_cancels_it() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload"]);
    tab.open(&url(&server));
    // a server that stands still takes what the buffers of its connection hold, and no more
    signal(&server, Signal::STOP);
    let seen = ask(
        &tab,
        "drop(['film.mp4', new Uint8Array(64 << 20)], ['a.txt', 'a'], ['b.txt', 'b'], ['c.txt', 'c'], ['d.txt', 'd']);
        const bar = one('.uploads progress');
        await until(() => bar.value > 0);
        return [bar.value < 1, bar.getBoundingClientRect().width > 100, bar.ariaLabel,
            one('.uploads p').textContent.split(' of ')[1], one('.uploads h2').textContent]",
    );
    assert_eq!(seen, json!([true, true, "Upload of film.mp4", "64 MiB", "Uploading 1 of 5"]));
    let seen = ask(
        &tab,
        "const cancel = name => one(`button[aria-label='Cancel ${name}']`);
        cancel('film.mp4').focus();
        cancel('film.mp4').click();
        cancel('d.txt').click(); // which waits for its turn
        return [one('.uploads h2').textContent, [...document.querySelectorAll('.uploads .title')].map(title => title.textContent),
            document.activeElement.ariaLabel]",
    );
    assert_eq!(seen, json!(["Uploading 1 of 3", ["a.txt", "b.txt", "c.txt"], "Cancel a.txt"]));
    signal(&server, Signal::CONT);
    server.logged("ended before the body");
    let seen = ask(&tab, "await until(() => names().length === 3); return [names(), one('.uploads h2').textContent]");
    assert_eq!(seen, json!([["a.txt", "b.txt", "c.txt"], "3 files uploaded"]));
    assert_eq!(stored(&server).into_keys().collect::<Vec<_>>(), ["a.txt", "b.txt", "c.txt"]);
}

#[test]
fn a_file_stored_elsewhere_shows_its_location() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload", "--upload-to", "in/box/"]);
    tab.open(&url(&server));
    let seen = ask(
        &tab,
        "drop(['a.txt', 'a']);
        const said = await told('stored');
        await until(() => names().length === 1);
        return [said, names(), one('.uploads .title a').href]",
    );
    assert_eq!(seen, json!(["Uploaded as in/box/a.txt  ·  1 B", ["in/"], url(&server) + "in/box/a.txt"]));
}

#[test]
fn pasting_uploads_an_image_but_not_text() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload"]);
    server.put("folder/x", "");
    tab.open(&(url(&server) + "folder/"));
    let seen = ask(
        &tab,
        "const paste = (target, clipboardData) =>
            !target.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
        const text = new DataTransfer();
        text.setData('text/plain', 'only words');
        const ours = [paste(one('.filter'), text), paste(document.body, carry(['image.png', 'a picture']))];
        await told('stored');
        await until(() => names().length === 2);
        return [ours, names()]",
    );
    assert_eq!(seen, json!([[false, true], ["image.png", "x"]]));
    assert_eq!(fs::read(server.root.join("folder/image.png")).expect("stored"), b"a picture");
}

#[test]
fn a_hostile_name_is_escaped() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload"]);
    tab.open(&url(&server));
    // an alert would fail the script
    let seen = ask(
        &tab,
        "const name = '\"><img src=x onerror=alert(1)>.png';
        drop([name, 'x']);
        const said = await told('stored');
        await until(() => names().length === 1);
        return [one('.uploads .title').textContent === name, names(), said, document.querySelectorAll('[onerror], [src=x]').length]",
    );
    let name = seen[1][0].as_str().expect("a name");
    assert_eq!(seen, json!([true, [name], format!("Uploaded as {name}  ·  1 B"), 0]));
    assert!(!name.contains(['"', '<', '>', ' ', '=']), "{name}");
    assert_eq!(violations(&tab), json!([]));
}

#[test]
fn an_unreachable_server_is_reported() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload"]);
    tab.open(&url(&server));
    drop(server);
    let said =
        ask(&tab, "drop(['a.txt', 'a']); return [await told('failed'), one('.failed [role=alert]').textContent]");
    let why = "The server cannot be reached, or the connection broke off. Is it still running?";
    assert_eq!(said, json!([why, why]));
}

#[test]
fn a_read_only_mount_has_no_upload_controls() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &[]);
    server.put("a.txt", "a");
    tab.open(&url(&server));
    let seen = ask(
        &tab,
        "return [document.querySelectorAll('form, input[type=file], .upload, .uploads, .drop').length, drop(['b.txt', 'b'])]",
    );
    assert_eq!(seen, json!([0, false]));
}

#[test]
fn the_upload_form_works_without_a_script() {
    let Some(tab) = Tab::new() else { return };
    let server = Server::start(Way::Fast, &["--upload"]);
    server.put("old.txt", "old");
    let file = server.outside.join("new.txt");
    fs::write(&file, "brought by a form").expect("a file");
    tab.open(&url(&server));
    // the page as it comes, where no script has run, under the policy that it came with
    ask(
        &tab,
        "const text = await (await fetch(location)).text();
        document.open();
        document.write(text.replace(/<script.*?<\\/script>/gs, ''));
        document.close()",
    );
    tab.choose(".upload input", &[&file]);
    assert_eq!(ask(&tab, "return [names(), one('.tools').hidden]"), json!([["old.txt"], true]));
    tab.click(".upload button");
    assert_eq!(ask(&tab, "await until(() => names().length === 2); return names()"), json!(["new.txt", "old.txt"]));
    assert_eq!(tab.url(), url(&server));
    assert_eq!(stored(&server)["new.txt"], b"brought by a form");
}
