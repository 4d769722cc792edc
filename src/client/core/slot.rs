//! One place of a session's window: a request, what is to become of it, and how many are such.

use super::requests::{Outstanding, Purpose};

/// A request that is not decided.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) outstanding: Outstanding,
    /// It has no first reply.
    pub(super) is_unreplied: bool,
    /// It is to leave on the present link, in order of the ids.
    pub(super) is_unsent: bool,
    /// It was refused for load, and is to leave after a pause.
    pub(super) is_paused: bool,
    /// A leader said that it waits: until the list of the present one has named it or is complete, it is not sent again.
    pub(super) is_listed: bool,
    /// It was sent on the present link and is not answered there.
    pub(super) is_in_flight: bool,
}

/// How many of the slots are such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) unsent: usize,
    pub(super) paused: usize,
    pub(super) listed: usize,
    pub(super) in_flight: usize,
}

impl Slot {
    /// One that is to leave.
    pub(super) fn new(outstanding: Outstanding, counts: &mut Counts) -> Self {
        counts.unsent += 1;
        Self {
            outstanding,
            is_unreplied: true,
            is_unsent: true,
            is_paused: false,
            is_listed: false,
            is_in_flight: false,
        }
    }

    /// Sets or takes back a mark, and counts that.
    fn mark(mark: &mut bool, count: &mut usize, is_so: bool) {
        match (std::mem::replace(mark, is_so), is_so) {
            (false, true) => *count += 1,
            (true, false) => *count -= 1,
            _ => {}
        }
    }

    pub(super) fn set_unsent(&mut self, counts: &mut Counts, is_so: bool) {
        Self::mark(&mut self.is_unsent, &mut counts.unsent, is_so);
    }

    pub(super) fn set_paused(&mut self, counts: &mut Counts, is_so: bool) {
        Self::mark(&mut self.is_paused, &mut counts.paused, is_so);
    }

    pub(super) fn set_listed(&mut self, counts: &mut Counts, is_so: bool) {
        Self::mark(&mut self.is_listed, &mut counts.listed, is_so);
    }

    pub(super) fn set_in_flight(&mut self, counts: &mut Counts, is_so: bool) {
        Self::mark(&mut self.is_in_flight, &mut counts.in_flight, is_so);
    }

    /// It leaves no more by itself.
    pub(super) fn rest(&mut self, counts: &mut Counts) {
        self.set_unsent(counts, false);
        self.set_paused(counts, false);
        self.set_listed(counts, false);
    }

    pub(super) fn is_change(&self) -> bool {
        !matches!(self.outstanding.purpose, Purpose::Acquire(_) | Purpose::Withdrawn)
    }

    pub(super) fn is_acquire(&self) -> bool {
        matches!(self.outstanding.purpose, Purpose::Acquire(_))
    }
}
