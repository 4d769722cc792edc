//! The budget of one turn, counted in work and not in requests. The rest is left to the next turn,
//! so that no client, and no log, keeps a node from reading its peers and sending its heartbeats.
//!
//! A unit is about a microsecond: a name looked up, an answer sent, 64 bytes copied. Each kind has
//! a budget of its own, so that none starves the others. No measured time decides anything: an
//! apply is never cut, a part ends between two entries (safety L5), two answers, two timers.

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

/// The work of a turn so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    spent: [u64; KINDS],
    divisor: u64,
}

impl Work {
    /// No work yet, in a turn with the budget divided by `divisor`.
    #[must_use]
    pub fn new(divisor: u64) -> Self {
        Self { spent: [0; KINDS], divisor }
    }

    /// Whether the turn may do more work of `kind`.
    #[must_use]
    pub fn may(&self, kind: WorkKind) -> bool {
        self.spent(kind) < (budget(kind) / self.divisor).max(1)
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
/// All kinds at once are some 8 ms: also where a node gets half a processor a turn ends well within a heartbeat interval.
const _: () = assert!(budget(WorkKind::Apply) + 4 * budget(WorkKind::Answer) <= 8192);
