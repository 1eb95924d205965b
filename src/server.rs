//! Listen, accept, time out, drain.

pub mod listener;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use self::listener::{Listener, Stream};
use crate::connection::sendfile::{self, Outbox, SendfileStream};
use crate::connection::transport::{Activity, Limits, Transport};
use crate::connection::{Connection, ListenerKind};
use crate::service::Service;

/// Connections at once. For one more, the one that has been idle for the longest time is closed.
const MAX_CONNECTIONS: usize = 1024;

/// How often a client that waits for a place looks for a connection that has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long accepting pauses when the process may open no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// At a limit, accepting works and fails in turns as clients come and go: it is logged at most this often.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// hyper queues 400 KiB per slow reader by default; this also bounds a request's head (431 beyond it).
const MAX_BUFFER: usize = 64 * 1024;

/// Serves on all listeners until `stop` is ready; then accepts no more connections, and waits for transfers for `grace`.
///
/// The caller owns the sockets and the stop signal, so a test needs neither a fixed port nor a signal.
pub async fn serve(listeners: Vec<Listener>, service: Arc<Service>, grace: Duration, stop: impl Future<Output = ()>) {
    let (draining, _) = watch::channel(());
    let server = Arc::new(Server {
        service,
        draining,
        room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        open: Mutex::default(),
        full: Seldom::default(),
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
    if tokio::time::timeout(grace, server.draining.closed()).await.is_err() {
        tracing::warn!("transfers that were still running after {} s (--grace) were cut off", grace.as_secs_f64());
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
    /// What is known of each open connection, so that an idle one can be closed.
    open: Mutex<Vec<Weak<Activity>>>,
    /// When it was last logged that all places are taken.
    full: Seldom,
    limits: Limits,
}

/// Something that is logged at most every [`LOG_AGAIN`].
#[derive(Debug, Default)]
struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= LOG_AGAIN);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

impl Server {
    async fn accept(self: Arc<Self>, listener: Listener) {
        let (starved, origin) = (Seldom::default(), (listener.kind(), listener.port()));
        loop {
            match listener.accept().await {
                Ok(stream) => {
                    let permit = self.place().await;
                    match stream {
                        Stream::Tcp(stream, peer) if sendfile::SUPPORTED => {
                            let outbox = Arc::new(Outbox::default());
                            let stream = SendfileStream::new(stream, Arc::clone(&outbox));
                            self.connect(stream, Some(outbox), origin, Some(peer), permit);
                        }
                        Stream::Tcp(stream, peer) => self.connect(stream, None, origin, Some(peer), permit),
                        Stream::Unix(stream) => self.connect(stream, None, origin, None, permit),
                    }
                }
                Err(error) if is_starved(&error) => {
                    if starved.is_due() {
                        tracing::error!("no more connections can be accepted for now: {error} (see ulimit -n)");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => tracing::debug!("a client hung up before it was accepted: {error}"),
            }
        }
    }

    /// A place for a connection that has been accepted. Where all are taken, an idle connection is closed.
    async fn place(&self) -> OwnedSemaphorePermit {
        let mut wanted = Box::pin(Arc::clone(&self.room).acquire_owned());
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
            self.close_idle();
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, &mut wanted).await {
                return permit.expect("never closed");
            }
        }
    }

    /// Closes the connection that has been idle for the longest time, if one is idle.
    fn close_idle(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let idle =
            open.iter().filter_map(Weak::upgrade).filter_map(|activity| Some((activity.idle_since()?, activity)));
        if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
            longest.close();
        }
    }

    /// Notes an open connection; forgets those that have ended.
    fn note(&self, activity: &Arc<Activity>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= 2 * MAX_CONNECTIONS {
            open.retain(|activity| activity.strong_count() > 0);
        }
        open.push(Arc::downgrade(activity));
    }

    /// Serves one connection in a task of its own.
    fn connect<S>(
        &self,
        stream: S,
        outbox: Option<Arc<Outbox>>,
        (listener, port): (ListenerKind, Option<u16>),
        peer: Option<IpAddr>,
        permit: OwnedSemaphorePermit,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let place = Some(Arc::new(permit));
        let connection = Connection { activity: Arc::default(), outbox, peer, place, listener, port };
        let activity = Arc::clone(&connection.activity);
        self.note(&activity);
        let transport = TokioIo::new(Transport::new(stream, self.limits, Arc::clone(&activity)));
        let service = Arc::clone(&self.service);
        let respond = move |request| {
            connection.activity.requested();
            let (service, connection) = (Arc::clone(&service), connection.clone());
            // boxed: each idle connection would reserve memory for it otherwise (1.5 KiB)
            async move { Ok::<_, Infallible>(service.respond(request, connection).await) }.boxed()
        };
        let http = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            // slices are passed on as they are: sendfile depends on it
            .writev(true)
            // a client that has closed its sending side (`printf ... | nc -N`) still gets its answer
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

/// A client that hangs up or falls silent is logged for debugging only; one that does not speak HTTP is a warning.
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
