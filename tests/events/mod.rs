//! `?events`: the changes of a folder as a stream. `browser_live.rs` tests the visible effects.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Server, Way, skip_on_windows, wait_until};

/// An open stream, read event by event.
struct Events {
    stream: BufReader<TcpStream>,
    /// The head of the answer.
    head: Vec<String>,
    /// Received text that is not a complete event yet.
    text: String,
    last_id: String,
}

impl Events {
    /// Opens a stream and waits until it is active. No event is missed from then on.
    fn open(server: &Server, target: &str) -> Self {
        Self::open_with(server, target, "")
    }

    fn open_with(server: &Server, target: &str, fields: &str) -> Self {
        let mut stream = server.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").expect("open");
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let line = line(&mut stream).expect("a head");
            if line.is_empty() {
                break;
            }
            head.push(line.to_ascii_lowercase());
        }
        let mut events = Self { stream, head, text: String::new(), last_id: String::new() };
        let greeting = events.block().expect("a greeting");
        assert!(greeting.contains("retry: 1000\n"), "{greeting}");
        if let Some(rest) = greeting.split_once('\n').map(|(_, rest)| rest).filter(|rest| rest.starts_with("event")) {
            events.text.insert_str(0, &format!("{rest}\n\n"));
        }
        events
    }

    /// The next block of lines; `None` at the end of the stream.
    fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                    id.clone_into(&mut self.last_id);
                }
                return Some(block);
            }
            let size = usize::from_str_radix(&line(&mut self.stream)?, 16).expect("a chunk's size");
            let mut chunk = vec![0; size + 2];
            std::io::Read::read_exact(&mut self.stream, &mut chunk).expect("the chunk");
            if size == 0 {
                return None;
            }
            self.text += std::str::from_utf8(&chunk[..size]).expect("text");
        }
    }

    /// The next event: its name, or the kind of change with the name and the URL of what changed.
    fn next(&mut self) -> Option<String> {
        loop {
            let block = self.block()?;
            let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
            let data: Value = serde_json::from_str(data).expect("JSON");
            let name = block.lines().find_map(|line| line.strip_prefix("event: ")).expect("a name");
            return Some(match name {
                "change" => ["kind", "name", "url"].map(|key| data[key].as_str().expect("a text")).join(" "),
                name => format!("{name} {}", data["url"].as_str().expect("a text")),
            });
        }
    }

    fn expect(&mut self, expected: &str) {
        assert_eq!(self.next().as_deref(), Some(expected));
    }

    /// Reads until this event. Writing a file creates it, and may modify it as well.
    fn until(&mut self, expected: &str) {
        while self.next().expect("the stream goes on") != expected {}
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).expect("a line, or the end");
    (read > 0).then(|| line.trim_end().to_owned())
}

fn start(args: &[&str]) -> Server {
    let server = Server::start(Way::Fast, args);
    server.put("photos/old.jpg", "old");
    server
}

/// Inotify watches of the process, by its descriptors.
#[cfg(target_os = "linux")]
fn watches(server: &Server) -> usize {
    let infos = fs::read_dir(format!("/proc/{}/fdinfo", server.pid())).expect("a process");
    let texts = infos.filter_map(|info| fs::read_to_string(info.ok()?.path()).ok());
    texts.map(|text| text.lines().filter(|line| line.starts_with("inotify ")).count()).sum()
}

#[test]
fn a_stream_reports_the_changes_of_its_folder() {
    for args in [&[][..], &["--poll", "50ms"]] {
        let server = start(args);
        let mut events = Events::open(&server, "/media/photos/?events");
        let photos = server.root.join("photos");

        server.put("photos/a b.jpg", "new");
        events.until("created a b.jpg /media/photos/a%20b.jpg");
        server.put("photos/old.jpg", "newer than it was");
        events.until("modified old.jpg /media/photos/old.jpg");
        fs::rename(photos.join("old.jpg"), photos.join("new.jpg")).expect("a rename");
        events.until("removed old.jpg /media/photos/old.jpg");
        events.expect("created new.jpg /media/photos/new.jpg");
        fs::remove_file(photos.join("new.jpg")).expect("a removal");
        events.until("removed new.jpg /media/photos/new.jpg");
        // put in its place whole, as an upload or an editor does it
        fs::write(server.outside.join("whole"), "in its place").expect("a file");
        fs::rename(server.outside.join("whole"), photos.join("a b.jpg")).expect("a rename");
        events.until("modified a b.jpg /media/photos/a%20b.jpg");
        fs::create_dir(photos.join("more")).expect("a folder");
        events.until("created more /media/photos/more/");
        // not of a folder below, nor of one above
        server.put("photos/more/deep.jpg", "");
        server.put("above.jpg", "");
        fs::remove_dir_all(photos.join("more")).expect("a removal");
        events.expect("removed more /media/photos/more/");
    }
}

