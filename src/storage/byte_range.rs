//! `ByteRange`: a byte interval of a file.

/// A part of a file: never empty, never past its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte; greater than `start`.
    pub end: u64,
}

impl ByteRange {
    /// All of a file of `len` bytes; `None` for an empty file.
    pub fn whole(len: u64) -> Option<Self> {
        (len > 0).then_some(Self { start: 0, end: len })
    }

    /// Its first `len` bytes, or all of it if it is shorter; `len` is at least one.
    #[must_use]
    pub fn front(self, len: u64) -> Self {
        Self { start: self.start, end: self.end.min(self.start.saturating_add(len)) }
    }

    /// Bytes in it, at least one.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(self) -> u64 {
        self.end - self.start
    }
}
