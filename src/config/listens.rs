//! Where to listen: `--listen`, or `--host` and `--port`.

use std::net::IpAddr;

use url::{Host as UrlHost, Url};

use super::layer::Layer;
use super::problems::Problems;
use super::settings::{HOST, LISTEN, PORT};
use super::typed::{Source, Typed};
use crate::server::listener::{self, DEFAULT_PORT, Host, Listen};

/// Everything to listen on, at least one.
pub(super) fn read(flags: &Layer, server: &Layer, problems: &mut Problems) -> Vec<Listen> {
    let (host, port) = (flags.typed(&HOST), flags.typed(&PORT));
    if let Some(first) = host.or(port) {
        let by_flag = |typed: &&Typed| typed.source == Source::CommandLine;
        if let Some(listen) = flags.all(&LISTEN).iter().find(by_flag) {
            problems.usage(format!(
                "{} and {} both say where to listen; write only --listen, such as --listen 127.0.0.1:8001",
                first.shown, listen.shown
            ));
        }
        // of a flag and a variable or the file, the flag wins
        let read = (flags.get(&HOST, problems), flags.get(&PORT, problems));
        return vec![read.0.unwrap_or(Host::Loopback).at(read.1.unwrap_or(DEFAULT_PORT))];
    }
    let typed = server.all(&LISTEN);
    let mut listen: Vec<Listen> = Vec::new();
    for typed in typed {
        let Some(read) = problems.check(typed, LISTEN.read) else { continue };
        if let Some(other) = listen.iter().find(|other| other.overlaps(&read)) {
            problems.usage(format!("{}: {} overlaps with this address; remove one of the two", typed.shown, other));
        }
        listen.push(read);
    }
    if listen.is_empty() {
        listen.push(Listen::default());
    }
    listen
}

/// Whether the URL leads to this address.
pub(super) fn is_reached_by(listen: &Listen, url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let ip: IpAddr = match url.host() {
        Some(UrlHost::Ipv4(ip)) => ip.into(),
        Some(UrlHost::Ipv6(ip)) => IpAddr::from(ip).to_canonical(),
        Some(UrlHost::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => [127, 0, 0, 1].into(),
        _ => return false,
    };
    let is_here = ip.is_loopback() || ip.is_unspecified();
    match listen {
        Listen::Loopback(port) => is_here && *port != 0 && url.port_or_known_default() == Some(*port),
        Listen::Address(address) => {
            let own = address.ip().to_canonical();
            let reaches = own == ip
                || (is_here && (own.is_loopback() || own.is_unspecified()))
                || (own.is_unspecified() && listener::local_addresses().contains(&ip));
            reaches && address.port() != 0 && url.port_or_known_default() == Some(address.port())
        }
        Listen::Unix(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_leads_to_this_server_is_recognized() {
        for (listen, url, expected) in [
            ("8001", "http://127.0.0.1:8001/media/", true),
            ("8001", "http://localhost:8001/media/", true),
            ("8001", "http://app.localhost:8001/", true),
            ("8001", "http://[::1]:8001/media/", true),
            ("8001", "http://0.0.0.0:8001/media/", true),
            ("8001", "https://localhost:8001/", true),
            ("80", "http://localhost/media/", true),
            ("0.0.0.0:8001", "http://127.0.0.1:8001/media/", true),
            ("0.0.0.0:8001", "http://[::ffff:127.0.0.1]:8001/media/", true),
            ("127.0.0.2:8001", "http://127.0.0.2:8001/", true),
            ("192.0.2.1:8001", "http://192.0.2.1:8001/", true),
            ("192.0.2.1:8001", "http://127.0.0.1:8001/", false),
            ("8001", "http://127.0.0.1:8000/media/", false),
            ("8001", "http://127.0.0.1/media/", false),
            ("8001", "https://www.example.com:8001/", false),
            ("0", "http://127.0.0.1:0/", false),
            ("unix:/tmp/a.sock", "http://localhost/", false),
        ] {
            let listen = Listen::parse(listen).expect("an address");
            assert_eq!(is_reached_by(&listen, url), expected, "{listen} {url}");
        }
    }
}
