//! What a simulated client's process was told, and what its core may therefore believe no more.

use crate::base::time::nanos;
use crate::base::{Sample, Token};
use crate::client::core::{Core, Deadline, SessionState};
use crate::lock::Answer;
use crate::sim::checkers::Violation;
use crate::wire::ServerMessage;
use std::collections::BTreeMap;
use std::time::Duration;

/// What one process was told.
#[derive(Debug)]
pub struct ClientWatch {
    /// Grants that it was asked to end, and when belief in them is over at the latest (L23).
    asked: BTreeMap<Token, Deadline>,
    /// The program must say at least so often that it moves.
    progress: Option<Duration>,
    /// When it did last, or a session began.
    moved_at: Option<Sample>,
    /// A session may have ended, since the program had not said so in time.
    has_stalled: bool,
    state: SessionState,
    /// When its state was looked at last.
    looked_at: Option<Sample>,
    /// A server has said that the session is not alive.
    is_told: bool,
}

impl ClientWatch {
    /// Of a process that was not told anything.
    #[must_use]
    pub fn new(progress: Option<Duration>) -> Self {
        Self {
            asked: BTreeMap::new(),
            progress,
            moved_at: None,
            has_stalled: false,
            state: SessionState::Ended,
            looked_at: None,
            is_told: false,
        }
    }

    /// Its core is about to be told.
    pub fn handle_message(&mut self, now: &Sample, message: &ServerMessage) {
        match message {
            ServerMessage::Asked { token, grace_ms, .. } => {
                let length = Duration::from_millis(u64::from(*grace_ms));
                let deadline = Deadline { start: *now, length };
                let before = self.asked.entry(*token).or_insert(deadline);
                if deadline.remaining(now) < before.remaining(now) {
                    *before = deadline;
                }
            }
            ServerMessage::SessionEnded { .. }
            | ServerMessage::AttachDenied { .. }
            | ServerMessage::Answered { answer: Answer::SessionExpired, .. } => self.is_told = true,
            _ => {}
        }
    }

    /// The program said that it moves.
    pub fn handle_moved(&mut self, now: &Sample) {
        self.has_stalled |= self.is_stalled(now);
        self.moved_at = Some(*now);
    }

    /// Whether the program has not said in time that it moves: then its session need not live.
    #[must_use]
    pub fn is_stalled(&self, now: &Sample) -> bool {
        let (Some(within), Some(moved_at)) = (self.progress, self.moved_at) else { return false };
        self.has_stalled || now.boot().saturating_sub(moved_at.boot()) >= nanos(within)
    }

    /// Whether the process was told, or would have been, of what it was asked.
    #[must_use]
    pub fn was_asked(&self, token: Token) -> bool {
        self.asked.contains_key(&token)
    }

    /// The core says that the session is in another state. One that runs out is in jeopardy first, for about a
    /// third of its TTL, if the process runs.
    ///
    /// # Errors
    /// It was not.
    pub fn handle_state(
        &mut self,
        now: &Sample,
        ttl: Duration,
        state: SessionState,
    ) -> Result<(), Violation> {
        use SessionState::{Ended, Valid};
        let before = std::mem::replace(&mut self.state, state);
        let looked = self.looked_at.is_some_and(|at| now.elapsed_hi(&at) < ttl / 4);
        if (before, state) == (Valid, Ended) && looked && !self.is_told {
            let what = format!("a session of {ttl:?} goes from {before:?} to {state:?}");
            return Err(Violation::new("O12", what));
        }
        if before == Ended {
            (self.moved_at, self.has_stalled) = (Some(*now), false);
        }
        self.is_told = false;
        Ok(())
    }

    /// The core was asked for what it has to say.
    pub fn handle_looked(&mut self, now: &Sample) {
        self.looked_at = Some(*now);
    }

    /// The program reads that it may believe in `token` for `remaining`.
    ///
    /// # Errors
    /// It was asked to end before that is over (L23), or its program has not moved for so long that no renewal can
    /// have left.
    pub fn check_belief(
        &self,
        now: &Sample,
        core: &Core,
        (token, remaining): (Token, Duration),
    ) -> Result<(), Violation> {
        let asked = self.asked.get(&token).map(|deadline| deadline.remaining(now));
        if let Some(left) = asked.filter(|left| remaining > *left) {
            let what =
                format!("{remaining:?} are left of {token}, its grace is over in {left:?} (L23)");
            return Err(Violation::new("O5", what));
        }
        let (Some(within), Some(moved_at)) = (self.progress, self.moved_at) else { return Ok(()) };
        let still = now.boot().saturating_sub(moved_at.boot());
        if still >= nanos(within) + nanos(core.ttl()) {
            let what = format!("{remaining:?} are left of {token}, nothing moved for {still} ns");
            return Err(Violation::new("O5", what));
        }
        Ok(())
    }
}
