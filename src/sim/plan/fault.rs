//! The kinds of fault that a seed can have on.

/// A kind of fault. Most strike at instants that the seed has drawn; [`Fault::stands`] are there all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A node's process is killed; its page cache survives.
    Kill,
    /// A node's machine loses power, and what was not synced.
    PowerCut,
    /// All nodes lose power at once.
    PowerCutOfAll,
    /// A process is hit between two operations of a step.
    CrashInside,
    /// A node and others hear nothing of each other.
    Cut,
    /// One direction of it.
    OneWayCut,
    /// A link goes down and up again about as often as elections are held.
    Flap,
    /// The leader loses its peers, who are told at once, and keeps its clients.
    LoneLeader,
    /// Messages between two machines take long.
    Slow,
    /// Packets between two machines are lost, and sent again later.
    Loss,
    /// A connection is reset, at both ends or at one.
    Reset,
    /// Frames of an earlier connection come once more on the present one.
    Replay,
    /// A node's process stops while its clocks run.
    Pause,
    /// A node's process may stop between any two operations of a step.
    PauseInside,
    /// A machine sleeps.
    Suspend,
    /// NTP slews a machine's clocks.
    Slew,
    /// A hypervisor stops a guest, clocks and all: ρ does not hold, and only tokens protect.
    Hypervisor,
    /// A disk answers nothing for a while.
    DiskStall,
    /// A write fails, or a sync: the data stays in the page cache, to be written by a later sync.
    DiskError,
    /// A sync fails, and the kernel believes the pages clean: the next sync succeeds without them.
    FailedSyncForgotten,
    /// A disk has no room for new files, for a while.
    DiskFull,
    /// The sync of a directory says that it succeeded, and the newest rename is not durable (ST25).
    LostRename,
    /// A bit of a synced record in the middle of a log flips, on a minority of disks.
    Rot,
    /// A voter's disk is exchanged for an empty one, on a minority.
    Emptied,
    /// A client's process stops.
    ClientPause,
    /// A client's process may stop between any two parts of a step.
    ClientPauseInside,
    /// A client and the nodes hear nothing of each other.
    ClientCut,
    /// Messages of nodes to a client take long, and then do not arrive at all.
    Fading,
    /// An operator changes the members.
    Members,
    /// An operator moves leadership.
    MoveLeader,
    /// A program gives leadership up.
    Resign,
    /// An operator saves a snapshot.
    SaveSnapshot,
    /// Somebody comes whose client is not ours.
    Visitor,
    /// The cluster began with nodes of an older build, and an operator replaces their programs, one by one.
    Upgrade,
    /// Somebody says that it is a peer, and is no member.
    Stranger,
}

impl Fault {
    /// Whether somebody does it on purpose: such things happen more often.
    #[must_use]
    pub fn is_order(self) -> bool {
        matches!(
            self,
            Self::Members
                | Self::MoveLeader
                | Self::Resign
                | Self::SaveSnapshot
                | Self::Visitor
                | Self::Upgrade
                | Self::Stranger
        )
    }

    /// Whether it is there all the time, rather than at instants.
    #[must_use]
    pub fn stands(self) -> bool {
        matches!(self, Self::PauseInside | Self::ClientPauseInside | Self::LostRename)
    }

    /// One in so many seeds has it on.
    #[must_use]
    pub fn rarity(self) -> u64 {
        match self {
            // Beliefs may overlap there, so most seeds must not have it.
            Self::Hypervisor => 8,
            // The fault takes a node out of the run for good.
            Self::Rot | Self::Emptied => 4,
            _ => 2,
        }
    }
}

/// All of them.
pub const ALL: [Fault; 35] = [
    Fault::Kill,
    Fault::PowerCut,
    Fault::PowerCutOfAll,
    Fault::CrashInside,
    Fault::Cut,
    Fault::OneWayCut,
    Fault::Flap,
    Fault::LoneLeader,
    Fault::Slow,
    Fault::Loss,
    Fault::Reset,
    Fault::Replay,
    Fault::Pause,
    Fault::PauseInside,
    Fault::Suspend,
    Fault::Slew,
    Fault::Hypervisor,
    Fault::DiskStall,
    Fault::DiskError,
    Fault::FailedSyncForgotten,
    Fault::DiskFull,
    Fault::LostRename,
    Fault::Rot,
    Fault::Emptied,
    Fault::ClientPause,
    Fault::ClientPauseInside,
    Fault::ClientCut,
    Fault::Fading,
    Fault::Members,
    Fault::MoveLeader,
    Fault::Resign,
    Fault::SaveSnapshot,
    Fault::Visitor,
    Fault::Upgrade,
    Fault::Stranger,
];
