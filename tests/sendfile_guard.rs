//! `connection::sendfile`: if hyper copies placeholder bytes, the zeros are not sent. A connection to a fast client
//! yields to others. Bytes that were not sent are not logged as sent.
#![cfg(target_os = "linux")]

use std::convert::Infallible;
use std::io::{IoSlice, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use devmedia::access_log::Received;
use devmedia::answer::piece::Piece;
use devmedia::body::Body;
use devmedia::body::file::FileBody;
use devmedia::connection::Connection;
use devmedia::connection::sendfile::{MAX_RANGE, SendQueue, SendfileStream, SentSincePause};
use devmedia::storage::byte_range::ByteRange;
use devmedia::storage::open_file::{NoWait, OpenFile};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const LEN: usize = 300_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A file of this many bytes `x`.
fn content(len: usize) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    std::fs::write(file.path(), "x".repeat(len)).expect("its content");
    file
}

fn open(path: &std::path::Path) -> OpenFile {
    OpenFile::new(std::fs::File::open(path).expect("the file"), NoWait::new(true))
}

/// The whole file as a body that is sent through this queue.
fn body(path: &std::path::Path, len: usize, send_queue: &Arc<SendQueue>) -> Body {
    let pieces = ByteRange::whole(len as u64).map(Piece::Span).into_iter().collect();
    Body::File(FileBody::new(open(path), pieces, Some(Arc::clone(send_queue))))
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("a connection");
    (client, listener.accept().await.expect("the client").0)
}

/// Downloads a file of `LEN` bytes `x` through a connection built like this. Repauses the response and how the
/// connection ended.
fn download(http: &http1::Builder) -> (Vec<u8>, hyper::Result<()>) {
    let content = content(LEN);
    let path = content.path().to_owned();
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let client = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("a connection");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a request");
            let mut answer = Vec::new();
            // a reset is one way for a connection to fail
            let _ = stream.read_to_end(&mut answer);
            answer
        });
        let (socket, _) = listener.accept().await.expect("the client");
        let send_queue = Arc::new(SendQueue::default());
        let stream = TokioIo::new(SendfileStream::new(socket, Arc::clone(&send_queue)));
        let respond = service_fn(move |_| {
            let body = body(&path, LEN, &send_queue);
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let ended = http.serve_connection(stream, respond).await;
        (client.await.expect("the client does not panic"), ended)
    })
}

#[test]
fn a_vectored_connection_sends_the_file() {
    let (answer, ended) = download(http1::Builder::new().writev(true));
    ended.expect("a clean end");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    assert!(answer[end + 4..] == vec![b'x'; LEN]);
}

#[test]
fn a_connection_that_copies_fails_and_sends_no_zeros() {
    for http in [http1::Builder::new().pipeline_flush(true), http1::Builder::new().writev(false)] {
        let (answer, ended) = download(http);
        let error = ended.expect_err("the connection must fail");
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains("copied placeholder bytes"), "{error}: {cause}");
        assert!(!answer.contains(&0), "zeros were sent in place of a file");
    }
}

#[test]
fn placeholder_bytes_of_the_wrong_length_fail_the_connection() {
    let content = content(LEN);
    let file = Arc::new(open(content.path()));
    runtime().block_on(async {
        for (what, first, second) in [("shorter", 1000, 1000), ("longer", 1000, 2000)] {
            let (mut client, socket) = pair().await;
            let send_queue = Arc::new(SendQueue::default());
            let _ = send_queue.push(&file, ByteRange { start: 0, end: first });
            let placeholder = send_queue.push(&file, ByteRange { start: 0, end: second });
            let placeholder = if what == "shorter" { placeholder.slice(1..) } else { placeholder };
            let mut stream = SendfileStream::new(socket, send_queue);
            let error = stream.write_vectored(&[IoSlice::new(&placeholder)]).await.expect_err(what);
            assert!(error.to_string().contains("copied placeholder bytes"), "{what}: {error}");
            drop(stream);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.expect("an end");
            assert_eq!(answer.len(), 0, "{what}");
        }
    });
}

