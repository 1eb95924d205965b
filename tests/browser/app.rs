//! The web app beside devmedia: pages on a port of their own.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use crate::support::PATIENCE;

/// A file of the app: path, content type, content.
pub(crate) type File = (&'static str, &'static str, String);

/// The targets that were asked for, in the order in which they came.
#[derive(Default)]
struct Noted {
    asked: Mutex<Vec<String>>,
    another: Condvar,
}

/// A tiny web server that runs until the tests end.
pub(crate) struct App {
    port: u16,
    noted: Arc<Noted>,
}

impl App {
    /// Serves these files under this Referrer-Policy; none when it is empty.
    pub(crate) fn start(referrer_policy: &'static str, files: impl Into<Vec<File>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let noted = Arc::new(Noted::default());
        let (files, shared) = (Arc::new(files.into()), Arc::clone(&noted));
        std::thread::spawn(move || {
            // a thread each: browsers open connections they do not use yet
            for stream in listener.incoming().map_while(Result::ok) {
                let (files, shared) = (Arc::clone(&files), Arc::clone(&shared));
                std::thread::spawn(move || answer(&stream, referrer_policy, &files, &shared));
            }
        });
        Self { port, noted }
    }

    /// An empty page: a test puts into it what it needs.
    pub(crate) fn blank(referrer_policy: &'static str) -> Self {
        Self::page(referrer_policy, "")
    }

    /// One page, at `/`.
    pub(crate) fn page(referrer_policy: &'static str, body: &str) -> Self {
        let html = format!("<!doctype html><meta charset=utf-8><title>app</title><body>{body}");
        Self::start(referrer_policy, [("/", "text/html", html)])
    }

    /// The URL of its `/` under one of the names of this machine.
    pub(crate) fn at(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.port)
    }

    /// Waits until it has been asked for this target.
    pub(crate) fn is_asked_for(&self, target: &str) {
        let asked = self.noted.asked.lock().expect("no thread panics with it");
        let misses = |asked: &mut Vec<String>| asked.iter().all(|asked| asked != target);
        let waited = self.noted.another.wait_timeout_while(asked, PATIENCE, misses);
        let (asked, timeout) = waited.expect("no thread panics with it");
        assert!(!timeout.timed_out(), "nobody asked for {target}, only for {asked:?}");
    }

    /// The targets it has been asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.noted.asked.lock().expect("no thread panics with it").clone()
    }
}

fn answer(mut stream: &TcpStream, referrer_policy: &str, files: &[File], noted: &Noted) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    noted.asked.lock().expect("no thread panics with it").push(target.clone());
    noted.another.notify_all();
    let (status, content_type, content) = match files.iter().find(|(path, ..)| *path == target) {
        Some((_, content_type, content)) => ("200 OK", *content_type, content.as_str()),
        None => ("404 Not Found", "text/plain", ""),
    };
    let policy = match referrer_policy {
        "" => String::new(),
        policy => format!("Referrer-Policy: {policy}\r\n"),
    };
    let length = content.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{policy}");
    stream.write_all(format!("{head}Connection: close\r\n\r\n{content}").as_bytes()).ok()
}
