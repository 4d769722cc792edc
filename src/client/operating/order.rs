//! Orders to the leader: given until they are done, refused for good, or late.

use crate::client::ClusterAt;
use crate::client::hand_over::order_of;
use crate::wire::{Order, OrderAnswer, Refusal};
use crate::{Error, Status};
use std::time::{Duration, Instant};

/// How long an order may take, and what is waited for besides its answer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the leader to be found, and for all that is waited for.
    pub timeout: Duration,
    /// Which refusals are waited for that pass by what others do: the order is given again until then.
    pub waits_for: &'static [Refusal],
}

impl Patience {
    /// What every order waits for: refusals that pass by themselves.
    pub const OF_ALL: &[Refusal] = &[Refusal::Passing];

    /// For no others.
    #[must_use]
    pub fn of(timeout: Duration) -> Self {
        Self { timeout, waits_for: Self::OF_ALL }
    }
}

/// Why an order is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The leader says why: surely nothing was done. UNAVAILABLE: it passes, or may. INVALID: it cannot be. NOT_FOUND: there
    /// is no such member.
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

/// Has the leader carry out one order, once it can. A change that leaves the leader without a vote has it hand leadership
/// over first. What is so already is done.
///
/// # Errors
/// [`NotDone`].
pub fn give(whom: &ClusterAt, order: &Order, patience: Patience) -> Result<(), NotDone> {
    let until = Instant::now() + patience.timeout;
    let left = || until.saturating_duration_since(Instant::now());
    loop {
        // The last try is answered, too: else it would not be known what became of it.
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

/// The error of an answer to another order than the one that was given.
pub(super) fn unexpected(answer: &OrderAnswer) -> Error {
    let text = match answer {
        OrderAnswer::Refused { text } => text.clone(),
        other => format!("an answer of another kind came: {other:?}"),
    };
    Error::new(Status::Unavailable, text)
}

/// For one answer, however little time is left.
const ANSWER_WAIT_MIN: Duration = Duration::from_secs(1);
/// Before an order that was refused is given again: some round trips.
const PAUSE: Duration = Duration::from_millis(50);
