//! An app that devmedia asks for access: it can be slow, unreachable, or send any answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::support::PATIENCE;

/// A listener that answers every request with the result of a closure.
pub(super) struct App {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    questions: Mutex<Receiver<String>>,
}

impl App {
    /// An app that answers each request head with the returned bytes, and closes the connection if they are empty.
    pub(super) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, questions) = channel();
        let (answer, count) = (Arc::new(answer), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, SeqCst);
                let (answer, sender) = (Arc::clone(&answer), sender.clone());
                std::thread::spawn(move || {
                    serve(&stream, |head| {
                        // the test may have ended already
                        let _ = sender.send(head.to_owned());
                        answer(head)
                    });
                });
            }
        });
        Self { address, connections, questions: Mutex::new(questions) }
    }

    /// An app that always gives the same answer.
    pub(super) fn saying(answer: &'static str) -> Self {
        Self::start(move |_| answer.as_bytes().to_vec())
    }

    /// The URL for access requests.
    pub(super) fn url(&self) -> String {
        format!("http://{}/media-auth/", self.address)
    }

    /// The head of the next request.
    pub(super) fn question(&self) -> String {
        self.questions.lock().expect("one reader").recv_timeout(PATIENCE).expect("a question")
    }

    /// The number of requests that no test has read.
    pub(super) fn unread(&self) -> usize {
        self.questions.lock().expect("one reader").try_iter().count()
    }

    /// The number of connections.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

fn serve(stream: &TcpStream, mut answer: impl FnMut(&str) -> Vec<u8>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let bytes = answer(&head);
        let mut stream = stream;
        if stream.write_all(&bytes).is_err() || bytes.is_empty() || bytes.ends_with(b"...") {
            return;
        }
    }
}
