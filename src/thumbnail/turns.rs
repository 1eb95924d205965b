//! Turns: a bounded number at a time. The newest request is next, for a person who scrolls on waits for what is in view
//! now. A client that has ended its side of the connection has most likely gone: it is served when nobody else waits.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::connection::transport::Activity;

/// Clients that have ended their side and wait nevertheless, at most: HTTP lets a client say that it will ask no more,
/// but a browser that ends its side has given up.
const MAX_ENDED: usize = 32;

/// A number of turns that are taken and given back.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    sender: oneshot::Sender<Turn>,
}

/// A request that may have to wait, for one turn after the other.
#[derive(Debug, Clone)]
pub struct Request {
    /// Higher for newer ones.
    number: u64,
    activity: Arc<Activity>,
}

impl Request {
    /// The newest.
    pub fn new(activity: &Arc<Activity>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Relaxed), activity: Arc::clone(activity) }
    }
}

/// A turn. Dropped, it goes to the next who waits.
#[derive(Debug)]
pub struct Turn(Option<Turns>);

impl Turns {
    /// So many at a time.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: count, waiting: Vec::new() })))
    }

    /// Waits for a turn. Dropping the future gives the place in the queue up; `None` if it was taken away, as too many
    /// clients wait that have ended their side.
    pub async fn take(&self, request: &Request) -> Option<Turn> {
        let turn = {
            let mut state = self.lock();
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return Some(Turn(Some(self.clone())));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(Waiting { request: request.clone(), sender });
            state.forget_the_gone();
            receiver
        };
        request.activity.set_queued(true);
        let turn = turn.await.ok();
        request.activity.set_queued(false);
        turn
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The newest of those that are there, else of those that have ended their side.
    fn next(&mut self) -> Option<Waiting> {
        self.forget_the_gone();
        let rank = |waiting: &Waiting| (!waiting.request.activity.has_ended(), waiting.request.number);
        let (next, _) = self.waiting.iter().enumerate().max_by_key(|(_, waiting)| rank(waiting))?;
        Some(self.waiting.swap_remove(next))
    }

    fn forget_the_gone(&mut self) {
        self.waiting.retain(|waiting| !waiting.sender.is_closed());
        let ended = self.waiting.iter().filter(|waiting| waiting.request.activity.has_ended());
        let mut ended: Vec<u64> = ended.map(|waiting| waiting.request.number).collect();
        if ended.len() > MAX_ENDED {
            ended.sort_unstable_by_key(|number| Reverse(*number));
            let oldest = ended[MAX_ENDED - 1];
            self.waiting.retain(|waiting| !waiting.request.activity.has_ended() || waiting.request.number >= oldest);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = turns.lock();
                match state.next() {
                    Some(next) => next,
                    None => return state.free += 1,
                }
            };
            match next.sender.send(Self(Some(turns.clone()))) {
                Ok(()) => return,
                // given up in this moment: the turn that comes back is not used
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A client that waits.
    struct Client {
        activity: Arc<Activity>,
        turn: Pin<Box<dyn Future<Output = Option<Turn>>>>,
    }

    impl Client {
        fn of(turns: &Turns) -> Self {
            Self::asking(turns, request())
        }

        fn asking(turns: &Turns, request: Request) -> Self {
            let (turns, activity) = (turns.clone(), Arc::clone(&request.activity));
            let mut client = Self { activity, turn: Box::pin(async move { turns.take(&request).await }) };
            assert!(client.turn().is_pending());
            client
        }

        fn turn(&mut self) -> Poll<Option<Turn>> {
            self.turn.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        }

        fn has_turn(&mut self) -> bool {
            matches!(self.turn(), Poll::Ready(Some(_)))
        }
    }

    fn request() -> Request {
        Request::new(&Arc::default())
    }

    fn one() -> (Turns, Turn) {
        let turns = Turns::new(1);
        let turn = turns.take(&request()).await_now().expect("it is free");
        (turns, turn)
    }

    /// A future that is ready.
    trait Now: Future + Sized {
        fn await_now(self) -> Self::Output {
            match std::pin::pin!(self).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(output) => output,
                Poll::Pending => panic!("it has to wait"),
            }
        }
    }

    impl<F: Future> Now for F {}

    #[test]
    fn the_newest_is_next() {
        let (turns, first) = one();
        let [mut old, mut new] = [Client::of(&turns), Client::of(&turns)];
        drop(first);
        assert!(old.turn().is_pending());
        assert!(new.has_turn(), "and gives it back at once");
        assert!(old.has_turn());
    }

    /// What counts is when the client asked, not when the request came to this queue.
    #[test]
    fn an_older_request_that_comes_later_is_not_newer() {
        let (turns, first) = one();
        let (old, new) = (request(), request());
        let [mut new, mut old] = [Client::asking(&turns, new), Client::asking(&turns, old)];
        drop(first);
        assert!(old.turn().is_pending());
        assert!(new.has_turn());
        assert!(old.has_turn());
    }

    #[test]
    fn clients_that_have_gone_are_passed_over() {
        let (turns, first) = one();
        let [mut old, gone] = [Client::of(&turns), Client::of(&turns)];
        drop(gone);
        drop(first);
        assert!(old.has_turn());
    }

    #[test]
    fn a_turn_that_was_handed_to_nobody_is_free() {
        let (turns, first) = one();
        let waiting = Client::of(&turns);
        drop(first); // handed over
        drop(waiting); // before it was taken
        assert!(turns.take(&request()).await_now().is_some());
    }

    #[test]
    fn clients_that_have_ended_their_side_come_last_and_are_few() {
        let (turns, first) = one();
        let mut there = Client::of(&turns);
        let mut ended: Vec<_> = (0..MAX_ENDED + 3).map(|_| Client::of(&turns)).collect();
        for client in &ended {
            client.activity.set_ended();
        }
        drop(first);
        assert!(there.has_turn());
        for (number, client) in ended.iter_mut().enumerate().rev() {
            assert_eq!(client.has_turn(), number >= 3, "{number}");
        }
    }
}
