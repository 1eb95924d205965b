//! Where to listen, and listening there.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use crate::connection::ListenerKind;

/// The port of the default address.
pub const DEFAULT_PORT: u16 = 8001;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// This machine only: `127.0.0.1`, and `[::1]` where the machine has it.
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
    /// Reads `8001`, `localhost:8001`, `127.0.0.1:8001`, `[::1]:8001` or `unix:PATH`; the error is advice.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("it names no path; write unix:/tmp/media.sock".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        if let Ok(port) = text.parse() {
            return Ok(Self::Loopback(port));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let Some(("localhost", port)) = text.split_once(':')
            && let Ok(port) = port.parse()
        {
            return Ok(Self::Loopback(port));
        }
        let bare = text.trim_matches(['[', ']']);
        Err(match (bare.parse::<IpAddr>(), text.strip_prefix(':')) {
            (Ok(ip), _) => format!("it names no port; write {}", SocketAddr::new(ip, DEFAULT_PORT)),
            (_, Some(port)) => format!(
                "it names no address; write 127.0.0.1:{port} for this machine, 0.0.0.0:{port} for its network too"
            ),
            _ => "it is no address and port; write 127.0.0.1:8001, [::1]:8001, 0.0.0.0:8001 or unix:PATH".to_owned(),
        })
    }

    /// Whether other machines can reach it.
    pub fn is_public(&self) -> bool {
        match self {
            Self::Loopback(_) | Self::Unix(_) => false,
            Self::Address(address) => !address.ip().to_canonical().is_loopback(),
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

/// A socket that accepts.
#[derive(Debug)]
pub enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// In the file system; its path is removed when this is dropped.
    Unix(UnixListener, SocketFile),
}

/// A connection that was accepted.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP, from this address.
    Tcp(TcpStream, IpAddr),
    /// In the file system.
    Unix(UnixStream),
}

/// What one `--listen` came to.
#[derive(Debug)]
pub struct Bound {
    /// The URL's beginning, such as `http://127.0.0.1:8001`, or `unix:PATH`; for people and the ready line.
    pub origin: String,
    /// One socket, or two for the loopback of both families.
    pub listeners: Vec<Listener>,
}

impl Bound {
    /// The ready line: the URL of a mount, or the socket's path.
    pub fn url(&self, prefix: &str) -> String {
        if self.origin.starts_with("unix:") { self.origin.clone() } else { format!("{}{prefix}", self.origin) }
    }
}

/// Listens on all of `listens`, or on none. The error is the sentence for the person.
///
/// Must be called inside a tokio runtime.
pub fn bind(listens: &[Listen]) -> Result<Vec<Bound>, String> {
    listens.iter().map(|listen| bind_one(listen, listens)).collect()
}

fn bind_one(listen: &Listen, all: &[Listen]) -> Result<Bound, String> {
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
            Ok(Bound { origin: format!("http://{address}"), listeners: listeners.collect() })
        }
        Listen::Address(address) => {
            // [::] serves IPv4 too, unless an IPv4 address of the same port is asked for itself
            let own_v4 = |other: &Listen| match other {
                Listen::Address(other) => other.is_ipv4() && other.port() == address.port(),
                Listen::Loopback(port) => *port == address.port(),
                Listen::Unix(_) => false,
            };
            let listener = tcp(*address, all.iter().any(own_v4)).map_err(advise)?;
            let address = listener.local_addr().map_err(advise)?;
            let origin = format!("http://{}", reachable(address));
            Ok(Bound { origin, listeners: vec![Listener::Tcp(listener)] })
        }
        Listen::Unix(path) => {
            let listener = unix(path).map_err(advise)?;
            let file = SocketFile::new(path).map_err(advise)?;
            Ok(Bound { origin: listen.to_string(), listeners: vec![Listener::Unix(listener, file)] })
        }
    }
}

/// An address that a browser on this machine can open: all of them print as loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn advice(listen: &Listen, error: &io::Error) -> String {
    let next = match listen {
        Listen::Loopback(port) => Some(*port),
        Listen::Address(address) => Some(address.port()),
        Listen::Unix(_) => None,
    }
    .map(|port| port.checked_add(1).unwrap_or(DEFAULT_PORT));
    match (error.kind(), next) {
        (io::ErrorKind::AddrInUse, Some(next)) => format!(
            "{listen} is in use by another process (another devmedia?). Stop that one, or choose another port with \
             --listen 127.0.0.1:{next} (port 0 takes a free one)"
        ),
        (io::ErrorKind::AddrInUse, None) => {
            format!(
                "{listen} exists and is not a dead socket. Remove it yourself if it is not needed, or choose another path"
            )
        }
        (io::ErrorKind::NotFound, None) => {
            format!("{listen} lies in a folder that does not exist. Make the folder, or choose another path")
        }
        (io::ErrorKind::PermissionDenied, Some(_)) => {
            format!("{listen} may not be used by this user: {error}. Choose a port of 1024 or more")
        }
        (io::ErrorKind::AddrNotAvailable, _) => {
            format!("{listen} is no address of this machine. Use 127.0.0.1 (this machine) or 0.0.0.0 (its network too)")
        }
        _ => format!("cannot listen on {listen}: {error}"),
    }
}

fn tcp(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        rustix::net::sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Binds a path. What is there is removed only if it is a socket that nobody listens on.
fn unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_dead_socket(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        result => result,
    }
}

fn is_dead_socket(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(refused)
}

/// The path of a bound socket, removed on drop if it still is that socket.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let inode = inode(path)?;
        Ok(Self { path: path.to_owned(), inode })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            // nothing to do about a failure at the very end
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Listener {
    /// Its port; nothing for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => Some(listener.local_addr().ok()?.port()),
            Self::Unix(..) => None,
        }
    }

    /// Who can reach it.
    pub fn kind(&self) -> ListenerKind {
        match self {
            Self::Tcp(listener) => {
                let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
                // an address that cannot be told is guarded as the stricter kind
                if listener.local_addr().is_ok_and(|address| !is_loopback(address)) {
                    ListenerKind::Network
                } else {
                    ListenerKind::Loopback
                }
            }
            Self::Unix(..) => ListenerKind::Unix,
        }
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream, peer.ip().to_canonical()))
            }
            Self::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}
