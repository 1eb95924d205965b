//! Listen, accept, time out, drain.

pub mod listener;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::listener::{Listener, Stream};
use crate::access_log::Logged;
use crate::connection::http2::{Counted, Streams, translate};
use crate::connection::sendfile::{self, Outbox, SendfileStream};
use crate::connection::transport::{Activity, Limits, TLS_HANDSHAKE, Transport};
use crate::connection::{Connection, HangUp, Scheme};
use crate::service::Service;
use crate::tls::{H2, Tls};

/// Connections at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;

/// How long accepting pauses when the process may open no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// At the limit, accepting works and fails in turns as clients come and go: one line about it says enough for this long.
const STARVED_AGAIN: Duration = Duration::from_secs(60);

/// hyper queues 400 KiB per slow reader by default, over HTTP/2 for each of its requests; this also bounds a request's head
/// (431 beyond it).
const MAX_BUFFER: usize = 64 * 1024;

/// Requests at once on a connection over HTTP/2 (RFC 9113 section 6.5.2 advises no less).
const MAX_STREAMS: u32 = 100;

/// What a client may send ahead over HTTP/2, for one request and for all of a connection.
const WINDOW: u32 = 1024 * 1024;

/// How often a client that speaks HTTP/2 is asked whether it is still there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// Serves on all listeners until `stop` is ready; then accepts no more, and gives transfers `grace` to end. With `tls`,
/// TCP speaks https, and plain http is sent there; Unix sockets speak http.
///
/// The caller owns the sockets and the stop signal, so a test needs neither a fixed port nor a signal.
pub async fn serve(
    listeners: Vec<Listener>,
    tls: Option<Tls>,
    service: Arc<Service>,
    grace: Duration,
    stop: impl Future<Output = ()>,
) {
    let (draining, _) = watch::channel(());
    let server = Arc::new(Server {
        service,
        acceptor: tls.map(|tls| TlsAcceptor::from(tls.config())),
        draining,
        room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        limits: Limits::default(),
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(Arc::clone(&server).accept(listener));
    }
    stop.await;
    server.service.stop();
    accepting.shutdown().await;
    let server = Arc::into_inner(server).expect("the accepting tasks are gone, connections do not hold it");
    server.draining.send_replace(());
    if timeout(grace, server.draining.closed()).await.is_err() {
        tracing::warn!("transfers were still running after the grace of {} s and were cut", grace.as_secs_f64());
    }
}

/// Raises the soft limit of open files to the hard one: a browser page of pictures is many connections.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!("the limit of open files could not be raised: {error}");
    }
}

/// What all connections share.
struct Server {
    service: Arc<Service>,
    acceptor: Option<TlsAcceptor>,
    /// Tells all connections to end after the answer that they are at; each listens as long as it lives.
    draining: watch::Sender<()>,
    room: Arc<Semaphore>,
    limits: Limits,
}

