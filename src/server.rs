//! The server: listens, accepts connections, and shuts down.

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
use crate::connection::sendfile::{self, SendQueue, SendfileStream};
use crate::connection::transport::{Activity, Limits, Transport};
use crate::connection::{Connection, ListenerKind};
use crate::service::Service;
use crate::storage;

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

/// By default, hyper queues 400 KiB per slow reader. This also limits the head of a request (431 if it is larger).
const MAX_BUFFER: usize = 64 * 1024;

/// Serves on all listeners until `stop` is ready. Then stops accepting, and waits up to `grace` for transfers to end.
///
/// The caller provides the sockets and the stop signal, so tests need neither a fixed port nor a signal.
pub async fn serve(listeners: Vec<Listener>, service: Arc<Service>, grace: Duration, stop: impl Future<Output = ()>) {
    let (draining, _) = watch::channel(());
    let server = Arc::new(Server {
        service,
        draining,
        slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        open: Mutex::default(),
        full: LogThrottle::default(),
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
    let server = Arc::into_inner(server).expect("accepting has ended, and connections do not hold a reference");
    server.draining.send_replace(());
    if tokio::time::timeout(grace, server.draining.closed()).await.is_err() {
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
    /// Tells all connections to close after the current response. Upgraded connections do not listen, and end with the
    /// process.
    draining: watch::Sender<()>,
    slots: Arc<Semaphore>,
    /// The activity of each open connection, to find idle ones.
    open: Mutex<Vec<Weak<Activity>>>,
    /// Limits how often it is logged that all slots are taken.
    full: LogThrottle,
    limits: Limits,
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
    async fn accept(self: Arc<Self>, listener: Listener) {
        let (starved, origin) = (LogThrottle::default(), (listener.kind(), listener.port()));
        loop {
            match listener.accept().await {
                Ok(stream) => {
                    let permit = self.acquire_slot().await;
                    match stream {
                        Stream::Tcp(stream, peer) if sendfile::SUPPORTED => {
                            let send_queue = Arc::new(SendQueue::default());
                            let stream = SendfileStream::new(stream, Arc::clone(&send_queue));
                            self.connect(stream, Some(send_queue), origin, Some(peer), permit);
                        }
                        Stream::Tcp(stream, peer) => self.connect(stream, None, origin, Some(peer), permit),
                        Stream::Unix(stream) => self.connect(stream, None, origin, None, permit),
                    }
                }
                Err(error) if is_out_of_descriptors(&error) => {
                    if starved.is_due() {
                        tracing::error!("no more connections can be accepted for now: {error} (see ulimit -n)");
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
            self.close_idle();
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, &mut wanted).await {
                return permit.expect("never closed");
            }
        }
    }

    /// Closes the connection that has been idle longest, if one is idle.
    fn close_idle(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let idle =
            open.iter().filter_map(Weak::upgrade).filter_map(|activity| Some((activity.idle_since()?, activity)));
        if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
            longest.close();
        }
    }

    /// Adds an open connection to the list, and removes those that have ended.
    fn note(&self, activity: &Arc<Activity>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= 2 * MAX_CONNECTIONS {
            open.retain(|activity| activity.strong_count() > 0);
        }
        open.push(Arc::downgrade(activity));
    }

    /// Serves one connection in a new task.
    fn connect<S>(
        &self,
        stream: S,
        send_queue: Option<Arc<SendQueue>>,
        (listener, port): (ListenerKind, Option<u16>),
        peer: Option<IpAddr>,
        permit: OwnedSemaphorePermit,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let place = Some(Arc::new(permit));
        let connection = Connection { activity: Arc::default(), send_queue, peer, place, listener, port };
        let activity = Arc::clone(&connection.activity);
        self.note(&activity);
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

/// Whether the process (EMFILE) or the machine (ENFILE) has run out of file descriptors, or the machine of memory.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}
