//! Turns: a bounded number at a time. The newest request is next, for a person who scrolls on waits for what is in view
//! now. A client that has ended its side of the connection has most likely gone: it is served when nobody else waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::server::transport::Activity;

/// Clients that have ended their side and wait nevertheless, at most: HTTP lets a client say that it will ask no more,
/// but a browser that ends its side has given up.
const MAX_ENDED: usize = 32;

/// A number of turns that are taken and given back.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// The oldest first.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    activity: Arc<Activity>,
    sender: oneshot::Sender<Turn>,
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
    pub async fn take(&self, activity: &Arc<Activity>) -> Option<Turn> {
        let turn = {
            let mut state = self.lock();
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return Some(Turn(Some(self.clone())));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(Waiting { activity: Arc::clone(activity), sender });
            state.forget_the_gone();
            receiver
        };
        activity.set_queued(true);
        let turn = turn.await.ok();
        activity.set_queued(false);
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
        let there = self.waiting.iter().rposition(|waiting| !waiting.activity.has_ended());
        let next = there.or(self.waiting.len().checked_sub(1))?;
        Some(self.waiting.remove(next))
    }

    fn forget_the_gone(&mut self) {
        self.waiting.retain(|waiting| !waiting.sender.is_closed());
        let ended = self.waiting.iter().filter(|waiting| waiting.activity.has_ended()).count();
        let mut surplus = ended.saturating_sub(MAX_ENDED);
        self.waiting.retain(|waiting| {
            let drop = surplus > 0 && waiting.activity.has_ended();
            surplus -= usize::from(drop);
            !drop
        });
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
            let (turns, activity) = (turns.clone(), Arc::<Activity>::default());
            let own = Arc::clone(&activity);
            let mut client = Self { activity, turn: Box::pin(async move { turns.take(&own).await }) };
            assert!(client.turn().is_none());
            client
        }

        fn turn(&mut self) -> Option<Option<Turn>> {
            match self.turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(turn) => Some(turn),
                Poll::Pending => None,
            }
        }

        fn has_turn(&mut self) -> bool {
            self.turn().is_some_and(|turn| turn.is_some())
        }
    }

    fn one() -> (Turns, Turn) {
        let turns = Turns::new(1);
        let turn = turns.take(&Arc::default()).await_now().expect("it is free");
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
        assert!(old.turn().is_none());
        assert!(new.has_turn(), "and gives it back at once");
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
        assert!(turns.take(&Arc::default()).await_now().is_some());
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
            let turn = client.turn().expect("it is served or refused");
            assert_eq!(turn.is_some(), number >= 3, "{number}");
        }
    }
}
