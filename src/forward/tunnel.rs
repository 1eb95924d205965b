//! What follows a 101: bytes both ways, until one side ends (RFC 9110 section 7.8).

use futures_util::future::try_join;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::connection::Connection;

/// Connects the client's side with the app's, as soon as both have switched. A tunnel ends with the process: nobody waits
/// for a WebSocket to end by itself.
pub fn open(client: OnUpgrade, app: OnUpgrade, connection: Connection) {
    connection.activity.upgraded();
    tokio::spawn(async move {
        match try_join(client, app).await {
            Ok((client, app)) => {
                let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
                // that one side is gone is how most of them end
                if let Err(error) = copy_bidirectional(&mut client, &mut app).await {
                    tracing::debug!("a tunnel to the app ended early: {error}");
                }
            }
            Err(error) => tracing::debug!("a connection was not upgraded: {error}"),
        }
        drop(connection);
    });
}
