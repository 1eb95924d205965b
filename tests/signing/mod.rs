//! Signed URLs over a real socket to the real binary.

mod command;
mod hmac;
mod s3;
mod secure_link;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Server, Way};

const SECRET: &str = "geheim & 42";

/// A server with this configuration. The root of its first mount is the root of the server.
fn server(config: &str, args: &[&str]) -> Server {
    Server::prepared(Way::Fast, args, |folder| {
        std::fs::write(folder.join("devmedia.toml"), config).expect("the configuration");
    })
}

/// Unix time, in seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
