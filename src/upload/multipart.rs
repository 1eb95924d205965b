//! Reads a `multipart/form-data` body part by part (RFC 2046 section 5.1, RFC 7578), and finds the same parts as
//! Django's `MultiPartParser`.
//!
//! Django takes `--boundary` as the end of a part at any position, and treats a line break before it as part of the
//! separator. A client that omits this line break therefore loses nothing, whereas a stricter parser takes the rest of
//! the form as the content of one file (werkzeug#2632). This parser differs from Django's so that it never stores
//! anything that the client did not mean: the preamble and the epilogue are never parts, and a body without a closing
//! boundary is an error.

use hyper::body::Bytes;
use memchr::memmem::{self, Finder};

use super::UploadError;
use crate::body::incoming::{BodyError, RequestBody};
use crate::refusal::Refusal;

/// The most bytes in the header lines of one part.
const MAX_HEAD: usize = 8 * 1024;

/// The most bytes in a boundary (Django's `boundary_re`).
const MAX_BOUNDARY: usize = 201;

/// Why a form cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormError {
    /// The body did not arrive.
    Body(BodyError),
    /// The body ended before the closing boundary.
    Truncated,
    /// The header lines of a part are longer than the limit.
    LongHead,
}

impl From<BodyError> for FormError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        let why = match error {
            FormError::Body(error) => return error.into(),
            FormError::Truncated => "it ends before its last boundary",
            FormError::LongHead => "the header lines of a part are longer than 8 KiB",
        };
        UploadError::BadForm { why }.into()
    }
}

/// The separator between parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// Reads the value of the parameter `boundary`. It may contain any visible character, quoted or not, as in Django.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=MAX_BOUNDARY).contains(&text.len()) && !text.ends_with(' ');
        (fits && text.bytes().all(|b| matches!(b, b' '..=b'~'))).then(|| Self(text.to_owned()))
    }
}

/// A source of bytes. Tests use one in memory.
pub trait Source {
    /// The next bytes, or `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, BodyError>> + Send;
}

impl Source for &mut RequestBody {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        RequestBody::next(self).await
    }
}

/// The header lines of a part, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head(Vec<u8>);

impl Head {
    /// The value of the last header with this lower-case name, as in Django.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut value = None;
        let mut rest = self.0.as_slice();
        while !rest.is_empty() {
            let end = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 2..).unwrap_or_default();
            let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
            if line[..colon].trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
                value = Some(line[colon + 1..].trim_ascii());
            }
        }
        value
    }
}

/// A form that is being read.
pub struct Form<S> {
    source: S,
    delimiter: Finder<'static>,
    /// Bytes that have arrived and were not returned yet.
    ahead: Bytes,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a part, or in the preamble.
    Part,
    /// A boundary was read. Whether it is the closing boundary is not known yet.
    Between,
    /// The closing boundary was read.
    End,
}

impl<S: Source> Form<S> {
    /// Starts to read a form.
    pub fn new(source: S, boundary: &Boundary) -> Self {
        let delimiter = Finder::new(&format!("--{}", boundary.0)).into_owned();
        Self { source, delimiter, ahead: Bytes::new(), state: State::Part }
    }

    /// Skips the rest of the current part and returns the header lines of the next one, or `None` after the last part.
    /// A part without a blank line has no header lines, and neither has a part that consists only of the blank line.
    pub async fn next_part(&mut self) -> Result<Option<Head>, FormError> {
        while self.chunk().await?.is_some() {}
        while self.state == State::Between && self.ahead.len() < 2 {
            self.read_more().await?;
        }
        if self.state == State::End || self.ahead.starts_with(b"--") {
            self.state = State::End;
            return Ok(None);
        }
        self.state = State::Part;
        let mut head = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            let searched = head.len().saturating_sub(3);
            head.extend_from_slice(&bytes);
            if let Some(found) = memmem::find(&head[searched..], b"\r\n\r\n") {
                let end = searched + found;
                let rest = bytes.slice(bytes.len() - (head.len() - end - 4)..);
                self.unread(&rest);
                head.truncate(end);
                return if end > MAX_HEAD { Err(FormError::LongHead) } else { Ok(Some(Head(head))) };
            }
            if head.len() > MAX_HEAD {
                return Err(FormError::LongHead);
            }
        }
        Ok(Some(Head::default()))
    }

    /// The next bytes of the current part, or `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FormError> {
        while self.state == State::Part {
            if let Some(at) = self.delimiter.find(&self.ahead) {
                let content = self.ahead.split_to(at);
                drop(self.ahead.split_to(self.delimiter.needle().len()));
                self.state = State::Between;
                let content = content.slice(..content.len() - line_break(&content));
                return Ok(Some(content).filter(|content| !content.is_empty()));
            }
            let certain = self.ahead.len() - self.undecided();
            if certain > 0 {
                return Ok(Some(self.ahead.split_to(certain)));
            }
            self.read_more().await?;
        }
        Ok(None)
    }

    /// How many bytes at the end of the buffer may be the beginning of a separator.
    fn undecided(&self) -> usize {
        let (ahead, needle) = (&self.ahead, self.delimiter.needle());
        let longest = needle.len().min(ahead.len() + 1) - 1;
        let begun = (1..=longest).rev().find(|&len| needle.starts_with(&ahead[ahead.len() - len..])).unwrap_or(0);
        begun + line_break(&ahead[..ahead.len() - begun])
    }

    async fn read_more(&mut self) -> Result<(), FormError> {
        let more = self.source.next().await?.ok_or(FormError::Truncated)?;
        self.ahead = joined(&self.ahead, more);
        Ok(())
    }

    fn unread(&mut self, bytes: &Bytes) {
        if self.state == State::Part {
            self.ahead = joined(bytes, std::mem::take(&mut self.ahead));
        } else {
            // these bytes end the part: put them back together with the separator
            let separator = [b"\r\n", self.delimiter.needle()].concat();
            self.ahead = Bytes::from([bytes.as_ref(), separator.as_slice(), &self.ahead].concat());
            self.state = State::Part;
        }
    }
}

/// The number of bytes in the line break at the end, by Django's rules.
fn line_break(bytes: &[u8]) -> usize {
    let rest = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    bytes.len() - rest.len()
}

fn joined(front: &Bytes, back: Bytes) -> Bytes {
    if front.is_empty() { back } else { [front.as_ref(), back.as_ref()].concat().into() }
}

#[cfg(test)]
mod tests;
