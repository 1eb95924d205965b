//! The time-outs of a connection, with the real hyper and a paused clock that advances only when all tasks wait.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use devmedia::access_log::{Logged, Received};
use devmedia::body::Body;
use devmedia::body::incoming::RequestBody;
use devmedia::body::streamed::Streamed;
use devmedia::connection::transport::{Activity, Limits, Transport};
use devmedia::connection::{Connection, http1};
use futures_util::stream;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

/// The buffer size of the network between client and server.
const PIPE: usize = 16 * 1024;

/// More than the buffers of the network and of hyper together.
const LARGE: usize = 1024 * 1024;

/// How long `/busy` takes: longer than all limits together.
const BUSY: Duration = Duration::from_secs(3600);

/// The time between two bytes of a head that arrives too slowly.
const STEADY: Duration = Duration::from_millis(400);

/// The time between two bytes of a body that is still being fetched; shorter than the limit for disconnected clients.
const TRICKLE: Duration = Duration::from_secs(8);

/// The number of these bytes.
const TRICKLED: usize = 10;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const GET_LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";
const GET_BUSY: &[u8] = b"GET /busy HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn answer(request: Request<Incoming>, activity: Arc<Activity>) -> Response<Logged> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let mut sent = RequestBody::new(body, Arc::clone(&activity));
    let received = Received::new(Request::from_parts(parts, ()));
    let body = match path.as_str() {
        "/steady" => waiting(&activity, TRICKLED),
        "/stopping" => waiting(&activity, 1),
        "/upload" => loop {
            match sent.next().await {
                Ok(Some(_)) => {}
                Ok(None) => break Body::full("hello"),
                Err(error) => break Body::full(error.to_string()),
            }
        },
        "/large" => Body::full(vec![b'x'; LARGE]),
        "/busy" => {
            sleep(BUSY).await;
            Body::full("done")
        }
        _ => Body::full("hello"),
    };
    received.answered(Response::new(body), Connection { activity, ..Connection::default() })
}

/// A body of [`TRICKLED`] bytes that arrive slowly, like those of a file that is still being fetched. After `come`
/// bytes, no more arrive.
fn waiting(activity: &Activity, come: usize) -> Body {
    activity.waiting();
    let bytes = stream::unfold(0, move |at| async move {
        sleep(if at < come { TRICKLE } else { BUSY }).await;
        Some((Ok(Bytes::from_static(b"x")), at + 1))
    });
    Body::Streamed(Streamed::new(bytes, Some(TRICKLED as u64)))
}

/// The client's end of a connection.
fn connect() -> DuplexStream {
    let (client, server) = duplex(PIPE);
    let activity = Arc::new(Activity::default());
    let transport = Transport::new(server, Limits::default(), Arc::clone(&activity));
    let respond = move |request| {
        activity.requested();
        let activity = Arc::clone(&activity);
        async move { Ok::<_, std::convert::Infallible>(answer(request, activity).await) }
    };
    tokio::spawn(http1::serve(transport, respond, pending()));
    client
}

/// Reads one response, so that the connection is idle again.
async fn read_answer(client: &mut DuplexStream, body: &str) {
    let mut answer = Vec::new();
    while !answer.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
        assert_ne!(client.read_buf(&mut answer).await.expect("an answer"), 0, "closed early: {answer:?}");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
}

/// The number of whole seconds until the server closes the connection.
async fn seconds_until_closed(client: &mut DuplexStream) -> u64 {
    let began = Instant::now();
    let mut rest = Vec::new();
    // data in transit may be truncated anywhere
    let _ = client.read_to_end(&mut rest).await;
    assert!(
        rest.is_empty(),
        "a time-out closes the connection without a response: {:?}",
        String::from_utf8_lossy(&rest)
    );
    began.elapsed().as_secs()
}

