//! Bytes from elsewhere in a temporary file without a name, for code that needs a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};

use futures_util::{Stream, TryStreamExt as _};
use hyper::body::Bytes;

use super::blocking;
use super::open_file::{NoWait, OpenFile};
use super::token::token;

/// Writes bytes into a file that disappears when it is closed.
pub async fn spool(bytes: impl Stream<Item = io::Result<Bytes>> + Send) -> io::Result<OpenFile> {
    let mut file = blocking(create).await?;
    let mut bytes = Box::pin(bytes);
    while let Some(bytes) = bytes.try_next().await? {
        file = blocking(move || file.write_all(&bytes).map(|()| file)).await?;
    }
    Ok(OpenFile::new(file, NoWait::new(true)))
}

/// Creates a file that nobody else can open, and removes its name.
fn create() -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = std::env::temp_dir().join(format!("devmedia-{}", token(16)));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