/// A connection that has been accepted, before anybody has spoken.
struct Accepted {
    service: Arc<Service>,
    draining: watch::Receiver<()>,
    limits: Limits,
    peer: Option<IpAddr>,
    /// Its place among the connections that there may be at once.
    _place: OwnedSemaphorePermit,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: Listener) {
        let mut starved: Option<Instant> = None;
        loop {
            let place = Arc::clone(&self.room).acquire_owned().await.expect("never closed");
            match listener.accept().await {
                Ok(Stream::Tcp(stream, peer)) => {
                    let accepted = self.accepted(Some(peer), place);
                    match &self.acceptor {
                        Some(acceptor) => drop(tokio::spawn(accepted.negotiate(stream, acceptor.clone()))),
                        None => drop(tokio::spawn(accepted.plain(stream, Scheme::Http))),
                    }
                }
                Ok(Stream::Unix(stream)) => {
                    let accepted = self.accepted(None, place);
                    tokio::spawn(accepted.http1(stream, None, Scheme::Http));
                }
                Err(error) if is_starved(&error) => {
                    if starved.is_none_or(|since| since.elapsed() >= STARVED_AGAIN) {
                        starved = Some(Instant::now());
                        tracing::error!("no more connections can be accepted for now: {error} (see ulimit -n)");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => tracing::debug!("a client hung up before it was accepted: {error}"),
            }
        }
    }

    fn accepted(&self, peer: Option<IpAddr>, place: OwnedSemaphorePermit) -> Accepted {
        let (service, draining) = (Arc::clone(&self.service), self.draining.subscribe());
        Accepted { service, draining, limits: self.limits, peer, _place: place }
    }
}

/// How a client began on a port that speaks TLS.
enum Beginning {
    Secure(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

impl Accepted {
    /// Makes a TLS connection of it, or sends a client that speaks http to https.
    async fn negotiate(mut self, stream: TcpStream, acceptor: TlsAcceptor) {
        let begin = async {
            let mut first = [0];
            match stream.peek(&mut first).await? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ if first[0] == TLS_HANDSHAKE => {
                    acceptor.accept(stream).await.map(|stream| Beginning::Secure(Box::new(stream)))
                }
                _ => Ok(Beginning::Plain(stream)),
            }
        };
        let began = tokio::select! {
            began = timeout(self.limits.handshake, begin) => began,
            _ = self.draining.changed() => return,
        };
        match began {
            Ok(Ok(Beginning::Secure(stream))) if stream.get_ref().1.alpn_protocol() == Some(H2) => {
                self.http2(stream).await;
            }
            Ok(Ok(Beginning::Secure(stream))) => self.http1(stream, None, Scheme::Https).await,
            Ok(Ok(Beginning::Plain(stream))) => self.plain(stream, Scheme::HttpForHttps).await,
            Ok(Err(error)) => report_handshake(&error),
            Err(_) => tracing::debug!("a client did not finish its TLS handshake in time"),
        }
    }

    /// Serves a TCP connection without TLS, by sendfile if there is one.
    async fn plain(self, stream: TcpStream, scheme: Scheme) {
        if sendfile::SUPPORTED {
            let outbox = Arc::new(Outbox::default());
            let stream = SendfileStream::new(stream, Arc::clone(&outbox));
            self.http1(stream, Some(outbox), scheme).await;
        } else {
            self.http1(stream, None, scheme).await;
        }
    }

    async fn http1<S>(mut self, stream: S, outbox: Option<Arc<Outbox>>, scheme: Scheme)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection { activity: Arc::default(), outbox, peer: self.peer, scheme };
        let activity = Arc::clone(&connection.activity);
        let transport = TokioIo::new(Transport::new(stream, self.limits, Arc::clone(&activity)));
        let service = Arc::clone(&self.service);
        let respond = move |request| {
            connection.activity.requested();
            let (service, connection) = (Arc::clone(&service), connection.clone());
            // boxed: an idle connection would keep room for it otherwise (1.5 KiB each)
            async move { sent(service.respond(request, connection).await) }.boxed()
        };
        let http = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            // slices are passed on as they are: sendfile depends on it
            .writev(true)
            // a client that has said all it will (`printf ... | nc -N`) still gets its answer
            .half_close(true)
            .serve_connection(transport, service_fn(respond));
        let mut http = pin!(http);
        let ended = tokio::select! {
            ended = http.as_mut() => ended,
            _ = self.draining.changed() => {
                http.as_mut().graceful_shutdown();
                http.await
            }
        };
        if let Err(error) = ended {
            report(&error, &activity);
        }
    }

    async fn http2<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // the transport sees one answer that never ends, so it watches only for a client that takes no bytes; requests
        // overlap, so `Streams` has their time-outs
        let activity = Arc::<Activity>::default();
        activity.requested();
        let transport = TokioIo::new(Transport::new(stream, self.limits, Arc::clone(&activity)));
        let streams = Arc::new(Streams::default());
        let (service, peer, opening) = (Arc::clone(&self.service), self.peer, Arc::clone(&streams));
        let respond = move |mut request: Request<_>| {
            let stream = opening.open();
            // each has an activity of its own, for what is counted of its body
            let connection = Connection { peer, scheme: Scheme::Https, ..Connection::default() };
            connection.activity.requested();
            translate(&mut request);
            let service = Arc::clone(&service);
            async move {
                let response = sent(service.respond(request, connection).await)?;
                Ok::<_, HungUp>(response.map(|body| Counted::new(body, stream)))
            }
            .boxed()
        };
        let http = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_BUFFER).expect("a small number"))
            .max_send_buf_size(MAX_BUFFER)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            // how many streams a client may open and reset at once is bounded by hyper (CVE-2023-44487)
            .serve_connection(transport, service_fn(respond));
        let mut http = pin!(http);
        let ended = tokio::select! {
            ended = http.as_mut() => ended,
            _ = self.draining.changed() => {
                http.as_mut().graceful_shutdown();
                http.await
            }
            () = streams.expired(self.limits) => {
                http.as_mut().graceful_shutdown();
                timeout(self.limits.gone, http).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            report(&error, &activity);
        }
    }
}

/// The connection, or the stream, ends without an answer.
#[derive(Debug)]
struct HungUp;

impl fmt::Display for HungUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer, as was wanted")
    }
}

impl Error for HungUp {}

/// An answer that is to be sent; or the failure that makes hyper close, where it is not.
fn sent(response: Response<Logged>) -> Result<Response<Logged>, HungUp> {
    if response.extensions().get::<HangUp>().is_some() { Err(HungUp) } else { Ok(response) }
}

/// A client that hangs up or falls asleep is not worth a line; one that does not speak HTTP is.
fn report(error: &hyper::Error, activity: &Activity) {
    if activity.spoke_tls() {
        tracing::warn!(
            "a client tried https: this server speaks http, not https; write http:// in the URL, or start devmedia with --tls"
        );
    } else if error.is_parse_version_h2() {
        tracing::warn!("a client spoke HTTP/2 without asking: this server speaks HTTP/1.1");
    } else if error.is_parse() {
        tracing::warn!("a request was malformed and got a bare answer: {error}");
    } else {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// A client that does not trust the certificate is the usual failure of TLS in development, and says so.
fn report_handshake(error: &io::Error) {
    use rustls::AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    if let Some(rustls::Error::AlertReceived(alert @ (BadCertificate | CertificateUnknown | UnknownCA))) = cause {
        tracing::warn!("a client does not trust the certificate of this server ({alert:?}); see docs/tls.md");
    } else {
        tracing::debug!("a TLS handshake failed: {error}");
    }
}

/// Out of descriptors: of this process (EMFILE) or of the machine (ENFILE).
fn is_starved(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}
