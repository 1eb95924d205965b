//! One connection: the state that its transport shares with the responses on it, its time-outs, and sendfile.

pub mod http1;
pub mod http2;
pub mod sendfile;
pub mod transport;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use self::sendfile::SendQueue;
use self::transport::Activity;

/// Who can reach the listener that accepted a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListenerKind {
    /// This machine, over TCP. This includes its browsers, and so any web page that they show.
    #[default]
    Loopback,
    /// Other machines and containers too.
    Network,
    /// Programs of this machine that may open the socket in the file system. Browsers cannot.
    Unix,
}

/// An extension of an answer that is not sent: the connection ends without one (over HTTP/2, the stream does).
#[derive(Debug, Clone, Copy)]
pub struct HangUp;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// By http.
    #[default]
    Http,
    /// By https.
    Https,
    /// By http, to a port where https is spoken.
    HttpForHttps,
}

impl Scheme {
    /// The word at the beginning of a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http | Self::HttpForHttps => "http",
            Self::Https => "https",
        }
    }
}

/// The state that a connection shares with the responses on it.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Notes from the service to the transport.
    pub activity: Arc<Activity>,
    /// The queue of the file ranges that sendfile will send, if this connection supports it.
    pub send_queue: Option<Arc<SendQueue>>,
    /// The address of the client; `None` on a Unix socket.
    pub peer: Option<IpAddr>,
    /// Its place among the connections that there may be at once.
    pub place: Option<Arc<OwnedSemaphorePermit>>,
    /// Who can reach the listener that accepted it.
    pub listener: ListenerKind,
    /// The port of that listener; nothing for a Unix socket.
    pub port: Option<u16>,
    /// How its requests come.
    pub scheme: Scheme,
}
