//! Listen, accept, time out, drain.

pub mod listener;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use self::listener::{Listener, Stream};
use crate::connection::Connection;
use crate::connection::sendfile::{self, Outbox, SendfileStream};
use crate::connection::transport::{Activity, Limits, Transport};
use crate::service::Service;
use crate::storage;

/// Connections at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;

/// How long accepting pauses when the process may open no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// At the limit, accepting works and fails in turns as clients come and go: one line about it says enough for this long.
const STARVED_AGAIN: Duration = Duration::from_secs(60);

/// hyper queues 400 KiB per slow reader by default; this also bounds a request's head (431 beyond it).
const MAX_BUFFER: usize = 64 * 1024;

/// Serves on all listeners until `stop` is ready; then accepts no more, and gives transfers `grace` to end.
///
/// The caller owns the sockets and the stop signal, so a test needs neither a fixed port nor a signal.
pub async fn serve(listeners: Vec<Listener>, service: Arc<Service>, grace: Duration, stop: impl Future<Output = ()>) {
    let (draining, _) = watch::channel(());
    let server = Arc::new(Server {
        service,
        draining,
        room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        limits: Limits::default(),
    });
    storage::survive_file_size_limit();
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(Arc::clone(&server).accept(listener));
    }
    stop.await;
    server.service.stop();
    accepting.shutdown().await;
    let server = Arc::into_inner(server).expect("the accepting tasks are gone, connections do not hold it");
    server.draining.send_replace(());
    if tokio::time::timeout(grace, server.draining.closed()).await.is_err() {
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
    /// Tells all connections to end after the answer that they are at; each listens as long as it lives. What has been
    /// upgraded does not, and ends with the process.
    draining: watch::Sender<()>,
    room: Arc<Semaphore>,
    limits: Limits,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: Listener) {
        let mut starved: Option<Instant> = None;
        loop {
            let permit = Arc::clone(&self.room).acquire_owned().await.expect("never closed");
            match listener.accept().await {
                Ok(Stream::Tcp(stream, peer)) if sendfile::SUPPORTED => {
                    let outbox = Arc::new(Outbox::default());
                    let stream = SendfileStream::new(stream, Arc::clone(&outbox));
                    self.connect(stream, Some(outbox), Some(peer), permit);
                }
                Ok(Stream::Tcp(stream, peer)) => self.connect(stream, None, Some(peer), permit),
                Ok(Stream::Unix(stream)) => self.connect(stream, None, None, permit),
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

    /// Serves one connection in a task of its own.
    fn connect<S>(&self, stream: S, outbox: Option<Arc<Outbox>>, peer: Option<IpAddr>, permit: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection { activity: Arc::default(), outbox, peer, place: Some(Arc::new(permit)) };
        let activity = Arc::clone(&connection.activity);
        let transport = TokioIo::new(Transport::new(stream, self.limits, Arc::clone(&activity)));
        let service = Arc::clone(&self.service);
        let respond = move |request| {
            connection.activity.requested();
            let (service, connection) = (Arc::clone(&service), connection.clone());
            // boxed: an idle connection would keep room for it otherwise (1.5 KiB each)
            async move { Ok::<_, Infallible>(service.respond(request, connection).await) }.boxed()
        };
        let http = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            // slices are passed on as they are: sendfile depends on it
            .writev(true)
            // a client that has said all it will (`printf ... | nc -N`) still gets its answer
            .half_close(true)
            .serve_connection(transport, service_fn(respond))
            .with_upgrades();
        let mut draining = self.draining.subscribe();
        tokio::spawn(async move {
            let mut http = pin!(http);
            let ended = tokio::select! {
                ended = http.as_mut() => ended,
                _ = draining.changed() => {
                    http.as_mut().graceful_shutdown();
                    http.await
                }
            };
            if let Err(error) = ended {
                report(&error, &activity);
            }
        });
    }
}

/// A client that hangs up or falls asleep is not worth a line; one that does not speak HTTP is.
fn report(error: &hyper::Error, activity: &Activity) {
    if activity.spoke_tls() {
        tracing::warn!("a client tried https: this server speaks http, not https; write http:// in the URL");
    } else if error.is_parse_version_h2() {
        tracing::warn!("a client spoke HTTP/2 without asking: this server speaks HTTP/1.1");
    } else if error.is_parse() {
        tracing::warn!("a request was malformed and got a bare answer: {error}");
    } else {
        tracing::debug!("a connection ended early: {error}");
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
