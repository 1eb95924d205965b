//! Copies bytes in both directions after a 101 response, until one side closes the connection (RFC 9110 section 7.8).

use futures_util::future::try_join;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::connection::Connection;

/// Connects the client with the app as soon as both have switched protocols. A tunnel ends with the process: stopping does not
/// wait for `WebSocket` connections.
pub fn open(client: OnUpgrade, app: OnUpgrade, connection: Connection) {
    connection.activity.upgraded();
    tokio::spawn(async move {
        match try_join(client, app).await {
            Ok((client, app)) => {
                let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
                // most tunnels end because one side disconnects
                if let Err(error) = copy_bidirectional(&mut client, &mut app).await {
                    tracing::debug!("a tunnel to the app ended early: {error}");
                }
            }
            Err(error) => tracing::debug!("a connection was not upgraded: {error}"),
        }
        drop(connection);
    });
}
