//! Work that one entry leaves to later ones, so that no apply is long (from level 2 on): ended sessions that
//! are still in locks (safety L22), and locks that are handed over to very many (L5).
//!
//! An entry frees and grants up to the level's number of names, and ends with the thing at which they are
//! used up. The rest is in the state, and a leader proposes [`Command::Continue`](super::Command::Continue)
//! while any is left. `Continue` decides nothing, so it may be repeated, late, or from a leader that was
//! replaced.
//!
//! * An ended session is not in `sessions`: it is dead to everybody. Its grants keep their locks, so that
//!   nobody else has room; but nothing is granted to the session, no waiter of it is put first, and its waits
//!   block nobody for ever.
//! * A lock whose hand-over is unfinished keeps its waiters in their order; new ones queue behind.

use super::dedupe::{Answers, Hold};
use super::effects::Effects;
use super::locks::Slot;
use super::machine::LockMachine;
use super::session::Session;
use crate::base::meters::EndReason;
use crate::base::{RequestId, SessionId};
use std::sync::Arc;

/// An ended session that is still in locks.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) client: Arc<str>,
    pub(super) ttl_ms: u32,
    pub(super) way: EndWay,
    /// Its grants and places; no fixed answer is kept.
    pub(super) answers: Answers,
    /// Its share of the bytes of the state.
    pub(super) counted: u64,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum EndWay {
    /// Closed by its client, which has ended its work, and waits until all is free.
    Closed,
    /// Not heard of for its TTL: its grants may leave delays (L16).
    Expired,
}

impl EndWay {
    /// The reason under which its grants are counted.
    fn reason(self) -> EndReason {
        match self {
            Self::Closed => EndReason::Closed,
            Self::Expired => EndReason::Expired,
        }
    }
}

impl Ending {
    /// The rest of `session` at its end.
    pub(super) fn of(session: Session, way: EndWay) -> Self {
        let Session { client, ttl_ms, answers, .. } = session;
        Self { client, ttl_ms, way, answers: answers.of_the_dead(), counted: 0 }
    }

    /// The next piece to free: a grant or a place, of whichever there are fewer, so that the one lock of a
    /// session that waits for thousands is free at once; each kind in the order of request ids.
    fn next(&self) -> Option<Piece> {
        let (grants, places) = (self.answers.grants(), self.answers.waiting());
        let grant = || grants.iter().next().map(|(_, hold)| Piece::Grant(hold.clone()));
        let place = || places.first().map(Piece::Place);
        if grants.len() <= places.len() { grant().or_else(place) } else { place().or_else(grant) }
    }
}

/// One grant or place of a session.
enum Piece {
    Grant(Hold),
    Place(RequestId),
}

