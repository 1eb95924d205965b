//! One connection: what its transport and the answers on it tell each other, its time-outs, and sendfile.

pub mod sendfile;
pub mod transport;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use self::sendfile::Outbox;
use self::transport::Activity;

/// Who can reach the listener that a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListenerKind {
    /// This machine, over TCP: its browsers too, and so any web page that they show.
    #[default]
    Loopback,
    /// Other machines and containers too.
    Network,
    /// Programs of this machine that may open the socket in the file system. No browser can.
    Unix,
}

/// What a connection and the answers on it share.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// What the service tells the transport.
    pub activity: Arc<Activity>,
    /// What is sent by sendfile, where the platform has it.
    pub outbox: Option<Arc<Outbox>>,
    /// The address of its other end; nothing over a Unix socket.
    pub peer: Option<IpAddr>,
    /// Its place among the connections that there may be at once.
    pub place: Option<Arc<OwnedSemaphorePermit>>,
    /// Who can reach the listener that accepted it.
    pub listener: ListenerKind,
    /// The port of that listener; nothing for a Unix socket.
    pub port: Option<u16>,
}