#[test]
fn the_headers_are_those_of_an_event_stream() {
    let server = start(&[]);
    let mut fields = BTreeMap::new();
    for line in &Events::open_with(&server, "/media/photos/?events", "Origin: http://localhost:3000\r\n").head[1..] {
        let (name, value) = line.split_once(": ").expect("a field");
        fields.insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-accel-buffering", "no"),
        ("access-control-allow-origin", "http://localhost:3000"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name} in {fields:?}");
    }
    let head = server.request("HEAD", "/media/photos/?events", &[]);
    assert_eq!((head.status, head.field("content-type")), (200, "text/event-stream"));
}

#[test]
fn a_burst_of_events_is_combined() {
    let server = start(&[]);
    let mut events = Events::open(&server, "/media/photos/?events");
    for number in 0..2000 {
        server.put(format!("photos/{number}.txt"), "");
    }
    events.until("refresh /media/photos/");
}

#[test]
fn hidden_names_are_not_reported() {
    for (args, hidden) in [(&[][..], false), (&["--hidden"], true)] {
        let server = start(args);
        let mut events = Events::open(&server, "/media/photos/?events");
        server.put("photos/.secret", "");
        server.put("photos/.devmedia-1", "");
        server.put("photos/seen", "");
        if hidden {
            events.expect("created .secret /media/photos/.secret");
        }
        events.expect("created seen /media/photos/seen");
    }
}

#[test]
fn the_events_of_a_rejected_path_are_rejected_too() {
    let server = start(&[]);
    server.put("photos/.hidden/a", "");
    for (target, fields, status) in [
        ("/media/photos?events", &[][..], 302),
        ("/media/nothing/?events", &[], 404),
        ("/media/photos/old.jpg/?events", &[], 404),
        ("/media/photos/.hidden/?events", &[], 404),
        ("/media/photos/?events", &[("Host", "evil.example")], 421),
        ("/media/photos/?events", &[("Origin", "https://evil.example")], 403),
        ("/media/photos/old.jpg?events", &[], 200),
    ] {
        assert_eq!(server.request("GET", target, fields).status, status, "{target} {fields:?}");
    }
    assert_eq!(server.request("POST", "/media/photos/?events", &[]).status, 405);
    let server = start(&["--no-index"]);
    assert_eq!(server.get("/media/photos/?events").status, 404);
}

#[test]
fn a_client_that_reconnects_learns_whether_it_missed_events() {
    let server = start(&[]);
    let state = Events::open(&server, "/media/photos/?events").last_id;
    // nothing missed: the first that comes is what happens next
    let mut same = Events::open_with(&server, "/media/photos/?events", &format!("Last-Event-ID: {state}\r\n"));
    server.put("photos/new.jpg", "");
    same.until("created new.jpg /media/photos/new.jpg");
    let mut late = Events::open_with(&server, "/media/photos/?events", &format!("Last-Event-ID: {state}\r\n"));
    late.expect("refresh /media/photos/");
    let mut page = Events::open(&server, &format!("/media/photos/?events={state}"));
    page.expect("refresh /media/photos/");
}

#[test]
fn a_page_contains_the_state_of_its_folder() {
    let server = start(&[]);
    let page = server.request("GET", "/media/photos/", &[("Accept", "text/html")]).text();
    let state = page.split_once("data-state=\"").and_then(|(_, rest)| rest.split('"').next()).expect("a state");
    assert_eq!(Events::open(&server, "/media/photos/?events").last_id, state);
}

