//! An app that is asked: as slow, dead or garrulous as a test wants it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::support::PATIENCE;

/// A listener that answers every question with what a closure says.
pub(super) struct App {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    questions: Mutex<Receiver<String>>,
}

impl App {
    /// An app that answers each head of a request with these bytes, and closes where they are none.
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

    /// An app with one answer.
    pub(super) fn saying(answer: &'static str) -> Self {
        Self::start(move |_| answer.as_bytes().to_vec())
    }

    /// Where to ask.
    pub(super) fn url(&self) -> String {
        format!("http://{}/media-auth/", self.address)
    }

    /// The head of the next question.
    pub(super) fn question(&self) -> String {
        self.questions.lock().expect("one reader").recv_timeout(PATIENCE).expect("a question")
    }

    /// How many questions came that nobody has read.
    pub(super) fn unread(&self) -> usize {
        self.questions.lock().expect("one reader").try_iter().count()
    }

    /// How many connections were made.
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
