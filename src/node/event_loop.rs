//! The loop of a node: wait, read all that came, one step of the server, send.

use crate::base::error::{Error, Status};
use crate::node::board::{Board, End};
use crate::node::commands::Command;
use crate::node::network::Network;
use crate::server::{Input, Server, ServerError};
use crate::sys::clock;
use crate::wal::{Disk, WalError};
use crossbeam_channel::Receiver;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// All that the thread `tenure-node` owns.
#[derive(Debug)]
pub(super) struct EventLoop<D: Disk> {
    pub(super) server: Server<D>,
    pub(super) network: Network,
    pub(super) commands: Receiver<Command>,
    pub(super) board: Arc<Board>,
    pub(super) inputs: Vec<Input>,
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
        self.board.post_end(end);
    }

    fn run_turns(&mut self) -> Result<(), Error> {
        loop {
            self.post();
            self.network.wait(self.server.next_deadline()).map_err(|error| {
                Error::new(Status::Internal, format!("waiting for sockets has failed: {error}"))
            })?;
            while let Ok(command) = self.commands.try_recv() {
                match command {
                    Command::Stop => return Ok(()),
                    Command::Resolved { peer, found } => {
                        self.network.peers.handle_resolved(peer, found, clock::boot_nanos());
                    }
                }
            }
            self.network.collect(&self.server, &mut self.inputs);
            self.server.step(&mut self.inputs, &mut self.network).map_err(error_of)?;
            self.network.flush_links();
        }
    }

    /// Posts leadership as it is after the turn.
    fn post(&self) {
        let Some(replica) = self.server.replica() else { return };
        let (raft, now) = (replica.raft(), clock::sample());
        self.board.post(raft.term(), raft.leader(), raft.leader_lease(&now), &now);
    }
}

/// What programs are told when a server cannot start or go on.
pub(super) fn error_of(error: ServerError) -> Error {
    let status = match &error {
        ServerError::Wal(WalError::Disk(_)) => Status::Io,
        ServerError::Wal(WalError::Corrupt(_)) | ServerError::Fatal(_) => Status::Corrupt,
        ServerError::Wal(WalError::Foreign(_)) | ServerError::Config(_) => Status::Invalid,
    };
    Error::new(status, error.to_string())
}

fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic");
    Error::new(Status::Internal, format!("a bug in Tenure, please report it: {what}"))
}

#[cfg(test)]
mod tests;
