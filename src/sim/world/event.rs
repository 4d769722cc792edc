//! Events of a simulated world.

use crate::raft::LeaderLease;
use crate::sim::faults::{Flapping, Stillness};
use crate::sim::network::{HostId, LineId, NetworkEvent};
use crate::sim::plan::schedule::Injection;
use crate::sim::program::resource::Write;

/// One thing that happens at an instant.
#[derive(Debug)]
pub enum Event {
    /// The network's own.
    Network(NetworkEvent),
    /// A node's turn.
    Node(usize),
    /// A client's turn.
    Client(usize),
    /// A fault strikes.
    Strike(Box<Injection>),
    /// A node starts again.
    Restart(usize),
    /// Links are cut.
    Cut(Vec<(HostId, HostId)>),
    /// Links are whole again.
    Mend(Vec<(HostId, HostId)>),
    /// A node loses power for a moment.
    Lapse(usize),
    /// An operator moves leadership.
    MoveOn,
    /// Links go down and up.
    Flap(Box<Flapping>),
    /// Links are quick again, and lose nothing.
    Calm(Vec<(HostId, HostId)>),
    /// A machine stands still for so long.
    Still(HostId, Stillness, u64),
    /// The process goes on.
    Wake(HostId),
    /// A machine's clocks are slewed.
    Slew(HostId, i64),
    /// A disk has room again.
    MakeRoom(usize),
    /// A node's process, of that start, has published its claim to lead.
    Publish { slot: usize, start: u64, claim: Box<Option<LeaderLease>> },
    /// The operator asks once more.
    AskAgain(LineId),
    /// The operator gives up.
    EndOrder(LineId),
    /// A visitor leaves.
    EndVisit(LineId),
    /// A stranger leaves.
    EndStranger(LineId),
    /// A node that was removed is shut down for good.
    Retire(usize),
    /// A new process in a client's place.
    NewClient(usize),
    /// A write reaches the resource.
    Write(Box<Write>),
    /// Is every session of this client's process gone? It ended at `since`.
    Inspect { client: Box<str>, since: u64 },
    /// An operator looks whether the next node may be told to stop.
    Work,
    /// Clients come that ask for very much.
    Crowd,
    /// Machines are on time again.
    OnTime,
    /// An operator changes who may what.
    Rights,
    /// The cluster is restored from a snapshot.
    Restore,
    /// The faults end: a core is healed.
    Core,
    /// The connections of a node out of the core break.
    Break(usize),
    /// Programs come to their end.
    Finish,
    /// Has everybody come to rest?
    Verdict,
}

// Events are moved more than once, so they stay small.
const _: () = assert!(size_of::<Event>() <= 40);
