//! Bytes from elsewhere in a temporary file without a name, for code that needs a file.

use std::fs::File;
use std::io::{self, Write as _};

use futures_util::{Stream, TryStreamExt as _};
use hyper::body::Bytes;

use super::blocking;
use super::open_file::{NoWait, OpenFile};
use super::token::token;
use crate::system;

/// Writes bytes into a file that disappears when it is closed.
pub async fn spool(bytes: impl Stream<Item = io::Result<Bytes>> + Send) -> io::Result<OpenFile> {
    let mut file = blocking(create).await?;
    let mut bytes = Box::pin(bytes);
    while let Some(bytes) = bytes.try_next().await? {
        file = blocking(move || file.write_all(&bytes).map(|()| file)).await?;
    }
    Ok(OpenFile::new(file, NoWait::new(true)))
}

/// Creates a file that nobody else can open, and that disappears when it is closed.
fn create() -> io::Result<File> {
    system::create_unnamed(&std::env::temp_dir().join(format!("devmedia-{}", token(16))))
}
