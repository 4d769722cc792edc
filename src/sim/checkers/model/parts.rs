//! What entries leave to later ones, in the model: sessions that end in parts (L22), hand-overs to many (L5).
//!
//! An entry frees and grants so many names, and ends with the thing at which they are used up. A session that has ended stays in
//! its lines until it is freed; nothing is given to it.

use super::Model;
use super::breaks::Break;
use super::line::Place;
use crate::base::{Index, RequestId, SessionId, Term};
use crate::lock::Name;
use std::collections::{BTreeMap, BTreeSet};

/// Work that is left, and how much the newest entry may still do.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) names_per_part: usize,
    /// Names that the newest entry may still free and grant.
    left: usize,
    /// Lines that are to be handed on further.
    unfinished: BTreeSet<Name>,
    /// Breaks of all who hold a line.
    pub(super) breaks: BTreeMap<Name, Break>,
    /// Sessions that have ended and are not all free.
    ending: BTreeSet<SessionId>,
    /// The term of the entry since which something is left.
    left_in: Option<Term>,
}

impl Default for Parts {
    fn default() -> Self {
        let (unfinished, breaks, ending) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        let (names_per_part, left) = (usize::MAX, usize::MAX);
        Self { names_per_part, left, unfinished, breaks, ending, left_in: None }
    }
}

impl Model {
    /// For a cluster whose entries free and grant so many names.
    #[must_use]
    pub fn in_parts_of(mut self, names: usize) -> Self {
        self.parts.names_per_part = names;
        self
    }

    /// Whether `session` has ended by `index`.
    #[must_use]
    pub fn has_ended(&self, session: SessionId, index: Index) -> bool {
        self.sessions.get(&session).is_some_and(|one| one.ended.is_some_and(|end| end <= index))
    }

    /// Whether `session` had ended at `index`, and was in lines still.
    #[must_use]
    pub fn is_ending(&self, session: SessionId, index: Index) -> bool {
        let is_free = |index: Index| {
            self.sessions.get(&session).is_some_and(|one| one.freed.is_some_and(|it| it <= index))
        };
        self.has_ended(session, index) && !is_free(index)
    }

    /// Whether a session ends in parts.
    #[must_use]
    pub fn has_ending(&self) -> bool {
        !self.parts.ending.is_empty()
    }

    /// Whether a line is to be handed on further.
    #[must_use]
    pub fn has_unfinished_lines(&self) -> bool {
        !self.parts.unfinished.is_empty()
    }

    /// Whether a break goes on.
    #[must_use]
    pub fn has_breaks(&self) -> bool {
        !self.parts.breaks.is_empty()
    }

    /// The term of the entry since which anything is left to later ones.
    #[must_use]
    pub fn left_in(&self) -> Option<Term> {
        self.parts.left_in
    }

    /// An entry of `term` was applied.
    pub(super) fn end_part(&mut self, term: Term) {
        let is_left = self.has_ending() || self.has_unfinished_lines() || self.has_breaks();
        let is_left = is_left || self.is_sweeping();
        self.parts.left_in = self.parts.left_in.or(Some(term)).filter(|_| is_left);
    }

    pub(super) fn is_dead(&self, session: SessionId) -> bool {
        self.has_ended(session, self.applied)
    }

    /// The next entry begins.
    pub(super) fn begin_part(&mut self) {
        self.begin_glances();
        self.parts.left = if self.level >= 2 { self.parts.names_per_part } else { usize::MAX };
    }

    pub(super) fn has_part_left(&self) -> bool {
        self.parts.left > 0
    }

    pub(super) fn spend(&mut self, names: usize) {
        self.parts.left = self.parts.left.saturating_sub(names);
    }

    /// A line was handed on, as far as this entry may.
    pub(super) fn note_handed_on(&mut self, name: &Name) {
        let waits = self.lines.get(name).is_some_and(|line| line.waiters().next().is_some());
        if waits && !self.has_part_left() {
            self.parts.unfinished.insert(name.clone());
        } else {
            self.parts.unfinished.remove(name);
        }
    }

    pub(super) fn go_on(&mut self) {
        if !self.sweep() {
            return;
        }
        // Half is for sessions that end.
        let kept = if self.parts.ending.is_empty() { 0 } else { self.parts.left / 2 };
        self.parts.left -= kept;
        while self.has_part_left()
            && let Some(name) = self.parts.breaks.keys().next().cloned()
        {
            self.go_on_with_break(&name);
        }
        while self.has_part_left()
            && let Some(name) = self.parts.unfinished.first().cloned()
        {
            self.hand_over(&name);
        }
        self.parts.left += kept;
        for session in self.parts.ending.clone() {
            if !self.free(session) {
                return;
            }
        }
    }

    /// `session`, which has just ended, is freed as far as this entry may.
    pub(super) fn begin_ending(&mut self, session: SessionId) {
        self.parts.ending.insert(session);
        self.free(session);
    }

    /// Nothing of before a restore is left.
    pub(super) fn forget_parts(&mut self) {
        self.parts.unfinished.clear();
        self.parts.breaks.clear();
        self.parts.ending.clear();
    }

    fn free(&mut self, session: SessionId) -> bool {
        while let Some(next) = self.next_of(session) {
            if !self.has_part_left() {
                return false;
            }
            if next.holds() {
                self.free_grant(&next);
            } else {
                self.spend(next.wish.names.len());
                self.leave(&next);
            }
        }
        self.parts.ending.remove(&session);
        let ended = self.sessions.get_mut(&session).expect("it has ended");
        ended.freed = Some(self.applied);
        true
    }

    /// Its grants or its waits, whichever are fewer, in the order of their requests.
    fn next_of(&self, session: SessionId) -> Option<Place> {
        let all = self.lines.values().flat_map(|line| &line.places);
        let own: BTreeMap<RequestId, &Place> =
            all.filter(|place| place.session == session).map(|it| (it.request, it)).collect();
        let (held, waiting): (Vec<&Place>, Vec<&Place>) =
            own.into_values().partition(|place| place.holds());
        let [fewer, more] =
            if held.len() <= waiting.len() { [held, waiting] } else { [waiting, held] };
        fewer.first().or(more.first()).map(|place| (*place).clone())
    }

    fn free_grant(&mut self, gone: &Place) {
        let is_to_end = self.is_to_end(gone);
        for name in &gone.wish.names {
            let line = self.lines.get_mut(name).expect("it holds");
            line.places.retain(|place| place.token != gone.token);
            self.note_line(name);
        }
        let is_closed = self.sessions[&gone.session].is_closed;
        if !is_closed && gone.wish.delay_ms > 0 && !is_to_end {
            self.begin_delay(gone);
        }
        let has_heir = gone.asked.as_ref().is_some_and(|asked| asked.heir.is_some());
        let heirs = if has_heir { self.parts.names_per_part / 16 } else { 0 };
        self.spend(gone.wish.names.len() + heirs);
        self.pass_on(gone);
    }
}
