//! The loop of a node: wait, read all input, one step of the server, send.

use crate::admin::Teller;
use crate::base::Sample;
use crate::base::error::{Error, Status};
use crate::base::meters::Meters;
use crate::node::board::{Board, End};
use crate::node::commands::Command;
use crate::node::config::check_address;
use crate::node::departure::{Departure, Flow};
use crate::node::elections::Seen;
use crate::node::network::Network;
use crate::node::publishing::Publishing;
use crate::raft::LeaseTold;
use crate::server::{Input, Reach, Server, ServerError};
use crate::sys::clock;
use crate::wal::{Disk, DiskError, WalError};
use crossbeam_channel::{Receiver, Sender};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The state of the thread `tenure-node`.
#[derive(Debug)]
pub(super) struct EventLoop<D: Disk> {
    pub(super) server: Server<D>,
    pub(super) network: Network,
    pub(super) commands: Receiver<Command>,
    pub(super) board: Arc<Board>,
    pub(super) inputs: Vec<Input>,
    pub(super) departure: Departure,
    /// The reach that the network was told; `None` until there is a cluster.
    pub(super) reach: Option<Reach>,
    /// Since when this node knows of its removal.
    pub(super) dismissed: Option<Sample>,
    pub(super) meters: Arc<Meters>,
    /// The loop's side of the admin endpoint's mailbox, if there is one.
    pub(super) teller: Option<Teller>,
    pub(super) publishing: Publishing,
    /// Certificate files are watched until this is dropped.
    pub(super) _watch: Option<Sender<()>>,
}

impl<D: Disk> EventLoop<D> {
    /// Runs until it is stopped or cannot go on. Leadership reads 0 before the sockets are closed, and
    /// nothing unwinds out of here: the host lives (W2).
    pub(super) fn run(mut self) {
        let end = match catch_unwind(AssertUnwindSafe(|| self.run_turns())) {
            Ok(Ok(())) => End::Stopped,
            Ok(Err(error)) => End::Failed(error),
            Err(panic) => End::Failed(panic_error(panic.as_ref())),
        };
        if let End::Failed(error) = &end {
            log::error!("the node has ended: {error}");
        }
        self.meters.now.end();
        if let Some(teller) = &self.teller {
            teller.end(match &end {
                End::Stopped => "it was stopped".to_owned(),
                End::Failed(error) => error.to_string(),
            });
        }
        self.board.post_end(end);
    }

    fn run_turns(&mut self) -> Result<(), Error> {
        self.follow_membership()?;
        loop {
            self.board.count_turn();
            self.post();
            self.publish();
            let are_waited_for =
                self.server.waits_for_peers() || self.network.claim == LeaseTold::Standing;
            self.network.hear_peers(are_waited_for, clock::boot_nanos());
            self.network.wait(self.server.next_deadline()).map_err(|error| {
                let text = format!("waiting for sockets has failed: {error}");
                Error::new(Status::Internal, text).because_of(error)
            })?;
            let now = clock::sample();
            while let Ok(command) = self.commands.try_recv() {
                self.handle_command(command, &now);
            }
            self.network.collect(&self.server, &mut self.inputs);
            self.server.step(&mut self.inputs, &mut self.network).map_err(error_of)?;
            self.network.flush_links();
            self.follow_membership()?;
            let now = clock::sample();
            if self.advance_departure(&now) == Flow::Stop {
                return Ok(());
            }
            self.check_dismissal(&now)?;
        }
    }

    /// Follows changes of the members: whom to dial, and whether this node is still one.
    fn follow_membership(&mut self) -> Result<(), Error> {
        if let Some(text) = self.network.dismissed.take() {
            return Err(Error::new(Status::Denied, text));
        }
        let reach = self.server.reach();
        // Also once a removal is committed: a former member that reconnected before was admitted,
        // and nobody would ever tell it of its removal. Now its connection is closed, and its next
        // hello is refused with the reason.
        if reach != self.reach {
            if self.reach.is_none() {
                self.network.send_clients_away(&mut self.inputs);
            }
            self.say_who_is_asked(self.reach, reach);
            self.reach = reach;
            let server = &self.server;
            self.board.post_endpoints(endpoints_of(server));
            self.network.set_peers(&server.peers(), |peer| server.may_stay(peer));
        }
        Ok(())
    }

    /// Logs why this node dials others than the members of its log.
    fn say_who_is_asked(&self, before: Option<Reach>, after: Option<Reach>) {
        let asks = |reach: Option<Reach>| reach.is_some_and(|reach| reach.asks_configured);
        if !asks(after) || asks(before) {
            return;
        }
        let asked: Vec<String> = self.server.peers().into_iter().map(|(_, at)| at).collect();
        let asked = asked.join(", ");
        if self.server.is_removed_by_log() {
            log::warn!(
                "the log of this node says that it was removed from the cluster: asking whether that is so at \
                 {asked}"
            );
        } else if self.server.is_member_by_log() {
            log::warn!("no leader is known for a while: looking for one at {asked}");
        }
    }

    /// Posts the leadership after the turn. A claim is posted only once a program has asked for
    /// one: until then there is none to wait for when leadership is handed over (C3).
    pub(super) fn post(&mut self) {
        let Some(replica) = self.server.replica() else { return };
        let (raft, now) = (replica.raft(), clock::sample());
        let seen = Seen {
            role: raft.role(),
            term: raft.term(),
            leader: raft.leader(),
            changes: raft.leader_changes(),
        };
        if let Some(often) = self.network.elections.see(&now, seen) {
            log::warn!("{often}");
        }
        let stays = matches!(self.departure, Departure::Staying);
        if self.board.is_asked() {
            self.network.claim = LeaseTold::Standing;
        }
        let may_claim = stays && self.network.claim == LeaseTold::Standing;
        let lease = if may_claim { raft.leader_lease(&now) } else { None };
        self.board.post(self.server.leader_token(), raft.term(), raft.leader(), lease, &now);
    }
}

/// The error of a directory that cannot be used.
pub(super) fn disk_error(error: DiskError) -> Error {
    Error::new(disk_status(&error), error.to_string()).because_of(error)
}

/// The status of a disk's error.
fn disk_status(error: &DiskError) -> Status {
    match error {
        DiskError::NoSpace(_) | DiskError::Io(_) => Status::Io,
        DiskError::Exhausted(_) => Status::Limit,
        DiskError::Unusable(_) => Status::Denied,
    }
}

/// An endpoint list for clients, without addresses that cannot be dialed.
pub(super) fn endpoints_of<D: Disk>(server: &Server<D>) -> String {
    let mut endpoints = server.endpoints();
    endpoints.retain(|address| check_address(address).is_ok());
    endpoints.join(",")
}

/// The error of a server that cannot start or go on.
pub(super) fn error_of(error: ServerError) -> Error {
    let status = match &error {
        ServerError::Wal(WalError::Disk(error)) => disk_status(error),
        ServerError::Wal(WalError::Corrupt(_)) | ServerError::Fatal(_) => Status::Corrupt,
        ServerError::Wal(WalError::Foreign(_)) | ServerError::Config(_) => Status::Invalid,
        ServerError::Newer(_) => Status::Unsupported,
    };
    Error::new(status, error.to_string()).because_of(error)
}

/// The error of a bug.
pub(super) fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic");
    Error::new(Status::Internal, format!("a bug in Tenure, please report it: {what}"))
}

#[cfg(test)]
mod tests;
