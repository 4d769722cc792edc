//! Orders to the leader, retried until they are carried out, refused for good, or timed out.

use crate::client::ClusterAt;
use crate::client::hand_over::order_of;
use crate::wire::{Order, OrderAnswer, Refusal};
use crate::{Error, Status};
use std::time::{Duration, Instant};

/// How long an order may take, and which refusals are waited out.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The bound on the search for the leader and on all waits.
    pub timeout: Duration,
    /// Refusals that pass by the acts of others: the order is given again until they do.
    pub waits_for: &'static [Refusal],
}

impl Patience {
    /// Refusals that every order waits out: they pass by themselves.
    pub const OF_ALL: &[Refusal] = &[Refusal::Passing];

    /// Waits out no other refusals.
    #[must_use]
    pub fn of(timeout: Duration) -> Self {
        Self { timeout, waits_for: Self::OF_ALL }
    }
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The leader refuses: surely nothing was done. UNAVAILABLE: the obstacle passes, or may.
    /// INVALID: it does not. NOT_FOUND: there is no such member.
    #[error("{0}")]
    Refused(Error),
    /// The leader cannot be reached, or did not answer.
    #[error("{0}")]
    Failed(Error),
}

impl From<NotDone> for Error {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Refused(error) | NotDone::Failed(error) => error,
        }
    }
}

/// Has the leader carry out one order, once it can. Before a change that takes the leader's vote,
/// leadership is handed over. Idempotent.
///
/// # Errors
/// [`NotDone`].
pub fn give(whom: &ClusterAt, order: &Order, patience: Patience) -> Result<(), NotDone> {
    let until = Instant::now() + patience.timeout;
    let left = || until.saturating_duration_since(Instant::now());
    loop {
        // Time for the answer to the last try, too: else its outcome would be unknown.
        let wait = left().max(ANSWER_WAIT_MIN.min(patience.timeout));
        let text = match order_of(whom, order, wait).map_err(NotDone::Failed)? {
            OrderAnswer::Done { index } => {
                log::debug!("done as of {index}");
                return Ok(());
            }
            OrderAnswer::Refused { text } => text,
            other => return Err(NotDone::Failed(unexpected(&other))),
        };
        let refusal = Refusal::of(order, &text);
        if refusal == Refusal::Already {
            return Ok(());
        }
        if !patience.waits_for.contains(&refusal) || left() <= PAUSE {
            return Err(NotDone::Refused(Error::new(status_of(refusal), text)));
        }
        log::debug!("waiting, since the leader says: {text}");
        std::thread::sleep(PAUSE);
    }
}

fn status_of(refusal: Refusal) -> Status {
    match refusal {
        Refusal::Absent => Status::NotFound,
        Refusal::Standing => Status::Invalid,
        Refusal::Passing
        | Refusal::Behind
        | Refusal::Unjoined
        | Refusal::Already
        | Refusal::Other => Status::Unavailable,
    }
}

/// The error of an answer that does not fit the order.
pub(super) fn unexpected(answer: &OrderAnswer) -> Error {
    let text = match answer {
        OrderAnswer::Refused { text } => text.clone(),
        other => format!("an answer of another kind came: {other:?}"),
    };
    Error::new(Status::Unavailable, text)
}

/// The least timeout of an answer, however little time is left.
const ANSWER_WAIT_MIN: Duration = Duration::from_secs(1);
/// The pause before a refused order is given again: some round trips.
const PAUSE: Duration = Duration::from_millis(50);
