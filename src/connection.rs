//! One connection: what its transport and the answers on it tell each other, its time-outs, and sendfile.

pub mod sendfile;
pub mod transport;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use self::sendfile::Outbox;
use self::transport::Activity;

/// What a connection and the answers on it share.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// What the service tells the transport.
    pub activity: Arc<Activity>,
    /// The way of file bytes around this process, where there is one.
    pub outbox: Option<Arc<Outbox>>,
    /// Who is at its other end, where that has an address.
    pub peer: Option<IpAddr>,
    /// Its place among the connections that there may be at once.
    pub place: Option<Arc<OwnedSemaphorePermit>>,
}
