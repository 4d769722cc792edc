//! Hand-overs of leadership, when a program resigns and before a node stops; and the end of a
//! removed node.
//!
//! Leadership reads 0 from the beginning, so no claim has to run out (C3); consensus does the rest.

use crate::base::Sample;
use crate::base::error::{Error, Status};
use crate::node::commands::Command;
use crate::node::event_loop::EventLoop;
use crate::raft::{LeaseTold, Role};
use crate::server::Input;
use crate::wal::Disk;
use crossbeam_channel::Sender;
use std::time::Duration;

/// The departure under way.
#[derive(Debug, Default)]
pub(super) enum Departure {
    /// Nothing.
    #[default]
    Staying,
    /// A program resigned, and waits for the answer.
    Resigning(Sender<Result<(), Error>>),
    /// The node stops once another one leads, or none will.
    Stopping { since: Sample, led: Role },
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    Stop,
}

impl<D: Disk> EventLoop<D> {
    /// Handles a command.
    pub(super) fn handle_command(&mut self, command: Command, now: &Sample) {
        match command {
            Command::Stop if matches!(self.departure, Departure::Stopping { .. }) => {}
            Command::Stop => {
                self.answer_resigning(Err(Status::Closed.into()));
                let led = self.server.role();
                self.departure = Departure::Stopping { since: *now, led };
                self.depart(None);
            }
            Command::HandOver { to, reply } => {
                let refused = match &self.departure {
                    Departure::Staying if self.server.role() == Role::Leader => None,
                    Departure::Staying => Some("this node does not lead"),
                    Departure::Resigning(_) => Some("leadership is being handed over already"),
                    Departure::Stopping { .. } => Some("the node is being stopped"),
                };
                if let Some(why) = refused {
                    let _ = reply.send(Err(Error::new(Status::Lost, why)));
                    return;
                }
                self.departure = Departure::Resigning(reply);
                self.depart(to);
            }
            Command::Secure { secured, reply } => {
                self.network.renew(*secured);
                let _ = reply.send(());
            }
            Command::Resolved { peer, name, found } => {
                self.network.peers.handle_resolved(peer, &name, found, now.boot());
            }
        }
    }

    /// After a turn: a removed leader learns its removal from its own log, since nobody may be
    /// there to tell it. It stays a while, for messages to its successor and its clients.
    pub(super) fn check_dismissal(&mut self, now: &Sample) -> Result<(), Error> {
        let Some(text) = self.server.dismissal() else { return Ok(()) };
        let since = *self.dismissed.get_or_insert(*now);
        if now.elapsed_lo(&since) < LINGER_MAX {
            return Ok(());
        }
        Err(Error::new(Status::Denied, text))
    }

    /// After a turn: answers a departure that is decided, and says whether the loop ends here.
    pub(super) fn advance_departure(&mut self, now: &Sample) -> Flow {
        let Some(replica) = self.server.replica() else {
            return match self.departure {
                Departure::Stopping { .. } => Flow::Stop,
                _ => Flow::Continue,
            };
        };
        let raft = replica.raft();
        let leads = raft.role() == Role::Leader;
        let is_under_way = leads && raft.is_transferring();
        match &self.departure {
            Departure::Staying => Flow::Continue,
            Departure::Resigning(_) if is_under_way => Flow::Continue,
            Departure::Resigning(_) => {
                let failed = || {
                    let text = "no other node took over: this one leads on";
                    Err(Error::new(Status::Unavailable, text))
                };
                self.answer_resigning(if leads { failed() } else { Ok(()) });
                Flow::Continue
            }
            Departure::Stopping { led, .. } if *led != Role::Leader => Flow::Stop,
            Departure::Stopping { since, .. } => {
                // Stay until clients were told the next leader.
                let is_known = leads || raft.leader().is_some();
                let is_over = now.elapsed_lo(since) >= LINGER_MAX;
                if !is_under_way && is_known || is_over { Flow::Stop } else { Flow::Continue }
            }
        }
    }

    /// Begins a departure: leadership reads 0 while it lasts.
    fn depart(&mut self, to: Option<crate::base::NodeId>) {
        self.post();
        if self.server.role() == Role::Leader {
            self.inputs.push(Input::HandOver { to, claim: LeaseTold::Ended });
        }
    }

    fn answer_resigning(&mut self, result: Result<(), Error>) {
        if let Departure::Resigning(reply) = std::mem::take(&mut self.departure) {
            // The program may have stopped waiting.
            let _ = reply.send(result);
        }
    }
}

/// How long an ending node waits for another leader.
const LINGER_MAX: Duration = Duration::from_secs(1);
