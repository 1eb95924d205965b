//! The guard of `body::sendfile`: if hyper copies a stand-in, nobody gets its zeros.
#![cfg(target_os = "linux")]

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use devmedia::answer::head::Piece;
use devmedia::body::Body;
use devmedia::body::file::FileBody;
use devmedia::connection::sendfile::{Outbox, SendfileStream};
use devmedia::storage::byte_range::ByteRange;
use devmedia::storage::open_file::{NoWait, OpenFile};
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const LEN: usize = 300_000;

/// What a client gets of a file of `LEN` bytes `x` through a connection built like this, and how the connection ended.
fn download(http: &http1::Builder) -> (Vec<u8>, hyper::Result<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    std::fs::write(file.path(), "x".repeat(LEN)).expect("its content");
    let path = file.path().to_owned();
    runtime.block_on(async {
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
        let outbox = Arc::new(Outbox::default());
        let stream = TokioIo::new(SendfileStream::new(socket, Arc::clone(&outbox)));
        let respond = service_fn(move |_| {
            let file = std::fs::File::open(&path).expect("the file");
            let file = OpenFile::new(file, NoWait::new(true));
            let pieces = ByteRange::whole(LEN as u64).map(Piece::Span).into_iter().collect();
            let body = Body::File(FileBody::new(file, pieces, Some(Arc::clone(&outbox))));
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let ended = http.serve_connection(stream, respond).await;
        (client.await.expect("the client lives"), ended)
    })
}

#[test]
fn a_file_passes_through_a_vectored_connection() {
    let (answer, ended) = download(http1::Builder::new().writev(true));
    ended.expect("a clean end");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    assert!(answer[end + 4..] == vec![b'x'; LEN]);
}

#[test]
fn a_connection_that_copies_fails_loudly_and_sends_no_zeros() {
    for http in [http1::Builder::new().pipeline_flush(true), http1::Builder::new().writev(false)] {
        let (answer, ended) = download(http);
        let error = ended.expect_err("the connection must fail");
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains("copied a stand-in"), "{error}: {cause}");
        assert!(!answer.contains(&0), "zeros passed for a file");
    }
}