/// Records whether the waker was called.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A client on the same machine reads as fast as the server sends, so its connection could block all others.
#[test]
fn a_connection_to_a_fast_client_yields_to_others() {
    const RANGES: u64 = 32;
    let content = content(usize::try_from(MAX_RANGE).expect("it fits"));
    let file = Arc::new(open(content.path()));
    runtime().block_on(async {
        let (mut client, socket) = pair().await;
        let (send_queue, mut sent_since_pause) = (SendQueue::default(), SentSincePause::default());
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let (mut since_pause, mut pauses, mut buffer) = (0, 0, vec![0; 2 << 20]);
        for _ in 0..RANGES {
            let mut left = send_queue.push(&file, ByteRange { start: 0, end: MAX_RANGE });
            while !left.is_empty() {
                let mut cx = Context::from_waker(&waker);
                match send_queue.poll_send(&socket, &mut sent_since_pause, &mut cx, &[IoSlice::new(&left)]) {
                    Poll::Ready(sent) => {
                        let sent = sent.expect("the client is there");
                        client.read_exact(&mut buffer[..sent]).await.expect("what was sent");
                        since_pause += sent as u64;
                        left = left.slice(sent..);
                    }
                    // it wakes itself: a pause for other connections
                    Poll::Pending if woken.0.swap(false, SeqCst) => {
                        assert!(since_pause >= 2 * MAX_RANGE, "too early, after {since_pause} bytes");
                        (since_pause, pauses) = (0, pauses + 1);
                    }
                    // the kernel's buffer is full, which is a pause, too
                    Poll::Pending => {
                        socket.writable().await.expect("open");
                        woken.0.store(false, SeqCst);
                        since_pause = 0;
                    }
                }
                assert!(since_pause <= 3 * MAX_RANGE, "no pause for {since_pause} bytes");
            }
        }
        assert!(pauses > 0, "it never paused voluntarily");
    });
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// hyper has written a whole range, but the kernel accepts only a small part of it.
#[test]
fn bytes_that_were_not_sent_are_not_logged() {
    let len = usize::try_from(MAX_RANGE).expect("it fits");
    let content = content(len);
    let path = content.path().to_owned();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);
    runtime().block_on(async {
        // small buffers at both ends, so that the kernel holds far less than the file
        let listener = TcpSocket::new_v4().expect("a socket");
        listener.set_send_buffer_size(4096).expect("our own socket");
        listener.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let listener = listener.listen(1).expect("bound");
        let client = TcpSocket::new_v4().expect("a socket");
        client.set_recv_buffer_size(4096).expect("our own socket");
        let mut client = client.connect(listener.local_addr().expect("bound")).await.expect("a connection");
        let (socket, _) = listener.accept().await.expect("the client");

        let send_queue = Arc::new(SendQueue::default());
        let stream = TokioIo::new(SendfileStream::new(socket, Arc::clone(&send_queue)));
        let connection = Connection { send_queue: Some(Arc::clone(&send_queue)), ..Connection::default() };
        let respond = service_fn(move |request: Request<Incoming>| {
            let answer = Response::new(body(&path, len, &send_queue));
            let received = Received::new(request.map(drop));
            let answer = received.answered(answer, connection.clone());
            async move { Ok::<_, Infallible>(answer) }
        });
        let disconnect = async {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("a request");
            client.read_exact(&mut [0; 1024]).await.expect("an answer");
            drop(client);
        };
        let (ended, ()) =
            tokio::join!(http1::Builder::new().writev(true).serve_connection(stream, respond), disconnect);
        ended.expect_err("the client disconnected");
    });
    let text = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    let event: serde_json::Value =
        serde_json::from_str(text.trim_end()).unwrap_or_else(|_| panic!("one event: {text}"));
    let bytes = event["fields"]["bytes"].as_u64().expect("a number");
    assert!((1..MAX_RANGE / 2).contains(&bytes), "{event}");
    assert_eq!(event["fields"]["reason"], "the client hung up", "{event}");
}
