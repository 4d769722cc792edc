//! Rare paths that runs must reach, by name, counted from outside of the production code: from messages, from
//! what is committed, from states, disks and clients. A range of seeds that reaches few of them proves little.

mod log;
mod messages;
mod nodes;

pub use log::{mark_command, mark_effects};
pub use messages::mark_outgoing;
pub use nodes::NodeWatch;

macro_rules! marks {
    ($($name:ident = $words:literal,)*) => {
        /// A rare path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mark {
            $(#[doc = $words] $name,)*
        }

        /// Each path in words, in the order of [`Mark`].
        pub const NAMES: &[&str] = &[$($words,)*];
    };
}

marks! {
    // Elections.
    PreVoteRefused = "a pre-vote is refused",
    VoteRefused = "a vote is refused",
    PreCandidacyEnds = "a pre-candidate follows again",
    CandidacyFails = "a candidate is not elected in its term",
    CandidateGivesWay = "a candidate follows another in its own term",
    TermJumps = "a node's term rises by three or more at once",
    LeaderDeposed = "a leader hears of a later term",
    LeaderStepsDown = "a leader steps down in its own term",
    TwoLeaders = "two nodes lead at once, in different terms",
    ElectedWithTail = "a leader is elected with entries of others that are not committed",
    EarlierTermCommitted = "entries of an earlier term are committed by a later leader",
    // Logs.
    AppendRefused = "an append is refused",
    AppendEmpty = "an append without entries",
    AppendLong = "an append of eight entries or more",
    AppendOfTwoTerms = "an append with entries of two terms",
    AppendOfEarlierTerm = "an append with entries of an earlier term alone",
    LogTruncated = "a follower's log is shortened",
    FollowerFarBehind = "a follower is twenty entries behind a commit",
    NothingDurableAhead = "a follower learns of a commit before its own sync",
    // Leader leases.
    ClaimBegins = "a leader lease begins",
    ClaimWaits = "a leader that answers may not claim yet",
    ClaimEnds = "a leader publishes that it claims no more",
    ClaimLapses = "a leader's claim runs out while it leads",
    // The lock machine.
    WithdrawalFirst = "a withdrawal is logged before its acquire",
    WithdrawalOfGrant = "a withdrawal takes back a grant",
    WithdrawalOfPlace = "a withdrawal takes a place in a queue",
    WithdrawalLate = "a withdrawal finds its acquire ended",
    RequestTwice = "a request is in the log twice",
    RequestOfTheDead = "a request of a dead session is in the log",
    ExpiryOfTheDead = "an expiry finds its session gone",
    ExpiryHandsOver = "an expiry hands a lock to a waiter",
    ExpiryOfTwoLocks = "an expiry frees two locks",
    ExpiryOfWaiter = "an expiry takes a place in a queue",
    CloseHandsOver = "a close hands a lock to a waiter",
    QueueOfFive = "a queue of five",
    EndsInParts = "a session ends in parts",
    HandedOnInParts = "a lock is handed over in parts",
    BrokenInParts = "a break of all who hold a lock goes on in parts",
    GoneOnByAnother = "a new leader goes on with what entries have left",
    // Kinds of lock.
    WriterBehindReaders = "a writer waits behind readers",
    ReaderBehindWriter = "a reader waits behind a writer that waits",
    ReadersHandedOn = "several readers are let in at once",
    SmallBehindLarge = "a request for which there are permits waits behind a larger one",
    PermitsHandedOn = "permits that come free go to two waiters",
    TwoNamesWait = "one who asks for two locks waits",
    TwoNamesHandedOn = "one who waits for two locks is granted both at once",
    OtherKindRefused = "an acquire is refused, since others have the lock as another kind, or its owner in another way",
    DeadlockFound = "a wait is refused, since it would be for ever",
    DelayBegins = "an expiry leaves a delay",
    DelayHandsOver = "the end of a delay hands a lock to a waiter",
    Taken = "a lock is taken at once",
    TakenForAnother = "a lock is taken at once for one who waits behind others",
    Transferred = "a holder hands its lock to a waiter",
    TransferOvertakes = "a holder hands its lock to one who waits behind others",
    HeirOvertakes = "what was asked for has ended, and goes to one who waits behind others",
    // Builds.
    OldLeads = "a node of an older build leads newer ones",
    NewLeads = "a node of a newer build leads older ones",
    StrangerRefused = "somebody says that it is a peer, and is refused",
    MemberProved = "a node that is not known yet proves that it is a member",
    OlderHello = "a node says the hello of 0.1.0 to one that does not know the newer",
    OlderRefused = "a node of an older build is refused for the level of the cluster",
    LevelRaised = "the level of the lock machine rises",
    TakenBack = "a node goes back to an older build",
    SaidConflict = "a request is refused, since its id was used for another",
    // Answers.
    SaidHeld = "a try is told who holds it",
    SaidBelowFloor = "a request is refused as forgotten",
    SaidLimit = "a request is refused for want of room",
    SessionRefused = "a session is refused",
    SessionEnded = "a client is told that its session ended",
    AttachedAgain = "a session attaches at another leader or connection",
    StandingRepeated = "a standing grant is told again to who attaches",
    LeaderUnknown = "a client is told that nobody leads",
    AskedToEnd = "a holder is asked to end",
    AskedAgain = "who attaches is told again what it is asked to end",
    ToldTaken = "a holder is told that its lock was taken",
    ObserverCatchesUp = "an observer that comes back is told what it missed",
    ObserverGap = "an observer that comes back is told that it missed something",
    SilenceAsked = "a silent connection is asked whether anybody is there",
    // Disks.
    SegmentBegun = "a log goes on to its next segment",
    WriteTorn = "a power cut keeps a part of what was not synced",
    NameLost = "a power cut loses a change of names",
    StartCrashed = "a start is hit in the middle",
    SyncCrashed = "a process is hit at a sync",
    WriteFailed = "a write fails",
    SyncFailed = "a sync fails",
    SyncForgotten = "a sync fails and is forgotten",
    NoSpace = "a node ends for want of room",
    SpareRefused = "there is no room for a spare segment",
    ShortOfRoom = "what a leader sends does not fit into a log",
    HandedForRoom = "a leader whose log cannot go on hands over to one that has room",
    DamageRefused = "a damaged directory is refused",
    // Members.
    JointEntered = "a joint membership is committed",
    JointLeft = "a joint membership is left",
    Promoted = "a learner is promoted",
    JointLeftByAnother = "a new leader leaves a joint membership",
    PromotedLeads = "a node that was added leads",
    LeaderRemoved = "a leader's own removal or demotion is committed",
    DirectoryBound = "a new member is bound to its directory",
    MembersTruncated = "a membership is cut off with the end of a log",
    EmptiedRefused = "an emptied directory is refused",
    RestoreOver = "the wait of a restored cluster ends",
    RestoredAgain = "a cluster is restored a second time",
    GoneOver = "a client goes over to a restored cluster",
    // Transfers.
    TransferRelinquishes = "a successor is told behind a Relinquish",
    TransferPlain = "a successor is told without a Relinquish",
    TransferAborted = "a transfer is given up",
    TransferLate = "a successor is told too late",
    ClaimBehindRelinquish = "a claim begins at once behind a Relinquish",
    // Snapshots.
    SnapshotMade = "a snapshot is made",
    SnapshotRefused = "there is no room for a snapshot",
    SnapshotBroken = "a process ends while a snapshot is being stored",
    SnapshotSent = "a part of a snapshot is sent",
    InstallResetsLog = "a leader's snapshot is installed, and the log begins anew",
    InstallStored = "a snapshot that is sent is said to be there already",
    SegmentRemoved = "compaction removes a segment",
    InstallInterrupted = "a process ends while it is sent a snapshot",
    InstallResumed = "a snapshot is sent on from where it was",
    // Clients.
    BeliefEndsFirst = "a client's belief ends while its session lives at the servers",
    TakenUnheard = "a client learns from what is not said that its grant was taken",
    Stalled = "a session ends, since its program did not say that it moves",
    HandleReleased = "one of several handles on a grant is released",
    HandleWithdrawn = "one of several handles on a grant is withdrawn",
    GrantTooLate = "a grant is seen when belief is over",
    HeldAgain = "an owner acquires what it holds",
    StaleWrite = "the resource refuses a stale token",
    PauseOutlivesLease = "a client stops, and its lease is over when it goes on",
    ClosedWithCalls = "a client closes while calls are undecided",
    // The network.
    LineGivenUp = "a machine gives up a connection",
    DialRefused = "a dial is refused",
    Replayed = "a frame comes once more on a later connection",
    CutHealed = "held-back bytes arrive when a cut heals",
}

/// How often each was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks(Vec<u64>);

impl Marks {
    /// No path reached yet.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![0; NAMES.len()])
    }

    /// How often it was reached.
    #[must_use]
    pub fn of(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }

    /// Counts one.
    pub fn hit(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }

    /// Counts `count`.
    pub fn add(&mut self, mark: Mark, times: u64) {
        self.0[mark as usize] += times;
    }

    /// Once more if so.
    pub fn hit_if(&mut self, condition: bool, mark: Mark) {
        self.0[mark as usize] += u64::from(condition);
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, more)| *own += more);
    }

    /// Each with its count, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.iter().copied().zip(self.0.iter().copied())
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(NAMES.len() >= 85);
