//! `FileWriter`: fills a file with bytes as they arrive, in order, without blocking the reactor and without getting ahead of
//! the disk: while a batch is written nothing more is read, so the client is slowed down to the pace of the disk.

use std::fs::File;
use std::sync::Arc;

use hyper::body::Bytes;

use super::{cannot_write, staged};
use crate::refusal::Refusal;
use crate::storage::blocking;

/// Bytes collected for one blocking hop; all that an upload costs in memory beside hyper's buffer.
const BATCH: usize = 256 * 1024;

/// A file and the bytes on their way to it. Dropped, it forgets those.
#[derive(Debug)]
pub struct FileWriter {
    file: Arc<File>,
    batch: Vec<Bytes>,
    waiting: usize,
    written: u64,
}

impl FileWriter {
    /// Appends to this file, at its handle's position.
    pub fn new(file: Arc<File>) -> Self {
        Self { file, batch: Vec::new(), waiting: 0, written: 0 }
    }

    /// Takes more; waits for the disk when a batch is full.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        self.waiting += bytes.len();
        self.batch.push(bytes);
        if self.waiting < BATCH { Ok(()) } else { self.flush().await }
    }

    /// Writes what is waiting.
    pub async fn flush(&mut self) -> Result<(), Refusal> {
        let waiting = std::mem::take(&mut self.waiting);
        let (file, batch) = (Arc::clone(&self.file), std::mem::take(&mut self.batch));
        if batch.is_empty() {
            return Ok(());
        }
        blocking(move || staged::write_all(&file, &batch)).await.map_err(cannot_write)?;
        self.written += waiting as u64;
        Ok(())
    }

    /// Bytes that the file has of what came.
    pub fn written(&self) -> u64 {
        self.written
    }
}
