//! The HTTP client for an app, which reuses connections.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::address::Address;
use super::outgoing::Outgoing;

/// The time limit for connecting.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept. This is shorter than the keep-alive timeout of common servers (Node: 5 s).
const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// The maximum number of idle connections.
const MAX_IDLE: usize = 64;

/// The size of hyper's buffers for each connection, in bytes.
const MAX_BUFFER: usize = 64 * 1024;

/// Connections to one app.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The most recently used connection is last.
    idle: Arc<Mutex<Vec<Idle>>>,
}

/// An idle connection.
#[derive(Debug)]
struct Idle {
    address: Address,
    since: Instant,
    sender: SendRequest<Outgoing>,
}

/// Why there is no response. `Display` ends a sentence about the app.
#[derive(Debug)]
pub enum SendError {
    /// Connecting failed.
    Unreachable(io::Error),
    /// The connection failed before the response arrived.
    NoAnswer(hyper::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "it cannot be reached ({})", error.kind()),
            Self::NoAnswer(error) if error.is_parse() => write!(f, "its response is not HTTP: {error}"),
            Self::NoAnswer(error) if nothing_came(error) => f.write_str("it closed the connection before it answered"),
            Self::NoAnswer(error) => {
                // the innermost cause is the system's error: "Connection reset by peer"
                let mut cause: &dyn Error = error;
                while let Some(inner) = cause.source() {
                    cause = inner;
                }
                write!(f, "the connection failed ({cause})")
            }
        }
    }
}

impl Client {
    /// Sends an idempotent request without a body (RFC 9110 section 9.2.2). If it fails because the app has closed the reused
    /// connection, it is sent again on a new one (RFC 9112 section 9.3.1).
    pub async fn send_idempotent(
        &self,
        address: &Address,
        request: impl Fn() -> Request<Outgoing>,
    ) -> Result<Response<Incoming>, SendError> {
        if let Some(sender) = self.take(address) {
            match self.exchange(address, sender, request()).await {
                Err(SendError::NoAnswer(error)) if nothing_came(&error) => {}
                answer => return answer,
            }
        }
        self.send_once(address, request()).await
    }

    /// Sends a request on a new connection. The app may be closing a reused one, and a body that was partly sent cannot be sent
    /// again.
    pub async fn send_once(
        &self,
        address: &Address,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, SendError> {
        let connecting = timeout(CONNECT, connect(address)).await;
        let sender = connecting.unwrap_or_else(|_| Err(SendError::Unreachable(io::ErrorKind::TimedOut.into())))?;
        self.exchange(address, sender, request).await
    }

    async fn exchange(
        &self,
        address: &Address,
        mut sender: SendRequest<Outgoing>,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, SendError> {
        let answer = sender.send_request(request).await.map_err(SendError::NoAnswer)?;
        let (idle, address) = (Arc::clone(&self.idle), address.clone());
        tokio::spawn(async move {
            // when the answer has been read; never after an upgrade
            if sender.ready().await.is_ok() {
                let mut idle = lock(&idle);
                if idle.len() < MAX_IDLE {
                    idle.push(Idle { address, since: Instant::now(), sender });
                }
            }
        });
        Ok(answer)
    }

    /// Takes the most recently used connection, if it is still usable. Expired connections are dropped.
    fn take(&self, address: &Address) -> Option<SendRequest<Outgoing>> {
        let mut idle = lock(&self.idle);
        idle.retain(|kept| kept.since.elapsed() < KEEP_ALIVE && kept.address == *address && kept.sender.is_ready());
        idle.pop().map(|kept| kept.sender)
    }
}

async fn connect(address: &Address) -> Result<SendRequest<Outgoing>, SendError> {
    #[cfg(unix)]
    if let Some(path) = address.socket() {
        return handshake(UnixStream::connect(path).await.map_err(SendError::Unreachable)?).await;
    }
    let stream = TcpStream::connect((address.host(), address.port())).await.map_err(SendError::Unreachable)?;
    stream.set_nodelay(true).map_err(SendError::Unreachable)?;
    handshake(stream).await
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Outgoing>, SendError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_BUFFER);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(SendError::NoAnswer)?;
    // errors are reported by the response as well
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

fn lock(idle: &Mutex<Vec<Idle>>) -> MutexGuard<'_, Vec<Idle>> {
    idle.lock().expect("nothing panics while holding it")
}

/// Whether a connection ended before the response began, which can happen to a reused connection.
fn nothing_came(error: &hyper::Error) -> bool {
    let is_reset = || {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| matches!(cause.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
    };
    error.is_incomplete_message() || error.is_canceled() || error.is_closed() || is_reset()
}
