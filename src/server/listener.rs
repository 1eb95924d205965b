//! Listening addresses and sockets.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::local::{LocalListener, LocalStream};
use crate::connection::{ListenerKind, Scheme};

/// The port of the default address.
pub const DEFAULT_PORT: u16 = 8001;

/// The maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// This machine only: `127.0.0.1`, and `[::1]` if the machine has it.
    Loopback(u16),
    /// This address.
    Address(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Default for Listen {
    fn default() -> Self {
        Self::Loopback(DEFAULT_PORT)
    }
}

impl Listen {
    /// Parses `8001`, `localhost:8001`, `127.0.0.1:8001`, `[::1]:8001` or `unix:PATH`; the error is advice.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                _ if cfg!(windows) => {
                    Err(format!("sockets in the file system work on Linux and macOS only; write {DEFAULT_PORT}"))
                }
                "" => Err("the path is missing; write unix:/tmp/media.sock".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        if let Ok(port) = text.parse() {
            return Ok(Self::Loopback(port));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let Some((host, port)) = text.rsplit_once(':')
            && let Ok(port) = port.parse()
            && host.eq_ignore_ascii_case("localhost")
        {
            return Ok(Self::Loopback(port));
        }
        let bare = text.trim_matches(['[', ']']);
        Err(match (bare.parse::<IpAddr>(), text.rsplit_once(':')) {
            (Ok(ip), _) => format!("the port is missing; write {}", SocketAddr::new(ip, DEFAULT_PORT)),
            (_, Some(("" | "*", port))) => format!(
                "the address is missing; write 127.0.0.1:{port} for this machine, or 0.0.0.0:{port} for its network as well"
            ),
            _ if text.starts_with('/') => format!("not an address; for a socket in the file system, write unix:{text}"),
            _ if text.eq_ignore_ascii_case("localhost") => {
                format!("the port is missing; write 127.0.0.1:{DEFAULT_PORT}")
            }
            _ => "not an IP address and a port; write 127.0.0.1:8001, [::1]:8001, 0.0.0.0:8001 or unix:PATH".to_owned(),
        })
    }

    /// Whether other machines can connect to it.
    pub fn is_public(&self) -> bool {
        match self {
            Self::Loopback(_) | Self::Unix(_) => false,
            Self::Address(address) => !address.ip().to_canonical().is_loopback(),
        }
    }

    /// Whether it is impossible to listen on both, because one includes the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let of = |listen: &Self| match listen {
            Self::Loopback(port) => {
                let ips = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
                ips.map(|ip| SocketAddr::new(ip, *port)).to_vec()
            }
            Self::Address(address) => vec![*address],
            Self::Unix(_) => Vec::new(),
        };
        let same = |one: &SocketAddr, other: &SocketAddr| {
            let any = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() != 0
                && one.port() == other.port()
                && one.is_ipv4() == other.is_ipv4()
                && (any || one.ip() == other.ip())
        };
        match (self, other) {
            (Self::Unix(one), Self::Unix(other)) => one == other,
            _ => of(self).iter().any(|one| of(other).iter().any(|other| same(one, other))),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(port) => write!(f, "127.0.0.1:{port}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address without a port: the value of `--host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// This machine only.
    Loopback,
    /// This address.
    Address(IpAddr),
}

impl Host {
    /// Parses `localhost`, `0.0.0.0`, `::1` or `[::1]`; the error is advice.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("localhost") {
            return Ok(Self::Loopback);
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self::Address(ip));
        }
        Err(match Listen::parse(text) {
            Ok(_) => format!("not just an address; write --listen {text}"),
            Err(_) if ["*", "all", "any", "true"].contains(&text) => {
                "not an IP address; write 0.0.0.0 for all addresses of this machine".to_owned()
            }
            Err(_) => "not an IP address; write localhost, 0.0.0.0 or the address of a network card. (For the names \
                       by which browsers may reach it, write --allow-host NAME)"
                .to_owned(),
        })
    }

    /// This address and a port.
    pub fn at(self, port: u16) -> Listen {
        match self {
            Self::Loopback => Listen::Loopback(port),
            Self::Address(ip) => Listen::Address(SocketAddr::new(ip, port)),
        }
    }
}

/// The network addresses of this machine, without loopback and link-local ones.
pub fn local_addresses() -> Vec<IpAddr> {
    let is_link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let ips = interfaces.iter().filter(|interface| !interface.is_loopback()).map(if_addrs::Interface::ip);
    ips.filter(|ip| !is_link_local(ip)).collect()
}

/// A socket that accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// A socket in the file system.
    Local(LocalListener),
}

/// An accepted connection.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP, from this address.
    Tcp(TcpStream, IpAddr),
    /// Over a socket in the file system.
    Local(LocalStream),
}

/// A bound listening address.
#[derive(Debug)]
pub struct Bound {
    /// The start of its URLs, such as `http://127.0.0.1:8001`, or `unix:PATH`.
    pub origin: String,
    /// The start of its URLs for other machines of the network, if it is bound to all addresses.
    pub network_origins: Vec<String>,
    /// One socket, or two for the loopback addresses of IPv4 and IPv6.
    pub listeners: Vec<Listener>,
}

