//! A client's turn on the reactor's thread.

use super::reactor::Line;
use super::{Inner, Shared};
use crate::base::Sample;
use crate::client::core::LinkId;
use crate::sys::clock;
use std::fmt;

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// Nothing is left to do until it is called or due.
    All,
    /// Something is left for its next turn.
    More,
    /// Nothing was done: a thread has the client, and rings behind that.
    Taken,
    /// It is closed, or has failed: it needs no turn any more.
    Finished,
}

/// How long a client's mutex is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    /// For a moment: threads that take it over and over must not keep the reactor away for ever.
    Brief,
}

/// What another thread has found out for a client.
pub(super) struct Errand(Box<Run>);

type Run = dyn FnOnce(&mut Inner, &Sample) + Send;

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errand")
    }
}

impl Shared {
    /// One turn, with the links of which it was said that there is something; and what is to be logged behind it.
    pub(super) fn serve(&self, ready: &[LinkId], patience: Patience) -> (Served, Vec<Line>) {
        let Some(mut inner) = self.lock_or_be_called(patience) else {
            return (Served::Taken, Vec::new());
        };
        let errands = std::mem::take(&mut *self.errands.lock());
        // A panic is in what every call returns from now on.
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

    /// Lets `errand` be run in the client's next turn, which is soon. For threads that others wait for, too.
    pub(super) fn post(&self, errand: impl FnOnce(&mut Inner, &Sample) + Send + 'static) {
        self.errands.lock().push(Errand(Box::new(errand)));
        self.bell.ring();
    }

    /// Its turns are over, since `why`.
    pub(super) fn give_up(&self, why: &str) {
        let mut inner = self.inner.lock();
        inner.alarm.leave();
        inner.fail(why.to_owned());
    }
}