impl LockMachine {
    /// Whether earlier entries have left work to later ones.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        let (locks, orders) = (&self.unfinished, &self.orders);
        let is_left = !self.endings.is_empty() || !locks.is_empty() || !orders.is_empty();
        is_left || self.access.sweep().is_some()
    }

    /// Whether `session` was closed, and still has locks.
    #[must_use]
    pub fn is_closing(&self, session: SessionId) -> bool {
        self.endings.get(&session).is_some_and(|ending| ending.way == EndWay::Closed)
    }

    /// Whether `session`, which is in a lock, has ended.
    pub(super) fn is_ending(&self, session: SessionId) -> bool {
        !self.endings.is_empty() && self.endings.contains_key(&session)
    }

    /// Goes on with the work that earlier entries left: breaks and hand-overs first, in byte order, then
    /// ended sessions, the oldest first. Half of the entry's share is kept for the sessions, so that neither
    /// kind starves the other.
    pub(super) fn go_on(&mut self, unix_ms: u64, effects: &mut Effects) {
        // Waits to refuse go first: they stop their queues, and only a change of rights adds any.
        if !self.sweep(effects) {
            return;
        }
        let kept = if self.endings.is_empty() { 0 } else { effects.keep_half() };
        while effects.lasts()
            && let Some((name, _)) = self.orders.first_key_value()
        {
            let name = name.clone();
            self.go_on_with_order(&name, effects);
        }
        while effects.lasts()
            && let Some(name) = self.unfinished.first().cloned()
        {
            let slot = self.locks.find(&name).expect("somebody waits for it");
            self.hand_over(slot, unix_ms, effects);
        }
        effects.give_back(kept);
        while let Some((session, _)) = self.endings.first_key_value() {
            let session = *session;
            let way = self.endings[&session].way;
            if !self.free(session, unix_ms, effects) {
                return;
            }
            if way == EndWay::Closed {
                effects.freed.push(session);
            }
        }
    }

    /// Ends a live session, and frees as much of it as this entry may. True: nothing is left.
    pub(super) fn end_in_parts(
        &mut self,
        id: SessionId,
        session: Session,
        way: EndWay,
        (unix_ms, effects): (u64, &mut Effects),
    ) -> bool {
        self.endings.insert(id, Box::new(Ending::of(session, way)));
        self.weight.touch(id);
        self.free(id, unix_ms, effects)
    }

    /// Frees an ended session until this entry has used up its share of work. True: nothing is left.
    fn free(&mut self, session: SessionId, unix_ms: u64, effects: &mut Effects) -> bool {
        self.weight.touch(session);
        effects.why = self.endings[&session].way.reason();
        while let Some(next) = self.endings[&session].next() {
            if !effects.lasts() {
                return false;
            }
            match next {
                Piece::Grant(hold) => self.free_grant(session, &hold, unix_ms, effects),
                Piece::Place(request) => self.free_place(session, request, unix_ms, effects),
            }
        }
        let ended = self.endings.remove(&session).expect("looked at");
        self.weight.take_off(ended.counted);
        true
    }

    fn free_place(
        &mut self,
        session: SessionId,
        request: RequestId,
        unix_ms: u64,
        effects: &mut Effects,
    ) {
        let place = self.answers_of_mut(session).leave_queue(request);
        self.leave_queues(&place, effects);
        effects.spend(place.slots().len());
        self.hand_over_all(place.slots(), unix_ms, effects);
    }

    /// Frees one grant; its delay begins in the same entry (L16).
    fn free_grant(&mut self, session: SessionId, hold: &Hold, unix_ms: u64, effects: &mut Effects) {
        let freed = self.drop_grant(hold.slot, hold.token, effects);
        let ending = self.endings.get_mut(&session).expect("it is looked at");
        for request in freed.grant.handles() {
            ending.answers.end_grant(request);
        }
        let (client, way) = (ending.client.clone(), ending.way);
        if way == EndWay::Expired && !self.is_to_end(hold.slot, &freed.grant) {
            for slot in freed.slots() {
                let delayed = self.begin_delay(*slot, &freed.grant, &client);
                effects.delayed.extend(delayed);
            }
        }
        effects.spend(freed.slots().len() + self.spent_on_heir(freed.has_heir()));
        self.pass_on(&freed, unix_ms, effects);
    }

    /// The cost of putting an heir first, in names; 0 without one.
    pub(super) fn spent_on_heir(&self, has_heir: bool) -> usize {
        if has_heir { self.names_per_part() / HEIRS_PER_PART } else { 0 }
    }

    /// Leaves the hand-over of a lock to later entries.
    pub(super) fn leave_unfinished(&mut self, slot: Slot) {
        if self.unfinished.insert(self.locks.name(slot).clone()) {
            self.weight.add(UNFINISHED_BYTES);
        }
    }

    /// Removes a lock from the unfinished hand-overs.
    pub(super) fn end_unfinished(&mut self, slot: Slot) {
        if !self.unfinished.is_empty() && self.unfinished.remove(self.locks.name(slot)) {
            self.weight.take_off(UNFINISHED_BYTES);
        }
    }

    /// The client's name, of a session that is in a lock.
    pub(super) fn client_of(&self, session: SessionId) -> &Arc<str> {
        match self.endings.get(&session) {
            Some(ending) => &ending.client,
            None => &self.live_session(session).client,
        }
    }

    /// The TTL of a session that is in a lock.
    pub(super) fn ttl_ms_of(&self, session: SessionId) -> u32 {
        match self.endings.get(&session) {
            Some(ending) => ending.ttl_ms,
            None => self.live_session(session).ttl_ms,
        }
    }

    /// The requests of a session that is in a lock.
    pub(super) fn answers_of(&self, session: SessionId) -> &Answers {
        match self.endings.get(&session) {
            Some(ending) => &ending.answers,
            None => &self.live_session(session).answers,
        }
    }

    pub(super) fn answers_of_mut(&mut self, session: SessionId) -> &mut Answers {
        if !self.is_ending(session) {
            return &mut self.live_session_mut(session).answers;
        }
        self.weight.touch(session);
        &mut self.endings.get_mut(&session).expect("looked at").answers
    }
}

/// Putting an heir first may cost a search: this many heirs use up the share of one entry.
const HEIRS_PER_PART: usize = 16;
/// Bytes of an unfinished hand-over in a snapshot, without the name.
pub(super) const UNFINISHED_BYTES: u64 = 16;
