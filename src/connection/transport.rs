//! The transport below hyper: it enforces the time-outs of a connection.
//!
//! hyper's own `header_read_timeout` also counts the time that a kept-alive connection is idle; here each has a limit of
//! its own.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The first byte of a TLS record that holds a hello (RFC 8446 section 5.1).
pub const TLS_HANDSHAKE: u8 = 0x16;

/// The time-outs of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// Between two requests, and before the first.
    pub idle: Duration,
    /// While the client takes no byte of an answer.
    pub stalled: Duration,
    /// From a connection's beginning to the end of its TLS handshake.
    pub handshake: Duration,
    /// After the client's last byte, while there is nothing to send it yet.
    pub gone: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stalled: Duration::from_secs(300),
            handshake: Duration::from_secs(10),
            gone: Duration::from_secs(10),
        }
    }
}

/// What the service tells the transport of the same connection.
#[derive(Debug, Default)]
pub struct Activity {
    answering: AtomicBool,
    /// The request whose body is being received, counted from 1; 0 for none.
    receiving: AtomicU64,
    received: AtomicU64,
    requests: AtomicU64,
    spoke_tls: AtomicBool,
    streaming: AtomicBool,
    waiting: AtomicBool,
}

impl Activity {
    /// A request's head has arrived.
    pub fn requested(&self) {
        self.answering.store(true, Relaxed);
        self.received.store(0, Relaxed);
        self.requests.fetch_add(1, Relaxed);
    }

    /// The current request's body follows: what comes is not the next head, and whoever reads it measures how long it
    /// takes. Gives the request's number, for what is said of its body later: the next may have begun by then.
    pub fn receiving(&self) -> u64 {
        let request = self.requests.load(Relaxed);
        self.receiving.store(request, Relaxed);
        request
    }

    /// Bytes of a request's body have come.
    pub fn received(&self, request: u64, bytes: usize) {
        if self.requests.load(Relaxed) == request {
            self.received.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// Nobody waits for more of a request's body.
    pub fn received_all(&self, request: u64) {
        let _ = self.receiving.compare_exchange(request, 0, Relaxed, Relaxed);
    }

    /// Bytes of the current request's body that have come.
    pub fn bytes_received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// The current answer has no end of its own: the client's hanging up is one.
    pub fn streaming(&self) {
        self.streaming.store(true, Relaxed);
    }

    /// The current answer may have to wait for long before more of it can be sent.
    pub fn waiting(&self) {
        self.waiting.store(true, Relaxed);
    }

    /// The answer has been handed over.
    pub fn answered(&self) {
        self.answering.store(false, Relaxed);
        self.streaming.store(false, Relaxed);
        self.waiting.store(false, Relaxed);
    }

    /// Whether the client began with a TLS hello.
    pub fn spoke_tls(&self) -> bool {
        self.spoke_tls.load(Relaxed)
    }
}

/// A connection with time-outs.
#[derive(Debug)]
pub struct Transport<S> {
    io: S,
    limits: Limits,
    activity: Arc<Activity>,
    /// Requests of which this side has seen the head.
    requests: u64,
    /// When the first byte of the current head came.
    head_began: Option<Instant>,
    /// When the client was seen to have ended, in the midst of an answer that waits.
    ended: Option<Instant>,
    /// When the client stopped taking bytes.
    stalled_since: Option<Instant>,
    /// When bytes that were written began to wait below: TLS keeps some.
    unflushed_since: Option<Instant>,
    last_progress: Instant,
    began: bool,
    /// A byte that came while it was only asked whether the client is there.
    early: Option<u8>,
    /// Set to a deadline or earlier; a deadline that moved on is looked up when it fires, so a busy connection never
    /// touches the timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Transport<S> {
    /// Wraps a connection that has just been accepted.
    pub fn new(io: S, limits: Limits, activity: Arc<Activity>) -> Self {
        Self {
            io,
            limits,
            activity,
            requests: 0,
            head_began: None,
            ended: None,
            stalled_since: None,
            unflushed_since: None,
            last_progress: Instant::now(),
            began: false,
            early: None,
            timer: None,
        }
    }

    /// When the client has taken too long, as things stand; `None` while the server is at work.
    fn deadline(&mut self) -> Option<Instant> {
        let requests = self.activity.requests.load(Relaxed);
        if requests != self.requests {
            self.requests = requests;
            self.head_began = None;
            self.last_progress = Instant::now();
        }
        if let Some(since) = self.stalled_since.or(self.unflushed_since) {
            Some(since + self.limits.stalled)
        } else if let Some(ended) = self.ended {
            Some(ended.max(self.last_progress) + self.limits.gone)
        } else if self.activity.answering.load(Relaxed) || self.activity.receiving.load(Relaxed) > 0 {
            None
        } else if let Some(began) = self.head_began {
            Some(began + self.limits.head)
        } else {
            Some(self.last_progress + self.limits.idle)
        }
    }

    /// Ready when the client has taken too long.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let Some(deadline) = self.deadline() else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client took too long"));
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// What a write came to: progress, or the beginning of a stall.
    fn wrote(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(_) => {
                self.stalled_since = None;
                self.unflushed_since = None;
                self.last_progress = Instant::now();
                result
            }
            Poll::Pending => {
                self.stalled_since.get_or_insert_with(Instant::now);
                self.poll_timeout(cx).map(Err)
            }
        }
    }

    /// What a flush came to: below TLS, the socket may be full.
    fn flushed(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        match result {
            Poll::Ready(_) => {
                self.unflushed_since = None;
                result
            }
            Poll::Pending => {
                self.unflushed_since.get_or_insert_with(Instant::now);
                self.poll_timeout(cx).map(Err)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Transport<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = match this.early.take_if(|_| buf.remaining() > 0) {
            Some(byte) => {
                buf.put_slice(&[byte]);
                Poll::Ready(Ok(()))
            }
            None => Pin::new(&mut this.io).poll_read(cx, buf),
        };
        match result {
            Poll::Pending => this.poll_timeout(cx).map(Err),
            Poll::Ready(_) => {
                if let Some(first) = buf.filled().get(before) {
                    if !this.began {
                        this.began = true;
                        this.activity.spoke_tls.store(*first == TLS_HANDSHAKE, Relaxed);
                    }
                    if this.activity.receiving.load(Relaxed) > 0 {
                        this.last_progress = Instant::now();
                    } else {
                        this.head_began.get_or_insert_with(Instant::now);
                    }
                }
                result
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Transport<S> {
    /// Fails when the client has hung up. hyper does not read while it answers, and with `half_close` an end would mean
    /// nothing to it: a stream of events would go on to nobody until a write fails. What such a client has said is all
    /// there is to say, so an end is an end here. A read that waits wakes the connection.
    fn poll_hung_up(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        if self.early.is_some() || Pin::new(&mut self.io).poll_read(cx, &mut buf)?.is_pending() {
            return Ok(());
        }
        match buf.filled() {
            [byte] => self.early = Some(*byte),
            _ => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client hung up")),
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.activity.streaming.load(Relaxed) {
            this.poll_hung_up(cx)?;
        } else if this.activity.waiting.load(Relaxed) {
            // who has only finished asking gets some time: it is not told apart from who is gone until a write fails
            if this.ended.is_none() {
                this.ended = this.poll_hung_up(cx).is_err().then(Instant::now);
            }
            if this.ended.is_some()
                && let Poll::Ready(error) = this.poll_timeout(cx)
            {
                return Poll::Ready(Err(error));
            }
        }
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.flushed(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_shutdown(cx);
        this.flushed(cx, result)
    }
}
