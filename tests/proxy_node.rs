//! Vite's hot reloading in Debian's Chromium, and Express's events, behind devmedia.
//!
//! `DEVMEDIA_TEST_NODE_MODULES` names a `node_modules` with `vite` and `express`.
#![cfg(target_os = "linux")]

#[path = "browser/driver.rs"]
mod driver;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use driver::Tab;
use support::process::Process;
use support::{PATIENCE, skip, wait_until};

/// A folder with packages of Node; nothing, with the reason printed, where they are not there.
fn project() -> Option<TempDir> {
    let modules = std::env::var_os("DEVMEDIA_TEST_NODE_MODULES").map(PathBuf::from);
    let Some(modules) = modules.filter(|modules| modules.join("vite").is_dir() && modules.join("express").is_dir())
    else {
        skip("DEVMEDIA_TEST_NODE_MODULES names no node_modules with vite and express");
        return None;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("media")).expect("the root");
    symlink(modules, folder.path().join("node_modules")).expect("a link");
    fs::write(folder.path().join("package.json"), r#"{ "type": "module", "private": true }"#).expect("the package");
    Some(folder)
}

/// `devmedia run` of this command, and its URL.
fn run(folder: &TempDir, words: &[&str]) -> (Process, String) {
    let mut command: Command = support::command();
    command.current_dir(folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["run", "--debug", "--listen", "127.0.0.1:0", "--"]).args(words);
    let process = Process::start(command);
    let url = loop {
        let line = process.stdout.with("http://127.0.0.1:");
        if line.starts_with("http://") {
            break line;
        }
    };
    (process, url)
}

/// Vite 7: a changed module is replaced in the page, which is not loaded again.
#[test]
fn vite_replaces_a_module_in_the_page() {
    let Some(tab) = Tab::new() else { return };
    let Some(folder) = project() else { return };
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    put("index.html", "<!doctype html><title>Vite</title><p id=out></p><script type=module src=/main.js></script>");
    put(
        "main.js",
        "import { text } from './text.js';\n\
         const show = text => { document.getElementById('out').textContent = text; };\n\
         show(text);\n\
         if (import.meta.hot) import.meta.hot.accept('./text.js', module => show(module.text));\n",
    );
    put("text.js", "export const text = 'before';\n");
    put("media/a.txt", "media");
    let (process, url) = run(&folder, &["node", "node_modules/vite/bin/vite.js"]);
    tab.open(&url.replace("127.0.0.1", "localhost"));
    wait_until("the page", || tab.ask("return document.getElementById('out').textContent") == "before");
    // the socket for hot reloading comes by here, and not past devmedia to Vite's own port
    process.stderr.with(" 101 ");
    assert_eq!(tab.ask("return (await fetch('/media/a.txt')).text()"), "media");
    tab.ask("window.kept = true");
    put("text.js", "export const text = 'after';\n");
    wait_until("the new module", || tab.ask("return document.getElementById('out').textContent") == "after");
    assert_eq!(tab.ask("return window.kept"), true, "the page was not loaded again");
}

/// The page in the place of an app that starts reloads itself.
#[test]
fn the_page_of_an_app_that_is_down_reloads_itself() {
    let Some(tab) = Tab::new() else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let server = support::Server::start(support::Way::Fast, &["--app", &format!("http://127.0.0.1:{port}")]);
    tab.open(&format!("http://localhost:{}/", server.address.port()));
    assert!(tab.text().contains("Start the app"), "{}", tab.text());
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let body = "<!doctype html><title>The app is up</title>";
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", body.len());
            let body = if line.starts_with("HEAD") { "" } else { body };
            let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes());
        }
    });
    // not the text: there is none for a moment while a page is replaced
    wait_until("the app's page", || tab.title() == "The app is up");
}

/// Express: each event is there before the next is sent.
#[test]
fn events_of_express_arrive_one_by_one() {
    let Some(folder) = project() else { return };
    let server = "import express from 'express';\n\
                  const app = express();\n\
                  const clients = [];\n\
                  app.get('/events', (request, response) => {\n\
                    response.set('Content-Type', 'text/event-stream').flushHeaders();\n\
                    response.write('data: first\\n\\n');\n\
                    clients.push(response);\n\
                  });\n\
                  app.post('/next', (request, response) => {\n\
                    for (const client of clients) client.write('data: second\\n\\n');\n\
                    response.sendStatus(204);\n\
                  });\n\
                  app.listen(process.env.PORT, '127.0.0.1');\n";
    fs::write(folder.path().join("server.js"), server).expect("the server");
    let (_process, url) = run(&folder, &["node", "server.js"]);
    let address = url.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("sent");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "data: first"), "the first event");
    let next = support::client::send(address, "POST", "/next", &[], b"");
    assert_eq!(next.status, 204);
    assert!(lines.any(|line| line == "data: second"), "the second event");
}
