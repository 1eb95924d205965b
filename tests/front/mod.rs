//! `--app`, and the apps behind it.

mod app;
mod django;
mod down;
mod handed;
mod nginx;
mod passing;
mod running;
mod streaming;

use std::net::{SocketAddr, TcpListener};

use crate::support::{Answer, Server, Way};

use app::App;

/// A server in front of an app.
fn before(app: &App) -> Server {
    Server::start(Way::Fast, &["--app", &app.url()])
}

/// One request on a connection of its own, for answers that are the app's: the rules for our own do not hold for them.
fn ask(address: SocketAddr, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    crate::support::client::send(address, method, target, fields, body)
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}