/// Sends bytes one at a time, with a pause after each, until all are sent or the server closes the connection.
async fn trickle(client: &mut DuplexStream, bytes: &[u8], pause: Duration) -> Duration {
    let began = Instant::now();
    for byte in bytes {
        if client.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(pause).await;
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_75_seconds() {
    assert_eq!(seconds_until_closed(&mut connect()).await, 75);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_75_seconds_after_its_last_response() {
    let mut client = connect();
    for idle in [0, 74, 74] {
        sleep(Duration::from_secs(idle)).await;
        client.write_all(GET).await.expect("open");
        read_answer(&mut client, "hello").await;
    }
    assert_eq!(seconds_until_closed(&mut client).await, 75);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_stops_is_aborted_10_seconds_after_its_first_byte() {
    for sent in [1, GET.len() / 2, GET.len() - 1] {
        let mut client = connect();
        sleep(Duration::from_secs(60)).await;
        client.write_all(&GET[..sent]).await.expect("open");
        assert_eq!(seconds_until_closed(&mut client).await, 10, "{sent} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_aborted_10_seconds_after_its_first_byte() {
    let mut client = connect();
    let lasted = trickle(&mut client, GET, STEADY).await;
    assert_eq!(
        lasted.as_secs(),
        10,
        "the whole head would take {:?}",
        STEADY * u32::try_from(GET.len()).expect("short")
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_head_of_a_connection_also_has_10_seconds() {
    let mut client = connect();
    client.write_all(GET).await.expect("open");
    read_answer(&mut client, "hello").await;
    sleep(Duration::from_secs(30)).await;
    let lasted = trickle(&mut client, GET, STEADY).await;
    assert_eq!(lasted.as_secs(), 10);
}

/// The server has put its buffers away when the rest of the second head arrives.
#[tokio::test(start_paused = true)]
async fn a_head_that_began_together_with_the_request_before_is_read_to_its_end() {
    for (pause, is_in_time) in [(0, true), (1, true), (9, true), (11, false)] {
        for sent in [1, GET.len() / 2, GET.len() - 1] {
            let mut client = connect();
            client.write_all(&[GET, &GET[..sent]].concat()).await.expect("open");
            read_answer(&mut client, "hello").await;
            sleep(Duration::from_secs(pause)).await;
            let _ = client.write_all(&GET[sent..]).await;
            if is_in_time {
                read_answer(&mut client, "hello").await;
            }
            let expected = if is_in_time { 75 } else { 0 };
            assert_eq!(seconds_until_closed(&mut client).await, expected, "{sent} bytes, {pause} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_close_its_sending_side_while_it_is_idle() {
    for pause in [0, 1, 70] {
        let mut client = connect();
        client.write_all(GET).await.expect("open");
        read_answer(&mut client, "hello").await;
        sleep(Duration::from_secs(pause)).await;
        client.shutdown().await.expect("open");
        assert_eq!(seconds_until_closed(&mut client).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_that_arrives_in_time_is_answered() {
    let mut client = connect();
    let pause = Duration::from_secs(9) / u32::try_from(GET.len()).expect("short");
    trickle(&mut client, GET, pause).await;
    read_answer(&mut client, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_disconnected_after_300_seconds() {
    let mut client = connect();
    client.write_all(GET_LARGE).await.expect("open");
    // the client reads the first bytes of the response, and then nothing
    client.read_exact(&mut [0; 1024]).await.expect("an answer");
    let began = Instant::now();
    let mut pipe = vec![0; PIPE];
    // a pipe that is not read shows no change, so check before and after the limit
    sleep(Duration::from_secs(299)).await;
    client.read_exact(&mut pipe).await.expect("still open before the limit");
    sleep(Duration::from_secs(301)).await;
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert!(rest.len() <= PIPE, "only data in transit still arrives: {}", rest.len());
    assert_eq!(began.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_reader_is_never_disconnected() {
    let mut client = connect();
    client.write_all(GET_LARGE).await.expect("open");
    let (began, mut read, mut buffer) = (Instant::now(), 0, vec![0; 8 * 1024]);
    while read < LARGE {
        sleep(Duration::from_secs(250)).await;
        match client.read(&mut buffer).await.expect("open") {
            0 => panic!("cut after {read} bytes and {:?}", began.elapsed()),
            got => read += got,
        }
    }
    assert!(began.elapsed() > Duration::from_secs(8 * 3600), "the reader was slow");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_a_busy_server_is_never_disconnected() {
    let mut client = connect();
    let began = Instant::now();
    client.write_all(GET_BUSY).await.expect("open");
    read_answer(&mut client, "done").await;
    assert_eq!(began.elapsed().as_secs(), BUSY.as_secs());
    assert_eq!(seconds_until_closed(&mut client).await, 75, "afterwards, the connection is idle");
}

/// `nc`, and `curl` with some options, close their sending side after the request.
#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_stays_open_while_bytes_are_sent() {
    let mut client = connect();
    client.write_all(b"GET /steady HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("open");
    client.shutdown().await.expect("open");
    let began = Instant::now();
    read_answer(&mut client, &"x".repeat(TRICKLED)).await;
    assert_eq!(began.elapsed().as_secs(), 80);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_is_closed_10_seconds_after_the_last_byte() {
    let mut client = connect();
    client.write_all(b"GET /stopping HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("open");
    client.shutdown().await.expect("open");
    let began = Instant::now();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert!(answer.ends_with(b"\r\n\r\nx"), "{answer:?}");
    assert_eq!(began.elapsed().as_secs(), 18);
}

#[tokio::test(start_paused = true)]
async fn a_pipelined_request_does_not_count_as_a_slow_head() {
    let mut client = connect();
    client.write_all(GET_BUSY).await.expect("open");
    sleep(Duration::from_secs(1)).await;
    client.write_all(GET).await.expect("open");
    // the two responses may arrive together
    read_answer(&mut client, "hello").await;
    assert_eq!(seconds_until_closed(&mut client).await, 75);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_read_a_response_is_idle_not_stalled() {
    let mut client = connect();
    client.write_all(GET_LARGE).await.expect("open");
    sleep(Duration::from_secs(200)).await;
    let (mut read, mut buffer) = (Vec::new(), vec![0; PIPE]);
    while read.iter().rev().take_while(|byte| **byte == b'x').count() < LARGE {
        let got = client.read(&mut buffer).await.expect("open");
        assert_ne!(got, 0, "closed early");
        read.extend_from_slice(&buffer[..got]);
    }
    assert_eq!(seconds_until_closed(&mut client).await, 75);
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_upload_is_never_aborted() {
    let mut client = connect();
    for _ in 0..2 {
        client.write_all(UPLOAD).await.expect("open");
        let lasted = trickle(&mut client, &[b'x'; 99], Duration::from_secs(250)).await;
        assert_eq!(lasted.as_secs(), 99 * 250, "no byte was refused");
        client.write_all(b"x").await.expect("open");
        read_answer(&mut client, "hello").await;
    }
    assert_eq!(seconds_until_closed(&mut client).await, 75, "afterwards, the connection is idle");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stops_is_aborted_after_300_seconds_with_the_reason() {
    for sent in [0, 50] {
        let mut client = connect();
        client.write_all(UPLOAD).await.expect("open");
        trickle(&mut client, &vec![b'x'; sent], Duration::from_secs(1)).await;
        let began = Instant::now();
        read_answer(&mut client, "the client stopped sending").await;
        assert_eq!(began.elapsed().as_secs(), if sent == 0 { 300 } else { 299 }, "{sent} bytes");
    }
}