impl Bound {
    /// The ready line: the URL of a mount, or the socket's path.
    pub fn url(&self, prefix: &str) -> String {
        if self.origin.starts_with("unix:") { self.origin.clone() } else { format!("{}{prefix}", self.origin) }
    }

    /// The URLs of a mount for other machines.
    pub fn network_urls(&self, prefix: &str) -> impl Iterator<Item = String> {
        self.network_origins.iter().map(move |origin| format!("{origin}{prefix}"))
    }
}

/// Listens on all of `listens`, or on none. The error is advice for the user.
///
/// Their URLs begin with `scheme`. Must be called inside a tokio runtime.
pub fn bind(listens: &[Listen], scheme: Scheme) -> Result<Vec<Bound>, String> {
    listens.iter().map(|listen| bind_one(listen, listens, scheme.as_str())).collect()
}

fn bind_one(listen: &Listen, all: &[Listen], scheme: &str) -> Result<Bound, String> {
    let advise = |error: io::Error| advice(listen, &error);
    match listen {
        Listen::Loopback(port) => {
            let first = tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)), false).map_err(advise)?;
            let address = first.local_addr().map_err(advise)?;
            let second = tcp(SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())), true);
            if let Err(error) = &second {
                tracing::debug!("not listening on [::1]:{}: {error}", address.port());
            }
            let listeners = [Some(first), second.ok()].into_iter().flatten().map(Listener::Tcp);
            let origin = format!("{scheme}://{address}");
            Ok(Bound { origin, network_origins: Vec::new(), listeners: listeners.collect() })
        }
        Listen::Address(address) => {
            // [::] also accepts IPv4 connections, unless an IPv4 address with the same port is given separately
            let own_v4 = |other: &Listen| match other {
                Listen::Address(other) => other.is_ipv4() && other.port() == address.port(),
                Listen::Loopback(port) => *port == address.port(),
                Listen::Unix(_) => false,
            };
            let v6_only = all.iter().any(own_v4);
            let listener = tcp(*address, v6_only).map_err(advise)?;
            let address = listener.local_addr().map_err(advise)?;
            let origin = format!("{scheme}://{}", reachable(address));
            let mut ips = if address.ip().is_unspecified() { local_addresses() } else { Vec::new() };
            ips.retain(|ip| ip.is_ipv4() == address.is_ipv4() || (ip.is_ipv4() && !v6_only));
            let network_origins =
                ips.into_iter().map(|ip| format!("{scheme}://{}", SocketAddr::new(ip, address.port())));
            let network_origins = network_origins.collect();
            Ok(Bound { origin, network_origins, listeners: vec![Listener::Tcp(listener)] })
        }
        Listen::Unix(path) => {
            let listeners = vec![Listener::Local(LocalListener::bind(path).map_err(advise)?)];
            Ok(Bound { origin: listen.to_string(), network_origins: Vec::new(), listeners })
        }
    }
}

/// An address that a browser on this machine can open: loopback, if it is bound to all addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn advice(listen: &Listen, error: &io::Error) -> String {
    let next = |port: u16| port.checked_add(1).unwrap_or(DEFAULT_PORT);
    let other = match listen {
        Listen::Loopback(port) => Some(format!("-p {}", next(*port))),
        Listen::Address(address) => Some(format!("--listen {}", SocketAddr::new(address.ip(), next(address.port())))),
        Listen::Unix(_) => None,
    };
    match (error.kind(), other) {
        (io::ErrorKind::AddrInUse, Some(other)) => format!(
            "{listen} is in use by another process (another devmedia?). Stop that one, or choose another port: \
             {other} (port 0 picks a free one)"
        ),
        (io::ErrorKind::AddrInUse, None) => format!(
            "{listen} exists and is not an unused socket. Remove it if nothing needs it, or choose another path"
        ),
        (io::ErrorKind::NotFound, None) => {
            format!("{listen} is in a folder that does not exist. Create the folder, or choose another path")
        }
        (io::ErrorKind::PermissionDenied, Some(_)) => {
            format!("{listen}: permission denied. Choose a port of 1024 or more, such as -p {DEFAULT_PORT}")
        }
        (io::ErrorKind::PermissionDenied, None) => {
            format!("{listen}: permission denied. Choose a folder that this user may write to")
        }
        (io::ErrorKind::AddrNotAvailable, _) => format!(
            "{listen} is not an address of this machine. Write 127.0.0.1 for this machine only, or 0.0.0.0 for its \
             network as well"
        ),
        _ => format!("cannot listen on {listen}: {error}"),
    }
}

fn tcp(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        rustix::net::sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    // on Windows, it would let two processes listen on one port
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// The port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => Some(listener.local_addr().ok()?.port()),
            Self::Local(_) => None,
        }
    }

    /// Who can reach it.
    pub fn kind(&self) -> ListenerKind {
        match self {
            Self::Tcp(listener) => {
                let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
                // an unknown address is treated as the stricter kind
                if listener.local_addr().is_ok_and(|address| !is_loopback(address)) {
                    ListenerKind::Network
                } else {
                    ListenerKind::Loopback
                }
            }
            Self::Local(_) => ListenerKind::Unix,
        }
    }

    /// Accepts the next connection.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream, peer.ip().to_canonical()))
            }
            Self::Local(listener) => Ok(Stream::Local(listener.accept().await?)),
        }
    }
}
