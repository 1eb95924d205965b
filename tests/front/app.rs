//! An app that answers with exactly the bytes a test needs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use crate::support::PATIENCE;

/// A listener whose connections are served by a closure, in a thread each.
pub(super) struct App {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// One connection to the app.
pub(super) struct Exchange {
    reader: BufReader<TcpStream>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// Each connection is served until the closure returns.
    pub(super) fn start(serve: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a port"), serve)
    }

    /// The same on a given port.
    pub(super) fn listen(listener: TcpListener, serve: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("bound");
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (serve, count, all) = (Arc::new(serve), Arc::clone(&connections), Arc::clone(&heads));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, SeqCst);
                stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
                let (serve, heads) = (Arc::clone(&serve), Arc::clone(&all));
                std::thread::spawn(move || serve(&mut Exchange { reader: BufReader::new(stream), heads }));
            }
        });
        Self { address, connections, heads }
    }

    /// An app that answers every request with these bytes. It reads bodies only if they have a length.
    pub(super) fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |exchange| {
            while let Some(head) = exchange.head() {
                let _ = exchange.body(&head);
                exchange.write(&answer);
            }
        })
    }

    /// An app that answers with the head and the body of the request.
    pub(super) fn echo() -> Self {
        Self::start(|exchange| {
            while let Some(head) = exchange.head() {
                let body = exchange.body(&head);
                let text = [head.as_bytes(), &body].concat();
                exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len()).as_bytes());
                if !head.starts_with("HEAD ") {
                    exchange.write(&text);
                }
            }
        })
    }

    /// As `--app` takes it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of connections.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// The heads of all requests so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("nothing panics while holding it").clone()
    }
}

impl Exchange {
    /// The next request's head, or `None` if the client has disconnected.
    pub(super) fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(self.reader.read_line(&mut head), Ok(1..)) {
                return None;
            }
        }
        self.heads.lock().expect("nothing panics while holding it").push(head.clone());
        Some(head)
    }

    /// The body that a head announces: by its length, or in chunks as they come, trailers included.
    pub(super) fn body(&mut self, head: &str) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(length) = field(head, "content-length") {
            body.resize(length.parse().expect("a length"), 0);
            self.reader.read_exact(&mut body).expect("the whole body");
        } else if field(head, "transfer-encoding").is_some() {
            while !body.ends_with(b"\r\n0\r\n\r\n") && !(ends_with_trailers(&body)) {
                let mut byte = [0];
                self.reader.read_exact(&mut byte).expect("the whole body");
                body.extend_from_slice(&byte);
            }
        }
        body
    }

    /// Returns up to this many of the next bytes; none at the end.
    pub(super) fn read(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 64 * 1024];
        let read = self.reader.read(&mut bytes).unwrap_or_default();
        bytes.truncate(read);
        bytes
    }

    /// Sends bytes; a client that is gone does not get them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }
}

fn ends_with_trailers(body: &[u8]) -> bool {
    body.ends_with(b"\r\n\r\n") && body.windows(5).any(|part| part == b"\r\n0\r\n")
}

/// A field of a head.
pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(line, _)| line.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}
