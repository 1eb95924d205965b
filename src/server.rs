//! The server: listens, accepts connections, and shuts down.

pub mod listener;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use self::listener::{Listener, Stream};
use crate::connection::Connection;
use crate::connection::sendfile::{self, SendQueue, SendfileStream};
use crate::connection::transport::{Activity, Limits, Transport};
use crate::service::Service;

/// The maximum number of connections. Further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;

/// How long accepting pauses when the process cannot open more files.
const PAUSE: Duration = Duration::from_millis(100);

/// At the limit, accepting succeeds and fails alternately as clients come and go, so the error is logged only this
/// often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// By default, hyper queues 400 KiB per slow reader. This also limits the head of a request (431 if it is larger).
const MAX_BUFFER: usize = 64 * 1024;

/// Serves on all listeners until `stop` is ready. Then stops accepting, and waits up to `grace` for transfers to end.
///
/// The caller owns the sockets and the stop signal, so a test needs neither a fixed port nor a signal.
pub async fn serve(listeners: Vec<Listener>, service: Arc<Service>, grace: Duration, stop: impl Future<Output = ()>) {
    let server = Arc::new(Server {
        service,
        graceful: GracefulShutdown::new(),
        connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        limits: Limits::default(),
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(Arc::clone(&server).accept(listener));
    }
    stop.await;
    server.service.stop();
    accepting.shutdown().await;
    let server =
        Arc::into_inner(server).expect("the accepting tasks have ended, and connections do not hold a reference");
    if tokio::time::timeout(grace, server.graceful.shutdown()).await.is_err() {
        tracing::warn!("transfers were still running after {} s and were aborted (see --grace)", grace.as_secs_f64());
    }
}

/// Raises the soft limit of open files to the hard limit: a page with many images opens many connections.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!("cannot raise the limit of open files: {error}");
    }
}

/// The state that all connections share.
struct Server {
    service: Arc<Service>,
    graceful: GracefulShutdown,
    connections: Arc<Semaphore>,
    limits: Limits,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: Listener) {
        let mut last_logged: Option<Instant> = None;
        loop {
            let permit = Arc::clone(&self.connections).acquire_owned().await.expect("never closed");
            match listener.accept().await {
                Ok(Stream::Tcp(stream, peer)) if sendfile::SUPPORTED => {
                    let send_queue = Arc::new(SendQueue::default());
                    let stream = SendfileStream::new(stream, Arc::clone(&send_queue));
                    self.connect(stream, Some(send_queue), Some(peer), permit);
                }
                Ok(Stream::Tcp(stream, peer)) => self.connect(stream, None, Some(peer), permit),
                Ok(Stream::Unix(stream)) => self.connect(stream, None, None, permit),
                Err(error) if is_out_of_descriptors(&error) => {
                    if last_logged.is_none_or(|since| since.elapsed() >= LOG_INTERVAL) {
                        last_logged = Some(Instant::now());
                        tracing::error!("no more connections can be accepted for now: {error} (see ulimit -n)");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => tracing::debug!("a client disconnected before its connection was accepted: {error}"),
            }
        }
    }

    /// Serves one connection in a new task.
    fn connect<S>(
        &self,
        stream: S,
        send_queue: Option<Arc<SendQueue>>,
        peer: Option<IpAddr>,
        permit: OwnedSemaphorePermit,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection { activity: Arc::default(), send_queue, peer };
        let activity = Arc::clone(&connection.activity);
        let transport = TokioIo::new(Transport::new(stream, self.limits, Arc::clone(&activity)));
        let service = Arc::clone(&self.service);
        let respond = move |request| {
            connection.activity.requested();
            let (service, connection) = (Arc::clone(&service), connection.clone());
            // boxed, because an idle connection would otherwise reserve 1.5 KiB for it
            async move { Ok::<_, Infallible>(service.respond(request, connection).await) }.boxed()
        };
        let http = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            // passes slices on without copying, which sendfile requires
            .writev(true)
            // a client that closes its sending side (`printf ... | nc -N`) still gets its response
            .half_close(true)
            .serve_connection(transport, service_fn(respond));
        let http = self.graceful.watch(http);
        tokio::spawn(async move {
            if let Err(error) = http.await {
                report(&error, &activity);
            }
            drop(permit);
        });
    }
}

/// Logs why a connection failed. A client that disconnects or times out is logged only at the debug level.
fn report(error: &hyper::Error, activity: &Activity) {
    if activity.spoke_tls() {
        tracing::warn!("a client tried https: this server speaks http, not https; write http:// in the URL");
    } else if error.is_parse_version_h2() {
        tracing::warn!("a client spoke HTTP/2 without negotiation: this server speaks HTTP/1.1");
    } else if error.is_parse() {
        tracing::warn!("a request was malformed and got a response without an explanation: {error}");
    } else {
        tracing::debug!("a connection ended prematurely: {error}");
    }
}

/// Whether the process (EMFILE) or the system (ENFILE) has run out of file descriptors.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}
