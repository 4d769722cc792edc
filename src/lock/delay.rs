//! Lock delay (safety L16): after an expiry the grant's room stays taken for a while, so that late
//! messages of its holder arrive before the next holder's work.
//!
//! No clock is read here. The leader measures the delay from its apply of the `Expire`, and `DelayOver` ends
//! it at all replicas. A release, a withdrawal and a close leave no delay: their client had ended its work.

use super::effects::Effects;
use super::holders::Grant;
use super::locks::Slot;
use super::machine::LockMachine;
use crate::base::Token;
use crate::base::locks::{Mode, Name};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// The delays of one lock. Most locks have none, so an empty set is one null pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct Delays(Option<Box<Running>>);

/// Delays that are not over.
#[derive(Clone, Debug, Default)]
struct Running {
    /// By the token of the expired grant.
    by_token: BTreeMap<Token, Delay>,
    /// The permits of all of them.
    permits: u64,
}

/// The room that an expired grant still takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    pub(super) mode: Mode,
    pub(super) permits: u32,
    pub(super) delay_ms: u32,
    /// The former holder, for people.
    pub(super) client: Arc<str>,
}

/// A delay that a leader measures, and ends by a `DelayOver`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delayed {
    /// The delayed lock.
    pub name: Name,
    /// The token of the expired grant.
    pub token: Token,
    /// Milliseconds, from the leader's apply of the `Expire` or of its own no-op, whichever was
    /// later.
    pub delay_ms: u32,
}

impl Delays {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |running| running.by_token.len())
    }

    /// The permits that they take together.
    pub(super) fn permits(&self) -> u64 {
        self.0.as_ref().map_or(0, |running| running.permits)
    }

    /// All, in the order of their tokens.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &Delay)> {
        let all = self.0.iter().flat_map(|running| running.by_token.iter());
        all.map(|(token, delay)| (*token, delay))
    }

    /// The delays of tokens above `token`; `None`: all.
    fn behind(&self, token: Option<Token>) -> impl Iterator<Item = (Token, &Delay)> {
        let start = token.map_or(Bound::Unbounded, Bound::Excluded);
        let running = self.0.iter();
        let behind =
            running.flat_map(move |running| running.by_token.range((start, Bound::Unbounded)));
        behind.map(|(token, delay)| (*token, delay))
    }

    /// The newest token of them.
    pub(super) fn last(&self) -> Option<Token> {
        self.0.as_ref()?.by_token.last_key_value().map(|(token, _)| *token)
    }

    pub(super) fn insert(&mut self, token: Token, delay: Delay) {
        let running = self.0.get_or_insert_default();
        running.permits += u64::from(delay.permits);
        let earlier = running.by_token.insert(token, delay);
        assert!(earlier.is_none(), "token {token} expired already: {earlier:?}");
    }

    /// Removes the delay of `token`, if it is not over.
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
    /// All running delays; time linear in the locks.
    pub fn delays(&self) -> impl Iterator<Item = Delayed> + use<> {
        self.delays_behind(None, usize::MAX).0.into_iter()
    }

    /// The running delays in parts, for the timers of a new leader: those behind `after`, until `count` locks
    /// and delays were examined; and the place to continue from, `None` at the end.
    #[must_use]
    pub fn delays_behind(
        &self,
        after: Option<&(Name, Token)>,
        count: usize,
    ) -> (Vec<Delayed>, Option<(Name, Token)>) {
        let (mut delays, mut looked) = (Vec::new(), 0);
        let start = after.map_or(Bound::Unbounded, |(name, _)| Bound::Included(name.as_str()));
        for (name, lock) in self.locks.starting_at(start) {
            let before = after.filter(|(of, _)| of == name).map(|(_, token)| *token);
            for (token, delay) in lock.delays().behind(before) {
                delays.push(Delayed { name: name.clone(), token, delay_ms: delay.delay_ms });
                looked += 1;
                if looked >= count {
                    return (delays, Some((name.clone(), token)));
                }
            }
            // The lock to continue with was counted before.
            looked += usize::from(before.is_none());
            if looked >= count {
                return (delays, Some((name.clone(), Token(u64::MAX))));
            }
        }
        (delays, None)
    }

    /// Keeps the room of an expired grant taken, if its acquire asked for a delay.
    pub(super) fn begin_delay(
        &mut self,
        slot: Slot,
        grant: &Grant,
        client: &Arc<str>,
    ) -> Option<Delayed> {
        let (token, stake) = (grant.token, &grant.stake);
        let (mode, permits, delay_ms) = (stake.mode, stake.permits, stake.delay_ms());
        if delay_ms == 0 {
            return None;
        }
        let (name, lock) = self.locks.named_mut(slot);
        let delay = Delay { mode, permits, delay_ms, client: client.clone() };
        self.weight.add(delay.bytes(name));
        lock.change(|rest| rest.delays.insert(token, delay));
        Some(Delayed { name: name.clone(), token, delay_ms })
    }

    /// Ends the delay of `token` on `name`, and hands the lock over. Repeats are harmless.
    pub(super) fn end_delay(
        &mut self,
        name: &Name,
        token: Token,
        unix_ms: u64,
        effects: &mut Effects,
    ) {
        let Some(slot) = self.locks.find(name) else { return };
        if let Some(delay) = self.locks[slot].change(|rest| rest.delays.end(token)) {
            self.weight.take_off(delay.bytes(name));
            self.hand_over(slot, unix_ms, effects);
        }
    }
}
