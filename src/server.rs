//! The server: listens, accepts connections, and shuts down.

pub mod listener;
mod local;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http2;
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
use crate::access_log::{Logged, Received};
use crate::body::incoming::RequestBody;
use crate::connection::http1::{self, MAX_BUFFER};
use crate::connection::http2::{Counted, Streams, translate};
use crate::connection::sendfile::{self, SendQueue, SendfileStream};
use crate::connection::transport::{Activity, Limits, TLS_HANDSHAKE, Transport};
use crate::connection::{Connection, HangUp, ListenerKind, Scheme};
use crate::s3::Endpoint;
use crate::service::Service;
use crate::system;
use crate::system::advice::Family;
use crate::tls::{H2, Tls};

/// The maximum number of connections. For each further one, the connection that has been idle for the longest time is
/// closed.
const MAX_CONNECTIONS: usize = 1024;

/// How often to look for an idle connection while a client waits for a slot.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long accepting pauses when the process cannot open more files.
const PAUSE: Duration = Duration::from_millis(100);

/// At the limit, accepting succeeds and fails alternately as clients come and go, so the error is logged only this
/// often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The maximum number of requests at once on an HTTP/2 connection (RFC 9113 section 6.5.2 recommends at least 100).
const MAX_STREAMS: u32 = 100;

/// How many bytes a client may send in advance over HTTP/2, per request and per connection.
const WINDOW: u32 = 1024 * 1024;

/// How often devmedia checks that an HTTP/2 client is still there, and how long the client may take to answer.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// Who answers the requests of a listener.
#[derive(Debug, Clone)]
pub enum Handler {
    /// The mounts and the app.
    Service(Arc<Service>),
    /// The S3 endpoint.
    S3(Arc<Endpoint>),
}

impl Handler {
    /// Answers a request, and logs it when the last byte has been sent.
    fn respond(
        self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> impl Future<Output = Result<Response<Logged>, HungUp>> + Send {
        let (parts, body) = request.into_parts();
        let mut body = RequestBody::new(body, Arc::clone(&connection.activity));
        let received = Received::new(Request::from_parts(parts, ()));
        // the arguments of an `async fn` would be in its future twice
        async move {
            let response = match &self {
                Self::Service(service) => service.respond(&received.request, &mut body, &connection).await,
                Self::S3(endpoint) => endpoint.respond(&received.request, &mut body, &connection).boxed().await,
            };
            let response = received.answered(response, connection);
            // a response that is dropped is logged, too
            if response.extensions().get::<HangUp>().is_some() { Err(HungUp) } else { Ok(response) }
        }
    }

    /// Ends the responses that would never end by themselves.
    fn stop(&self) {
        if let Self::Service(service) = self {
            service.stop();
        }
    }
}

/// Serves on all listeners until `stop` is ready. Then stops accepting, and waits up to `grace` for transfers to end. With
/// `tls`, TCP listeners use https, and redirect plain http to it; Unix sockets use http.
///
/// The caller provides the sockets and the stop signal, so tests need neither a fixed port nor a signal.
pub async fn serve(
    listeners: Vec<(Listener, Handler)>,
    tls: Option<Tls>,
    grace: Duration,
    stop: impl Future<Output = ()>,
) {
    let (draining, _) = watch::channel(());
    let server = Arc::new(Server {
        acceptor: tls.map(|tls| TlsAcceptor::from(tls.config())),
        draining,
        slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        open: Arc::default(),
        full: LogThrottle::default(),
        limits: Limits::default(),
    });
    system::survive_file_size_limit();
    let mut accepting = JoinSet::new();
    let handlers: Vec<Handler> = listeners.iter().map(|(_, handler)| handler.clone()).collect();
    for (listener, handler) in listeners {
        accepting.spawn(Arc::clone(&server).accept(listener, handler));
    }
    stop.await;
    handlers.iter().for_each(Handler::stop);
    accepting.shutdown().await;
    let server = Arc::into_inner(server).expect("accepting has ended, and connections do not hold a reference");
    server.draining.send_replace(());
    if timeout(grace, server.draining.closed()).await.is_err() {
        tracing::warn!("transfers were still running after {} s and were aborted (see --grace)", grace.as_secs_f64());
    }
}

/// The state that all connections share.
struct Server {
    acceptor: Option<TlsAcceptor>,
    /// Tells all connections to close after the current response. Upgraded connections do not listen, and end with the
    /// process.
    draining: watch::Sender<()>,
    slots: Arc<Semaphore>,
    /// The activity of each open connection, to find idle ones.
    open: Arc<Open>,
    /// Limits how often it is logged that all slots are taken.
    full: LogThrottle,
    limits: Limits,
}

/// The open connections.
#[derive(Debug, Default)]
struct Open(Mutex<Vec<Weak<Activity>>>);

impl Open {
    /// Adds a connection, and removes those that have ended.
    fn add(&self, activity: &Arc<Activity>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= 2 * MAX_CONNECTIONS {
            open.retain(|activity| activity.strong_count() > 0);
        }
        open.push(Arc::downgrade(activity));
    }