#[test]
fn a_recreated_root_is_reported_and_watched() {
    for args in [&[][..], &["--poll", "50ms"]] {
        let server = start(args);
        let mut events = Events::open(&server, "/media/?events");
        fs::remove_dir_all(&server.root).expect("a removal");
        events.until("refresh /media/");
        fs::create_dir(&server.root).expect("the root");
        events.until("refresh /media/");
        server.put("after.txt", "");
        events.until("created after.txt /media/after.txt");
        // moved away: the system says nothing of it
        fs::rename(&server.root, server.outside.join("elsewhere")).expect("a rename");
        events.until("refresh /media/");
        fs::create_dir(&server.root).expect("the root");
        events.until("refresh /media/");
        server.put("at last.txt", "");
        events.until("created at last.txt /media/at%20last.txt");
    }
}

#[test]
fn a_stop_ends_streams_at_once() {
    let mut server = start(&["--grace", "1h"]);
    let mut streams: Vec<Events> = (0..3).map(|_| Events::open(&server, "/media/photos/?events")).collect();
    kill_process(Pid::from_raw(server.pid().cast_signed()).expect("a number"), Signal::TERM).expect("a child");
    for stream in &mut streams {
        assert_eq!(stream.next(), None, "a good end, not a cut");
    }
    assert!(server.wait().success());
}

#[test]
#[cfg(target_os = "linux")]
fn only_open_folders_are_watched_and_only_once() {
    let server = start(&[]);
    server.put("photos/more/deep.jpg", "");
    assert_eq!(watches(&server), 0);
    let first = Events::open(&server, "/media/photos/?events");
    let second = Events::open(&server, "/media/photos/?events");
    assert_eq!(watches(&server), 1);
    let top = Events::open(&server, "/media/?events");
    assert_eq!(watches(&server), 2);
    // the server notices at once who hangs up
    drop(first);
    server.logged("the client hung up");
    assert_eq!(watches(&server), 2);
    drop(second);
    wait_until("the end of the watch", || watches(&server) == 1);
    drop(top);
    wait_until("the end of the watch", || watches(&server) == 0);

    let server = start(&["--poll", "1s"]);
    let _events = Events::open(&server, "/media/photos/?events");
    assert_eq!(watches(&server), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn two_paths_to_a_folder_share_a_watch() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = start(&[]);
    std::os::unix::fs::symlink("photos", server.root.join("link")).expect("a link");
    let mut straight = Events::open(&server, "/media/photos/?events");
    let linked = Events::open(&server, "/media/link/?events");
    assert_eq!(watches(&server), 1);
    drop(linked);
    server.logged("the client hung up");
    server.put("photos/new.jpg", "");
    straight.until("created new.jpg /media/photos/new.jpg");
}

#[test]
fn the_number_of_streams_is_limited() {
    let server = start(&[]);
    let mut streams: Vec<Events> = (0..256).map(|_| Events::open(&server, "/media/photos/?events")).collect();
    let refused = server.get("/media/photos/?events");
    assert_eq!((refused.status, refused.field("retry-after")), (503, "1"), "{refused:?}");
    assert!(refused.text().contains("256"), "{refused:?}");
    streams.pop();
    server.logged("the client hung up");
    wait_until("room for one more", || server.request("HEAD", "/media/photos/?events", &[]).status == 200);
}

#[test]
fn a_request_behind_a_stream_does_not_end_it() {
    let server = start(&[]);
    let mut events = Events::open(&server, "/media/photos/?events");
    events.stream.get_mut().write_all(b"GET /media/photos/old.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
    server.put("photos/new.jpg", "");
    events.until("created new.jpg /media/photos/new.jpg");
    server.put("photos/newer.jpg", "");
    events.until("created newer.jpg /media/photos/newer.jpg");
}

#[test]
fn a_stream_sends_keep_alives_before_proxies_time_out() {
    let server = start(&[]);
    let mut events = Events::open(&server, "/media/photos/?events");
    events.stream.get_ref().set_read_timeout(Some(Duration::from_secs(25))).expect("a time-out");
    assert_eq!(events.block().as_deref(), Some(":"));
}
