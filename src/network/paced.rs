//! `Paced`: a body that takes the time it would take over a [`Link`], and may break on the way.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::link::Link;

/// Between the last bytes and the break. hyper sends what it has when a body makes it wait; a body that fails at once would
/// take the bytes before the cut with it, and the head of a short answer.
const BREAK: Duration = Duration::from_millis(10);

/// A body over a link.
#[derive(Debug)]
pub struct Paced<B: Body> {
    body: B,
    link: Option<Arc<Link>>,
    /// What has come from the body and has not begun its way.
    rest: Bytes,
    /// What is on its way, and when it arrives.
    under_way: Option<(Pin<Box<Sleep>>, Bytes)>,
    /// Where it breaks.
    cut: Option<Cut<B::Error>>,
    has_failed: bool,
}

#[derive(Debug)]
struct Cut<E> {
    /// Bytes before it.
    left: u64,
    /// Bytes that have come.
    sent: u64,
    /// Runs when there is nothing before it any more.
    pause: Option<Pin<Box<Sleep>>>,
    /// The error after so many bytes.
    error: fn(u64) -> E,
}

impl<B: Body<Data = Bytes>> Paced<B> {
    /// A body that is as fast as `link`, and fails with `error` after `cut` bytes, or at its end if it is shorter.
    pub fn new(body: B, link: Option<Arc<Link>>, cut: Option<u64>, error: fn(u64) -> B::Error) -> Self {
        let cut = cut.map(|at| Cut { left: at, sent: 0, pause: None, error });
        Self { body, link, rest: Bytes::new(), under_way: None, cut, has_failed: false }
    }

    /// The break, after a moment; `None` where there is nothing to break, or something before it.
    fn poll_break(&mut self, cx: &mut Context<'_>) -> Option<Poll<B::Error>> {
        let cut = self.cut.as_mut().filter(|cut| cut.left == 0)?;
        let pause = cut.pause.get_or_insert_with(|| Box::pin(sleep(BREAK)));
        Some(pause.as_mut().poll(cx).map(|()| {
            self.has_failed = true;
            (cut.error)(cut.sent)
        }))
    }

    /// Bytes that have come from the body and are not handed over.
    fn held(&self) -> u64 {
        (self.rest.len() + self.under_way.as_ref().map_or(0, |(_, chunk)| chunk.len())) as u64
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        loop {
            if this.has_failed {
                return Poll::Ready(None);
            }
            if let Some((arrival, _)) = &mut this.under_way {
                ready!(arrival.as_mut().poll(cx));
                let chunk = this.under_way.take().map(|(_, chunk)| chunk);
                return Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))));
            }
            if this.rest.is_empty() {
                if let Some(broken) = this.poll_break(cx) {
                    return broken.map(|error| Some(Err(error)));
                }
                let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
                    let Some(cut) = &mut this.cut else { return Poll::Ready(None) };
                    // a whole body never comes of one that is to be cut
                    cut.left = 0;
                    continue;
                };
                match frame?.into_data() {
                    Ok(mut data) => {
                        if let Some(cut) = &mut this.cut {
                            data.truncate(usize::try_from(cut.left).unwrap_or(usize::MAX));
                            cut.left -= data.len() as u64;
                            cut.sent += data.len() as u64;
                        }
                        this.rest = data;
                    }
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                }
            } else if let Some(link) = &this.link {
                let chunk = this.rest.split_to(this.rest.len().min(link.chunk()));
                let arrival = link.reserve(Instant::now(), chunk.len());
                this.under_way = Some((Box::pin(sleep_until(arrival)), chunk));
            } else {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.rest)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_failed || (self.held() == 0 && self.cut.is_none() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, held) = (self.body.size_hint(), self.held());
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + held);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + held);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    /// The bytes that come, the milliseconds until then, and whether the end is a whole one.
    async fn run(bodies: &[usize], rate: Option<u64>, cut: Option<u64>) -> Vec<(usize, u128, bool)> {
        let link = rate.map(|rate| Arc::new(Link::new(rate)));
        let began = Instant::now();
        let one = |len: usize| {
            let body = Full::new(Bytes::from(vec![7; len])).map_err(|never| match never {});
            let mut body = Paced::new(body, link.clone(), cut, |bytes| bytes);
            async move {
                let mut seen = 0;
                loop {
                    match body.frame().await {
                        Some(Ok(frame)) => seen += frame.data_ref().map_or(0, Bytes::len),
                        Some(Err(at)) => {
                            assert_eq!(at, seen as u64, "the error says where it was cut");
                            assert!(body.frame().await.is_none() && body.is_end_stream(), "nothing follows");
                            break (seen, began.elapsed().as_millis(), false);
                        }
                        None => break (seen, began.elapsed().as_millis(), true),
                    }
                }
            }
        };
        futures_util::future::join_all(bodies.iter().map(|len| one(*len))).await
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_their_time_and_share_the_link() {
        let near = |ms: u128, expected: u128| ms.abs_diff(expected) <= 30;
        let alone = run(&[50_000], Some(50_000), None).await;
        assert!(alone[0].0 == 50_000 && near(alone[0].1, 1_000) && alone[0].2, "{alone:?}");
        let two = run(&[50_000, 50_000], Some(50_000), None).await;
        assert!(two.iter().all(|(bytes, ms, whole)| *bytes == 50_000 && ms.abs_diff(2_000) <= 80 && *whole), "{two:?}");
        let short = run(&[50_000, 5_000], Some(50_000), None).await;
        assert!(near(short[0].1, 1_100) && short[1].1 < 260, "a short one does not wait for a long one: {short:?}");
        let free = run(&[1_000_000], None, None).await;
        assert_eq!(free, [(1_000_000, 0, true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cut_never_ends_well() {
        for (len, cut, expected) in [(100, 0, 0), (100, 99, 99), (10_000, 5_000, 5_000), (10, 20, 10), (0, 0, 0)] {
            for rate in [None, Some(50_000)] {
                let seen = run(&[len], rate, Some(cut)).await;
                assert!(seen[0].0 == expected && !seen[0].2, "{len} cut after {cut}: {seen:?}");
            }
        }
    }

    #[test]
    fn the_announced_length_is_the_whole() {
        let body = Full::new(Bytes::from_static(b"hello")).map_err(|never| match never {});
        let paced = Paced::new(body, None, Some(2), |bytes| bytes);
        assert_eq!(paced.size_hint().exact(), Some(5));
        assert!(!paced.is_end_stream());
    }
}
