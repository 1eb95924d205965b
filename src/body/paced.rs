//! A body that is sent no faster than so many bytes a second.

use std::io;
use std::time::Duration;

use futures_util::{Stream, stream};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use tokio::time::{Instant, sleep_until};

use super::file::FileBody;

/// The bytes of a file's body, `rate` of them in the first second and in each that follows (nginx: `limit_rate`).
pub fn paced(body: FileBody, rate: u64) -> impl Stream<Item = io::Result<Bytes>> {
    let (began, sent, rest) = (Instant::now(), 0_u64, Bytes::new());
    stream::try_unfold((body, rest, sent), move |(mut body, mut rest, sent)| async move {
        while rest.is_empty() {
            let Some(frame) = body.frame().await else { return Ok(None) };
            rest = frame?.into_data().unwrap_or_default();
        }
        sleep_until(began + Duration::from_secs(sent / rate)).await;
        let left = usize::try_from(rate - sent % rate).unwrap_or(usize::MAX);
        let piece = rest.split_to(rest.len().min(left));
        let sent = sent + piece.len() as u64;
        Ok(Some((piece, (body, rest, sent))))
    })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::StreamExt as _;

    use super::*;
    use crate::answer::piece::Piece;
    use crate::storage::media_type::MediaTypes;
    use crate::storage::root::{Found, Links, Root};

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_go_out_each_second() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.txt"), "hello world").expect("the file");
        let root =
            Root::new(folder.path(), Links::Inside, MediaTypes::new(std::collections::HashMap::new())).expect("a root");
        let path = crate::request::path::MediaPath::parse(b"/a.txt").expect("a path");
        let Ok(Found::File(file, _)) = root.open(&path) else { panic!("it is a file") };
        let pieces = vec![Piece::Span(crate::storage::byte_range::ByteRange { start: 0, end: 11 })];
        let began = Instant::now();
        let mut bytes = pin!(paced(FileBody::new(file, pieces, None), 4));
        let mut seen = Vec::new();
        while let Some(piece) = bytes.next().await {
            let piece = piece.expect("the file is there");
            seen.push((began.elapsed().as_secs(), String::from_utf8_lossy(&piece).into_owned()));
        }
        let expected = [(0, "hell"), (1, "o wo"), (2, "rld")].map(|(second, text)| (second, text.to_owned()));
        assert_eq!(seen, expected);
    }
}