    /// Closes the connection that has been idle for the longest time, if one is idle.
    fn close_idle(&self) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle =
            open.iter().filter_map(Weak::upgrade).filter_map(|activity| Some((activity.idle_since()?, activity)));
        if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
            longest.close();
        }
    }
}

/// A connection that has been accepted, before the first byte.
struct Accepted {
    handler: Handler,
    draining: watch::Receiver<()>,
    limits: Limits,
    open: Arc<Open>,
    peer: Option<IpAddr>,
    listener: ListenerKind,
    port: Option<u16>,
    place: Option<OwnedSemaphorePermit>,
}

/// Something that is logged at most every [`LOG_INTERVAL`].
#[derive(Debug, Default)]
struct LogThrottle(Mutex<Option<Instant>>);

impl LogThrottle {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= LOG_INTERVAL);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

impl Server {
    async fn accept(self: Arc<Self>, listener: Listener, handler: Handler) {
        let (starved, origin) = (LogThrottle::default(), (listener.kind(), listener.port()));
        loop {
            match listener.accept().await {
                Ok(stream) => {
                    let permit = self.acquire_slot().await;
                    match stream {
                        Stream::Tcp(stream, peer) => {
                            let accepted = self.accepted(&handler, origin, Some(peer), permit);
                            match &self.acceptor {
                                Some(acceptor) => drop(tokio::spawn(accepted.negotiate(stream, acceptor.clone()))),
                                None => drop(tokio::spawn(accepted.plain(stream, Scheme::Http))),
                            }
                        }
                        Stream::Local(stream) => {
                            let accepted = self.accepted(&handler, origin, None, permit);
                            tokio::spawn(accepted.http1(stream, None, Scheme::Http));
                        }
                    }
                }
                Err(error) if system::is_out_of_sockets(&error) => {
                    if starved.is_due() {
                        let advice = Family::HERE.too_many_open();
                        tracing::error!("no more connections can be accepted for now: {error}. {advice}");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => tracing::debug!("a client disconnected before its connection was accepted: {error}"),
            }
        }
    }

    /// Waits for a slot for an accepted connection. If all slots are taken, closes an idle connection.
    async fn acquire_slot(&self) -> OwnedSemaphorePermit {
        let mut wanted = Box::pin(Arc::clone(&self.slots).acquire_owned());
        if let Some(permit) = wanted.as_mut().now_or_never() {
            return permit.expect("never closed");
        }
        if self.full.is_due() {
            tracing::warn!(
                "all {MAX_CONNECTIONS} connections are in use: the one that has been idle for the longest time is closed \
                 for each new one; new clients wait while none is idle"
            );
        }
        loop {
            self.open.close_idle();
            if let Ok(permit) = timeout(LOOK_AGAIN, &mut wanted).await {
                return permit.expect("never closed");
            }
        }
    }

    fn accepted(
        &self,
        handler: &Handler,
        (listener, port): (ListenerKind, Option<u16>),
        peer: Option<IpAddr>,
        permit: OwnedSemaphorePermit,
    ) -> Accepted {
        Accepted {
            handler: handler.clone(),
            draining: self.draining.subscribe(),
            limits: self.limits,
            open: Arc::clone(&self.open),
            peer,
            listener,
            port,
            place: Some(permit),
        }
    }
}

/// How a client began on a port with TLS.
enum Beginning {
    Secure(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

impl Accepted {
    /// Starts TLS, or redirects a client that uses http to https.
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

    /// Serves a TCP connection without TLS, with sendfile where it is supported.
    async fn plain(self, stream: TcpStream, scheme: Scheme) {
        if sendfile::SUPPORTED {
            let send_queue = Arc::new(SendQueue::default());
            let stream = SendfileStream::new(stream, Arc::clone(&send_queue));
            self.http1(stream, Some(send_queue), scheme).await;
        } else {
            self.http1(stream, None, scheme).await;
        }
    }

    /// What the responses on the connection share.
    fn connection(&mut self, send_queue: Option<Arc<SendQueue>>, scheme: Scheme) -> Connection {
        let connection = Connection {
            activity: Arc::default(),
            send_queue,
            peer: self.peer,
            place: self.place.take().map(Arc::new),
            listener: self.listener,
            port: self.port,
            scheme,
        };
        self.open.add(&connection.activity);
        connection
    }

    async fn http1<S>(mut self, stream: S, send_queue: Option<Arc<SendQueue>>, scheme: Scheme)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = self.connection(send_queue, scheme);
        let activity = Arc::clone(&connection.activity);
        let transport = Transport::new(stream, self.limits, Arc::clone(&activity));
        let handler = self.handler.clone();
        let respond = move |request| {
            connection.activity.requested();
            handler.clone().respond(request, connection.clone())
        };
        let stop = self.draining.changed().map(drop);
        if let Err(error) = http1::serve(transport, respond, stop).await {
            report(&error, &activity);
        }
    }

    async fn http2<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // for the transport, this is one response that never ends, so it only notices a client that reads nothing; requests
        // overlap, so `Streams` has their time-outs
        let connection = self.connection(None, Scheme::Https);
        let activity = Arc::clone(&connection.activity);
        activity.requested();
        let transport = TokioIo::new(Transport::new(stream, self.limits, Arc::clone(&activity)));
        let streams = Arc::new(Streams::default());
        let (handler, opening) = (self.handler.clone(), Arc::clone(&streams));
        let respond = move |mut request: Request<_>| {
            let stream = opening.open();
            // each has an activity of its own, for what is counted of its body
            let connection = Connection { activity: Arc::default(), ..connection.clone() };
            connection.activity.requested();
            translate(&mut request);
            let response = handler.clone().respond(request, connection);
            async move { Ok::<_, HungUp>(response.await?.map(|body| Counted::new(body, stream))) }.boxed()
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

/// Logs why a connection failed. A client that disconnects or times out is logged only at the debug level.
fn report(error: &hyper::Error, activity: &Activity) {
    if activity.spoke_tls() {
        tracing::warn!(
            "a client tried https: this server speaks http, not https; write http:// in the URL, or start devmedia with --tls"
        );
    } else if error.is_parse_version_h2() {
        tracing::warn!("a client spoke HTTP/2 without negotiation: this server speaks HTTP/1.1");
    } else if error.is_parse() {
        tracing::warn!("a request was malformed and got a response without an explanation: {error}");
    } else {
        tracing::debug!("a connection ended prematurely: {error}");
    }
}

/// Logs why a TLS handshake failed. In development, the usual reason is a client that does not trust the certificate.
fn report_handshake(error: &io::Error) {
    use rustls::AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    if let Some(rustls::Error::AlertReceived(alert @ (BadCertificate | CertificateUnknown | UnknownCA))) = cause {
        tracing::warn!("a client does not trust the certificate of this server ({alert:?}); see docs/tls.md");
    } else {
        tracing::debug!("a TLS handshake failed: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function of three arguments returns.
    fn size<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_response_is_small() {
        let found = size(Handler::respond);
        assert!(found <= 3072, "{found} bytes: box the futures of what is rare");
    }
}
