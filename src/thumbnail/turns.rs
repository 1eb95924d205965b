//! Limits how many requests work at once. The newest request goes next, because a person who scrolls is waiting for the
//! images now in view. A client that has closed its sending side has probably disconnected, so it goes last.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::connection::transport::Activity;

/// The most waiting clients that have closed their sending side. HTTP lets a client close it and still read the answer,
/// but a browser that does so has given up.
const MAX_ENDED: usize = 32;

/// A number of turns that can be taken and returned.
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

/// A request that may have to wait, for one turn after another.
#[derive(Debug, Clone)]
pub struct Request {
    /// Higher for newer requests.
    number: u64,
    activity: Arc<Activity>,
}

impl Request {
    /// Creates a request that is newer than all others.
    pub fn new(activity: &Arc<Activity>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Relaxed), activity: Arc::clone(activity) }
    }
}

/// A turn. Dropping it passes it to the next waiting request.
#[derive(Debug)]
pub struct Turn(Option<Turns>);

impl Turns {
    /// Allows `count` turns at a time.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: count, waiting: Vec::new() })))
    }

    /// Waits for a turn. Dropping the future leaves the queue. Returns `None` if the request was removed from the
    /// queue, because too many clients that have closed their sending side are waiting.
    pub async fn take(&self, request: &Request) -> Option<Turn> {
        let turn = {
            let mut state = self.lock();
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return Some(Turn(Some(self.clone())));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(Waiting { request: request.clone(), sender });
            state.remove_disconnected();
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
    /// The newest request of a client that is still connected, or else of one that has closed its sending side.
    fn next(&mut self) -> Option<Waiting> {
        self.remove_disconnected();
        let rank = |waiting: &Waiting| (!waiting.request.activity.has_ended(), waiting.request.number);
        let (next, _) = self.waiting.iter().enumerate().max_by_key(|(_, waiting)| rank(waiting))?;
        Some(self.waiting.swap_remove(next))
    }

    fn remove_disconnected(&mut self) {
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
                // the receiver was dropped at this moment; the returned turn stays unused
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

    /// A waiting client.
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

    /// A future that is ready at once.
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
    fn the_newest_request_is_next() {
        let (turns, first) = one();
        let [mut old, mut new] = [Client::of(&turns), Client::of(&turns)];
        drop(first);
        assert!(old.turn().is_pending());
        assert!(new.has_turn(), "and gives it back at once");
        assert!(old.has_turn());
    }

    /// The order is that in which clients sent their requests, not that in which the requests joined this queue.
    #[test]
    fn an_older_request_that_joins_later_stays_older() {
        let (turns, first) = one();
        let (old, new) = (request(), request());
        let [mut new, mut old] = [Client::asking(&turns, new), Client::asking(&turns, old)];
        drop(first);
        assert!(old.turn().is_pending());
        assert!(new.has_turn());
        assert!(old.has_turn());
    }

    #[test]
    fn disconnected_clients_are_skipped() {
        let (turns, first) = one();
        let [mut old, gone] = [Client::of(&turns), Client::of(&turns)];
        drop(gone);
        drop(first);
        assert!(old.has_turn());
    }

    #[test]
    fn a_turn_whose_client_disconnects_is_free() {
        let (turns, first) = one();
        let waiting = Client::of(&turns);
        drop(first); // passes the turn on
        drop(waiting); // before it takes the turn
        assert!(turns.take(&request()).await_now().is_some());
    }

    #[test]
    fn half_closed_clients_go_last_and_are_limited() {
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
