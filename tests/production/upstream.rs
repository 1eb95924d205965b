//! An upstream that answers with raw bytes.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use crate::support::PATIENCE;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    /// Headers, with names in lower case.
    pub(super) fields: Vec<(String, String)>,
}

impl Asked {
    /// The value of a header, or an empty text.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// The requests in the order of arrival.
#[derive(Default)]
struct Noted {
    asked: Mutex<Vec<Asked>>,
    another: Condvar,
}

/// A listener that serves each connection in a thread and records the requests.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    noted: Arc<Noted>,
}

impl Upstream {
    /// Answers each request with this function, which may write any bytes. The connection is closed afterwards.
    pub(super) fn start(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let noted = Arc::new(Noted::default());
        let (shared, answer) = (Arc::clone(&noted), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &shared, &*answer));
            }
        });
        Self { address, noted }
    }

    /// An upstream that always answers with these bytes.
    pub(super) fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, stream| drop(stream.write_all(&bytes)))
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}/files/", self.address)
    }

    /// All requests so far, in the order of arrival.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.noted.asked.lock().expect("no thread panics while holding it").clone()
    }

    /// Waits until this many requests have arrived.
    pub(super) fn is_asked(&self, times: usize) {
        let asked = self.noted.asked.lock().expect("no thread panics while holding it");
        let waited = self.noted.another.wait_timeout_while(asked, PATIENCE, |asked| asked.len() < times);
        let (asked, timeout) = waited.expect("no thread panics while holding it");
        assert!(!timeout.timed_out(), "{} requests instead of {times}", asked.len());
    }

    /// The number of requests so far.
    pub(super) fn count(&self) -> usize {
        self.asked().len()
    }
}

fn serve(mut stream: TcpStream, noted: &Noted, answer: &dyn Fn(&Asked, &mut TcpStream)) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines().map_while(Result::ok);
    let Some(line) = lines.next() else { return };
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let fields = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let asked = Asked { method, target, fields: fields.collect() };
    noted.asked.lock().expect("no thread panics while holding it").push(asked.clone());
    noted.another.notify_all();
    answer(&asked, &mut stream);
}
