//! Lock delay (safety L16): after an expiry the grant's room stays taken for a while, so that what its
//! holder had sent before it ended is not overtaken by the next one's work.
//!
//! No clock is read here. The leader measures the delay from its apply of the `Expire`, and `DelayOver` says
//! for all replicas that it is over. A release, a withdrawal and a close leave no delay: their client had
//! ended its work.

use super::command::{Mode, Name};
use super::effects::Effects;
use super::holders::Grant;
use super::machine::LockMachine;
use crate::base::Token;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The delays of one lock. Most have none, so that costs a pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct Delays(Option<Box<Running>>);

/// Delays that are not over.
#[derive(Clone, Debug, Default)]
struct Running {
    /// By the token whose grant expired.
    by_token: BTreeMap<Token, Delay>,
    /// What they take together.
    permits: u64,
}

/// What an expired grant still takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    pub(super) mode: Mode,
    pub(super) permits: u32,
    pub(super) delay_ms: u32,
    /// Who held it, for people.
    pub(super) client: Arc<str>,
}

/// A delay that a leader has to measure, and then to propose the `DelayOver` of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delayed {
    /// Of which lock.
    pub name: Name,
    /// The token whose grant expired.
    pub token: Token,
    /// From the leader's apply of the `Expire` and of its own no-op, whichever came later.
    pub delay_ms: u32,
}

impl Delays {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |running| running.by_token.len())
    }

    /// How many permits they take together.
    pub(super) fn permits(&self) -> u64 {
        self.0.as_ref().map_or(0, |running| running.permits)
    }

    /// In the order of their tokens.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &Delay)> {
        let all = self.0.iter().flat_map(|running| running.by_token.iter());
        all.map(|(token, delay)| (*token, delay))
    }

    /// The newest token of any.
    pub(super) fn last(&self) -> Option<Token> {
        self.0.as_ref()?.by_token.last_key_value().map(|(token, _)| *token)
    }

    pub(super) fn insert(&mut self, token: Token, delay: Delay) {
        let running = self.0.get_or_insert_default();
        running.permits += u64::from(delay.permits);
        let earlier = running.by_token.insert(token, delay);
        assert!(earlier.is_none(), "token {token} expired already: {earlier:?}");
    }

    /// The one that `token` left, if it is not over yet.
    fn end(&mut self, token: Token) -> Option<Delay> {
        let running = self.0.as_mut()?;
        let delay = running.by_token.remove(&token)?;
        running.permits -= u64::from(delay.permits);
        if running.by_token.is_empty() {
            self.0 = None;
        }
        Some(delay)
    }
}

impl LockMachine {
    /// All delays that are not over, for the timers of a new leader; time linear in the locks.
    pub fn delays(&self) -> impl Iterator<Item = Delayed> + '_ {
        self.locks.iter().flat_map(|(name, lock)| {
            let delayed = |(token, delay): (Token, &Delay)| Delayed {
                name: name.clone(),
                token,
                delay_ms: delay.delay_ms,
            };
            lock.delays().iter().map(delayed)
        })
    }

    /// Keeps the room of a grant that expired; says so if its acquire asked for that.
    pub(super) fn begin_delay(
        &mut self,
        name: &Name,
        grant: &Grant,
        client: &Arc<str>,
    ) -> Option<Delayed> {
        let (token, claim) = (grant.token, &grant.claim);
        let (mode, permits, delay_ms) = (claim.mode, claim.permits, claim.delay_ms());
        if delay_ms == 0 {
            return None;
        }
        let lock = self.locks.get_mut(name).expect("it was held until now");
        let delay = Delay { mode, permits, delay_ms, client: client.clone() };
        self.weight.add(delay.bytes(name));
        lock.change(|rest| rest.delays.insert(token, delay));
        Some(Delayed { name: name.clone(), token, delay_ms })
    }

    /// The delay that `token` left on `name` is over; the lock is handed on. Repeating is harmless.
    pub(super) fn end_delay(
        &mut self,
        name: &Name,
        token: Token,
        unix_ms: u64,
        effects: &mut Effects,
    ) {
        let lock = self.locks.get_mut(name);
        if let Some(delay) = lock.and_then(|lock| lock.change(|rest| rest.delays.end(token))) {
            self.weight.take_off(delay.bytes(name));
            self.hand_over(name, unix_ms, effects);
        }
    }
}
