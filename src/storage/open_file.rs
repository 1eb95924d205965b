//! An open regular file. Bytes in the page cache are read immediately, others on another thread.
//!
//! The distinction is necessary because reading a regular file blocks the thread until the disk responds; it is not
//! possible to wait for readiness. `preadv2` with `RWF_NOWAIT` (Linux 4.14) returns `EAGAIN` instead, so the reactor
//! may try it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use hyper::body::Bytes;

use super::progress::{ProgressReader, shrank};
use crate::storage::byte_range::ByteRange;
use crate::system;

/// Whether a root's file system supports `RWF_NOWAIT`. This is found out while serving: tmpfs and overlayfs do not.
#[derive(Debug, Clone)]
pub struct NoWait(Arc<AtomicBool>);

impl NoWait {
    /// `may_try` is whether the reactor may try to read, until a read is refused.
    pub fn new(may_try: bool) -> Self {
        Self(Arc::new(AtomicBool::new(may_try)))
    }

    /// Whether the reactor may try to read.
    pub fn may_try(&self) -> bool {
        cfg!(target_os = "linux") && self.0.load(Relaxed)
    }
}

/// A regular file. All bytes of a response come from this handle. Clones share it.
#[derive(Debug, Clone)]
pub struct OpenFile {
    file: Arc<File>,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux can read from the page cache alone"))]
    nowait: NoWait,
    /// The progress, if the file is still being written.
    progress: Option<ProgressReader>,
}

impl OpenFile {
    /// Wraps the handle of a regular file.
    pub fn new(file: File, nowait: NoWait) -> Self {
        Self { file: Arc::new(file), nowait, progress: None }
    }

    /// Wraps the handle of a file that is still being fetched.
    pub fn incomplete(file: File, nowait: NoWait, progress: ProgressReader) -> Self {
        Self { file: Arc::new(file), nowait, progress: Some(progress) }
    }

    /// The progress, if the file is still being fetched.
    pub fn progress(&self) -> Option<&ProgressReader> {
        self.progress.as_ref()
    }

    /// The part of `range` that has arrived: all of it, unless the file is still being fetched.
    pub fn arrived(&self, range: ByteRange) -> Option<ByteRange> {
        let end = self.progress.as_ref().map_or(range.end, |progress| progress.written().min(range.end));
        (range.start < end).then_some(ByteRange { start: range.start, end })
    }

    /// Reads from the start of `range`, as many bytes as are available. May wait for a disk. It is an error if there
    /// are none: the file has become shorter than announced.
    pub fn read(&self, range: ByteRange) -> io::Result<Bytes> {
        let mut buffer = buffer(range);
        let got = system::read_at(&self.file, &mut buffer, range.start)?;
        if got == 0 {
            return Err(shrank());
        }
        buffer.truncate(got);
        Ok(buffer.into())
    }

    /// Reads the part of `range` that is in the page cache, without waiting. Returns `None` if nothing is cached or the
    /// file system does not support it. A short read does not mean that the file shrank: the rest is read on another
    /// thread.
    pub fn read_now(&self, range: ByteRange) -> Option<Bytes> {
        let mut buffer = buffer(range);
        let got = self.peek(range.start, &mut buffer)?;
        buffer.truncate(got);
        Some(buffer.into())
    }

    /// Whether the first and the last page of `range` are in the page cache, as far as this can be determined without
    /// waiting. For a range that a single read-ahead loads, checking the last page is enough. The sender may still have
    /// to wait for pages in between, or pages that are evicted meanwhile; this is a limitation of sendfile.
    pub fn is_cached(&self, range: ByteRange) -> bool {
        /// The kernel's default read-ahead.
        const READ_AHEAD: u64 = 128 * 1024;
        let has = |offset| self.peek(offset, &mut [0]).is_some();
        has(range.end - 1) && (range.len() <= READ_AHEAD || has(range.start))
    }

    /// Loads `range` into the page cache, waiting for the disk. It is not an error if the file has shrunk.
    pub fn read_ahead(&self, range: ByteRange) -> io::Result<()> {
        const STEP: u64 = 128 * 1024;
        let mut at = range.start;
        let mut buffer = vec![0; usize::try_from(STEP.min(range.len())).expect("a step fits into memory")];
        while at < range.end {
            match system::read_at(&self.file, &mut buffer, at)? {
                0 => break,
                got => at += got as u64,
            }
        }
        Ok(())
    }

    /// Reads at `offset`, as many bytes as are available. May wait for a disk.
    pub fn read_into(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        system::read_at(&self.file, buffer, offset)
    }

    /// Another handle of the file.
    pub fn try_clone(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Reads the first bytes, to detect the type of the file. May wait for a disk.
    pub fn first(&self, buffer: &mut [u8]) -> io::Result<usize> {
        system::read_at(&self.file, buffer, 0)
    }

    /// Reads at `offset` without waiting. Returns the number of bytes, at least one, or `None`.
    #[cfg(target_os = "linux")]
    pub fn peek(&self, offset: u64, buffer: &mut [u8]) -> Option<usize> {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        if !self.nowait.may_try() {
            return None;
        }
        let mut buffers = [io::IoSliceMut::new(buffer)];
        match preadv2(&self.file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
            Ok(0) => None,
            Ok(got) => Some(got),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                self.nowait.0.store(false, Relaxed);
                None
            }
            Err(_) => None,
        }
    }

    /// On other systems, it is not possible to read from the page cache alone.
    #[cfg(not(target_os = "linux"))]
    pub fn peek(&self, _offset: u64, _buffer: &mut [u8]) -> Option<usize> {
        None
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for OpenFile {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsHandle for OpenFile {
    fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        self.file.as_handle()
    }
}

fn buffer(range: ByteRange) -> Vec<u8> {
    vec![0; usize::try_from(range.len()).expect("a range to read at once fits into memory")]
}
