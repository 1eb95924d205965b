//! `ByteRange`: a range of bytes in a file.

/// A range of bytes in a file. It is never empty and never extends past the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte; greater than `start`.
    pub end: u64,
}

impl ByteRange {
    /// The whole file of `len` bytes, or `None` for an empty file.
    pub fn whole(len: u64) -> Option<Self> {
        (len > 0).then_some(Self { start: 0, end: len })
    }

    /// The first `len` bytes of the range, or all of it if it is shorter. `len` must be at least one.
    #[must_use]
    pub fn front(self, len: u64) -> Self {
        Self { start: self.start, end: self.end.min(self.start.saturating_add(len)) }
    }

    /// The number of bytes, at least one.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(self) -> u64 {
        self.end - self.start
    }
}
