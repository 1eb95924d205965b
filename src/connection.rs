//! One connection: the state that its transport shares with the responses on it, its time-outs, and sendfile.

pub mod sendfile;
pub mod transport;

use std::net::IpAddr;
use std::sync::Arc;

use self::sendfile::SendQueue;
use self::transport::Activity;

/// The state that a connection shares with the responses on it.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Notes from the service to the transport.
    pub activity: Arc<Activity>,
    /// The queue of the file ranges that sendfile will send, if this connection supports it.
    pub send_queue: Option<Arc<SendQueue>>,
    /// The address of the client; `None` on a Unix socket.
    pub peer: Option<IpAddr>,
}
