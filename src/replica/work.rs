//! The budget of one turn, counted in work and not in requests. The rest is left to the next turn,
//! so that no client, and no log, keeps a node from reading its peers and sending its heartbeats.
//!
//! A unit is about a microsecond: a name looked up, an answer sent, 64 bytes copied. Each kind has
//! a budget of its own, so that none starves the others. An apply is never cut: a part ends between
//! two entries (safety L5), two answers, two timers.
//!
//! A unit costs more where memory is slow or the processor is shared. So a turn that is late by the
//! clock of its process hurries: what is left of each budget shrinks. The clock decides where a part
//! ends, and never what an apply does (L2).

/// The kinds of work that are done in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkKind {
    /// Committed entries into the lock machine.
    Apply,
    /// Answers to confirmed requests.
    Answer,
    /// Lists of standing grants and places for sessions that attach.
    List,
    /// Beginning the timers of a new leader.
    Begin,
    /// Pushes: who leads, and changes of observed locks.
    Tell,
}

/// Asks the clock of the process whether the turn has taken so long that the rest is left to the next.
pub type IsLate<'a> = &'a mut dyn FnMut() -> bool;

/// The work of a turn so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    spent: [u64; KINDS],
    divisor: u64,
    /// The applied work at which the clock is looked at next.
    next_look: u64,
    is_hurried: bool,
}

impl Work {
    /// No work yet, in a turn with the budget divided by `divisor`.
    #[must_use]
    pub fn new(divisor: u64) -> Self {
        Self { spent: [0; KINDS], divisor, next_look: LOOK_UNITS, is_hurried: false }
    }

    /// Whether the turn may do more work of `kind`.
    #[must_use]
    pub fn may(&self, kind: WorkKind) -> bool {
        let divisor = if self.is_hurried { self.divisor * HURRY } else { self.divisor };
        self.spent(kind) < (budget(kind) / divisor).max(1)
    }

    /// From now on this turn ends soon: of each budget only a small part is left, of which one step is
    /// always done, so that no kind of work ever stands still.
    pub fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// Whether so much was applied since the last look at the clock that it is time for another.
    pub fn wants_look(&mut self) -> bool {
        let applied = self.spent(WorkKind::Apply);
        let is_due = !self.is_hurried && applied >= self.next_look;
        if is_due {
            self.next_look = applied + LOOK_UNITS;
        }
        is_due
    }

    /// The length of a part that would have `whole` steps.
    #[must_use]
    pub fn part(&self, whole: usize) -> usize {
        (whole as u64 / self.divisor).max(1) as usize
    }

    /// Counts work that was done.
    pub fn spend(&mut self, kind: WorkKind, units: u64) {
        self.spent[kind as usize] += units;
    }

    /// The work of `kind` that was done.
    #[must_use]
    pub fn spent(&self, kind: WorkKind) -> u64 {
        self.spent[kind as usize]
    }

    /// The entries looked at for lists.
    #[must_use]
    pub fn listed(&self) -> u64 {
        self.spent(WorkKind::List)
    }

    /// Units for so many bytes.
    #[must_use]
    pub fn of_bytes(count: usize) -> u64 {
        count as u64 / 64
    }
}

/// The budget of one kind in a turn. The last step may exceed it.
#[must_use]
pub const fn budget(kind: WorkKind) -> u64 {
    match kind {
        WorkKind::Apply => 4096,
        WorkKind::Answer | WorkKind::List | WorkKind::Begin | WorkKind::Tell => 1024,
    }
}

const KINDS: usize = 5;
/// The units of applied work between two looks at the clock.
const LOOK_UNITS: u64 = 256;
/// What the budgets of a late turn are divided by.
const HURRY: u64 = 8;
/// All kinds at once are some 8 ms: also where a node gets half a processor a turn ends well within a heartbeat interval.
const _: () = assert!(budget(WorkKind::Apply) + 4 * budget(WorkKind::Answer) <= 8192);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_turn_has_little_left_and_each_kind_at_least_one_step() {
        let mut work = Work::new(1);
        work.spend(WorkKind::Apply, 600);
        assert!(work.may(WorkKind::Apply));
        work.hurry();
        assert!(!work.may(WorkKind::Apply) && work.may(WorkKind::Answer));
        work.spend(WorkKind::Answer, 128);
        assert!(!work.may(WorkKind::Answer));
        for kind in [WorkKind::List, WorkKind::Begin, WorkKind::Tell] {
            let mut small = Work::new(8192);
            small.hurry();
            assert!(small.may(kind), "one step");
            small.spend(kind, 1);
            assert!(!small.may(kind));
        }
    }

    #[test]
    fn the_clock_is_looked_at_once_for_each_piece_of_work_until_the_turn_hurries() {
        let mut work = Work::new(1);
        let mut looks = 0;
        for _ in 0..1024 {
            work.spend(WorkKind::Apply, 1);
            looks += usize::from(work.wants_look());
        }
        assert_eq!(looks, 4);
        work.hurry();
        work.spend(WorkKind::Apply, 1024);
        assert!(!work.wants_look());
    }
}
