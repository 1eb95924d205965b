//! One connection: what its transport and the answers on it tell each other, its time-outs, and sendfile.

pub mod http2;
pub mod sendfile;
pub mod transport;

use std::net::IpAddr;
use std::sync::Arc;

use self::sendfile::Outbox;
use self::transport::Activity;

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

/// What a connection and the answers on it share.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// What the service tells the transport.
    pub activity: Arc<Activity>,
    /// The way of file bytes around this process, where there is one.
    pub outbox: Option<Arc<Outbox>>,
    /// Who is at its other end, where that has an address.
    pub peer: Option<IpAddr>,
    /// How its requests come.
    pub scheme: Scheme,
}
