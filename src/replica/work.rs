//! What one turn may do, counted in work and not in requests. What is left over goes on in the next turn, so that no
//! client, and no log, keeps a node from reading its peers and sending its heartbeats.
//!
//! A unit is about a microsecond: a name looked up, an answer said, 64 bytes copied. Each kind has units of its own, or one
//! of them would keep the others from ever going on. No measure of time decides anything: an apply is never cut, a part
//! ends between two entries (safety L5), two answers, two timers.

/// What is done in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkKind {
    /// Committed entries into the lock machine.
    Apply,
    /// Answers to what a round has confirmed.
    Answer,
    /// What stands for sessions that attach.
    List,
    /// The timers of a new leader.
    Begin,
    /// What nobody asked for: who leads, and changes of observed locks.
    Tell,
}

/// What a turn has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    spent: [u64; KINDS],
    divisor: u64,
}

impl Work {
    /// None yet, in a turn that may do what `divisor` parts of one would.
    #[must_use]
    pub fn new(divisor: u64) -> Self {
        Self { spent: [0; KINDS], divisor }
    }

    /// Whether the turn may do more of it.
    #[must_use]
    pub fn may(&self, kind: WorkKind) -> bool {
        self.spent(kind) < (budget(kind) / self.divisor).max(1)
    }

    /// The length of a part that would have `whole` steps.
    #[must_use]
    pub fn part(&self, whole: usize) -> usize {
        (whole as u64 / self.divisor).max(1) as usize
    }

    /// Counts what was done.
    pub fn spend(&mut self, kind: WorkKind, units: u64) {
        self.spent[kind as usize] += units;
    }

    /// What was done of it.
    #[must_use]
    pub fn spent(&self, kind: WorkKind) -> u64 {
        self.spent[kind as usize]
    }

    /// What was looked at to say what stands for sessions that attach.
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

/// What a turn may do of one kind. The last step may exceed it, by as much as one step is.
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
