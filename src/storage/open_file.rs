//! An open regular file, and reading it: at once if the page cache has the bytes, else on another thread.
//!
//! The two ways exist because a read of a regular file blocks the thread until the disk has answered; there is no
//! readiness to wait for. `preadv2` with `RWF_NOWAIT` (Linux 4.14) answers `EAGAIN` instead, so the reactor may try it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use hyper::body::Bytes;

use super::progress::{ProgressReader, shrank};
use crate::storage::byte_range::ByteRange;

/// What is known of a root's file system. Learnt while serving: tmpfs and overlayfs refuse `RWF_NOWAIT`.
#[derive(Debug, Clone)]
pub struct NoWait(Arc<AtomicBool>);

impl NoWait {
    /// Whether reads may be tried on the reactor, until one is refused.
    pub fn new(may_try: bool) -> Self {
        Self(Arc::new(AtomicBool::new(may_try)))
    }

    /// Whether it is worth a try.
    pub fn may_try(&self) -> bool {
        cfg!(target_os = "linux") && self.0.load(Relaxed)
    }
}

/// A regular file; every byte that is sent of an answer comes from this handle.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux can read just what is cached"))]
    nowait: NoWait,
    /// Where it is still being written.
    progress: Option<ProgressReader>,
}

impl OpenFile {
    /// Takes a handle that is known to be a regular file's.
    pub fn new(file: File, nowait: NoWait) -> Self {
        Self { file, nowait, progress: None }
    }

    /// The same for a file that is still being fetched.
    pub fn incomplete(file: File, nowait: NoWait, progress: ProgressReader) -> Self {
        Self { file, nowait, progress: Some(progress) }
    }

    /// How far it has come, where it is still being fetched.
    pub fn progress(&self) -> Option<&ProgressReader> {
        self.progress.as_ref()
    }

    /// The front of `range` that is there: all of it, but for a file that is still being fetched.
    pub fn arrived(&self, range: ByteRange) -> Option<ByteRange> {
        let end = self.progress.as_ref().map_or(range.end, |progress| progress.written().min(range.end));
        (range.start < end).then_some(ByteRange { start: range.start, end })
    }

    /// Reads from the front of `range`, as much as there is; may wait for a disk. Nothing at all is an error: the file
    /// has become shorter than it was announced.
    pub fn read(&self, range: ByteRange) -> io::Result<Bytes> {
        let mut buffer = buffer(range);
        let got = self.file.read_at(&mut buffer, range.start)?;
        if got == 0 {
            return Err(shrank());
        }
        buffer.truncate(got);
        Ok(buffer.into())
    }

    /// Reads the front of `range` as far as the page cache has it, without waiting; `None` where it has nothing, or the
    /// file system cannot tell. A short read means "the rest by the hop", never "the file shrank".
    pub fn read_now(&self, range: ByteRange) -> Option<Bytes> {
        let mut buffer = buffer(range);
        let got = self.peek(range.start, &mut buffer)?;
        buffer.truncate(got);
        Some(buffer.into())
    }

    /// Whether the first and the last page of `range` are in the page cache, as far as can be told without waiting; of a
    /// range that one read-ahead brings in, the last alone speaks for all. Pages between them, or evicted a moment
    /// later, may still make the sender wait: a limit of sendfile itself.
    pub fn is_cached(&self, range: ByteRange) -> bool {
        /// The kernel's default read-ahead.
        const READ_AHEAD: u64 = 128 * 1024;
        let has = |offset| self.peek(offset, &mut [0]).is_some();
        has(range.end - 1) && (range.len() <= READ_AHEAD || has(range.start))
    }

    /// Brings `range` into the page cache; waits for the disk. A file that has shrunk is not an error yet.
    pub fn read_ahead(&self, range: ByteRange) -> io::Result<()> {
        const STEP: u64 = 128 * 1024;
        let mut at = range.start;
        let mut buffer = vec![0; usize::try_from(STEP.min(range.len())).expect("a step fits")];
        while at < range.end {
            match self.file.read_at(&mut buffer, at)? {
                0 => break,
                got => at += got as u64,
            }
        }
        Ok(())
    }

    /// Reads at `offset`, as much as there is; may wait for a disk.
    pub fn read_into(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// The first bytes, to see what kind of file it is; may wait for a disk.
    pub fn first(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, 0)
    }

    /// Reads at `offset` without waiting: at least one byte, or `None`.
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

    /// Elsewhere the page cache cannot be asked.
    #[cfg(not(target_os = "linux"))]
    pub fn peek(&self, _offset: u64, _buffer: &mut [u8]) -> Option<usize> {
        None
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn buffer(range: ByteRange) -> Vec<u8> {
    vec![0; usize::try_from(range.len()).expect("a range to read at once fits into memory")]
}
