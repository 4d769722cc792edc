//! A client's turn on the reactor's thread.

use super::reactor::Line;
use super::{Inner, Shared};
use crate::base::Sample;
use crate::client::core::LinkId;
use crate::sys::clock;
use std::fmt;

/// The outcome of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// Nothing is left to do until the client rings or is due.
    All,
    /// Work is left for the next turn.
    More,
    /// Nothing was done: a thread has the client, and rings afterwards.
    Taken,
    /// The client is closed, or has failed: it needs no more turns.
    Finished,
}

/// How long to wait for a client's mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    /// A moment: threads that take the mutex over and over must not lock out the reactor.
    Brief,
}

/// Input for a client from another thread.
pub(super) struct Errand(Box<Run>);

type Run = dyn FnOnce(&mut Inner, &Sample) + Send;

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errand")
    }
}

impl Shared {
    /// One turn, for the links `ready` and all deadlines. Gives the outcome, and lines to log
    /// afterwards.
    pub(super) fn serve(&self, ready: &[LinkId], patience: Patience) -> (Served, Vec<Line>) {
        let Some(mut inner) = self.lock_or_be_called(patience) else {
            return (Served::Taken, Vec::new());
        };
        let errands = std::mem::take(&mut *self.errands.lock());
        // Every call from now on reports the panic.
        let _ = inner.guarded(|inner| {
            inner.alarm.rest();
            for Errand(run) in errands {
                run(inner, &clock::sample());
            }
            inner.turn(ready.iter().copied());
            inner.end_waits();
        });
        let served = match (inner.is_finished(), inner.unread.is_empty()) {
            (true, _) => Served::Finished,
            (false, true) => Served::All,
            (false, false) => Served::More,
        };
        match served {
            Served::Finished => inner.alarm.leave(),
            _ => inner.reset_alarm(),
        }
        (served, std::mem::take(&mut inner.lines))
    }

    /// Has `errand` run in the client's next turn, which is soon. Never blocks.
    pub(super) fn post(&self, errand: impl FnOnce(&mut Inner, &Sample) + Send + 'static) {
        self.errands.lock().push(Errand(Box::new(errand)));
        self.bell.ring();
    }

    /// Ends the client: its reactor is gone, because of `why`.
    pub(super) fn give_up(&self, why: &str) {
        let mut inner = self.inner.lock();
        inner.alarm.leave();
        inner.fail(why.to_owned());
    }
}
