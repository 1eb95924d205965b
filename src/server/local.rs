//! Sockets in the file system. Windows has none that tokio supports.

#[cfg(not(unix))]
pub(super) use self::none::{LocalListener, LocalStream};
#[cfg(unix)]
pub(super) use self::unix::{LocalListener, LocalStream};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    use std::path::{Path, PathBuf};

    use tokio::net::{UnixListener, UnixStream};

    /// An accepted connection.
    pub(in crate::server) type LocalStream = UnixStream;

    /// A bound socket. Its path is removed on drop.
    #[derive(Debug)]
    pub struct LocalListener {
        listener: UnixListener,
        _file: SocketFile,
    }

    impl LocalListener {
        /// Binds a socket. An existing file is removed only if it is a socket that no process listens on.
        pub fn bind(path: &Path) -> io::Result<Self> {
            let listener = bind(path)?;
            Ok(Self { listener, _file: SocketFile::new(path)? })
        }

        /// Accepts the next connection.
        pub async fn accept(&self) -> io::Result<LocalStream> {
            Ok(self.listener.accept().await?.0)
        }
    }

    fn bind(path: &Path) -> io::Result<UnixListener> {
        match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_unused_socket(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            result => result,
        }
    }

    fn is_unused_socket(path: &Path) -> bool {
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
        let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(refused)
    }

    /// The path of a bound socket. It is removed on drop if it is still that socket.
    #[derive(Debug)]
    struct SocketFile {
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
                // a failure at the very end can be ignored
                let _ = std::fs::remove_file(&self.path);
            }
        }
    }

    fn inode(path: &Path) -> io::Result<(u64, u64)> {
        let metadata = std::fs::symlink_metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

#[cfg(not(unix))]
mod none {
    use std::io;
    use std::path::Path;

    use tokio::net::TcpStream;

    /// There are no such connections.
    pub(in crate::server) type LocalStream = TcpStream;

    /// There are no such sockets.
    #[derive(Debug)]
    pub enum LocalListener {}

    impl LocalListener {
        /// Fails. `Listen::parse` has refused it before.
        pub fn bind(_path: &Path) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Is never called.
        #[expect(clippy::unused_async, reason = "other systems wait")]
        pub async fn accept(&self) -> io::Result<LocalStream> {
            match *self {}
        }
    }
}
