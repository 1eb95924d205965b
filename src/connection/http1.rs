//! HTTP/1.1 on a connection, with next to no memory while it is idle.
//!
//! The buffers of hyper take 16 KiB, and hyper keeps them between two requests. So a connection begins without hyper, and
//! continues without it when it has been idle for a moment: its transport waits for the next bytes, and then a new hyper begins
//! with them.

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::sleep;

use super::transport::Transport;

/// By default, hyper queues 400 KiB per slow reader, and over HTTP/2 per request. This also limits the head of a request
/// (431 if it is larger).
pub const MAX_BUFFER: usize = 64 * 1024;

/// How long an idle connection keeps its buffers. A busy client sends its next request sooner.
const KEEP_BUFFERS: Duration = Duration::from_millis(25);

/// The longest time between two looks whether a busy connection has become idle.
const LOOK_FOR_IDLE: Duration = Duration::from_secs(2);

/// Serves a connection until it ends, or until `stop` is ready and the current response has been sent.
pub async fn serve<S, R, F, B, E>(
    mut transport: Transport<S>,
    respond: R,
    stop: impl Future<Output = ()>,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Fn(Request<Incoming>) -> F + Unpin,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let activity = Arc::clone(transport.activity());
    let mut stop = pin!(stop);
    let mut service = service_fn(respond);
    loop {
        let has_more = tokio::select! {
            biased;
            has_more = transport.has_more() => has_more,
            () = stop.as_mut() => Ok(false),
        };
        match has_more {
            Ok(true) => {}
            Ok(false) => {
                let _ = transport.shutdown().await;
                return Ok(());
            }
            Err(error) => {
                tracing::debug!("an idle connection ended: {error}");
                return Ok(());
            }
        }
        let http = Builder::new()
            .max_buf_size(MAX_BUFFER)
            // passes slices on without copying, which sendfile requires
            .writev(true)
            // a client that closes its sending side (`printf ... | nc -N`) still gets its response
            .half_close(true)
            .serve_connection(TokioIo::new(transport), service)
            .with_upgrades();
        let mut http = Box::pin(http);
        let mut pause = KEEP_BUFFERS;
        loop {
            tokio::select! {
                biased;
                ended = http.as_mut() => return ended,
                () = stop.as_mut() => {
                    http.as_mut().graceful_shutdown();
                    return http.await;
                }
                () = sleep(pause) => {}
            }
            if activity.is_idle_for(KEEP_BUFFERS) {
                break;
            }
            // a long response or a busy client: look less often
            pause = (2 * pause).min(LOOK_FOR_IDLE);
        }
        let parts = Pin::into_inner(http).into_parts().expect("only an upgrade takes them, and ends the connection");
        transport = parts.io.into_inner();
        transport.unread(&parts.read_buf);
        service = parts.service;
    }
}
