//! Publishes after each turn: the meters, and the status if it was asked for.

use crate::admin::Told;
use crate::base::NodeId;
use crate::base::meters::{LinkKind, Meters};
use crate::node::event_loop::EventLoop;
use crate::node::network::Network;
use crate::node::secured::Secured;
use crate::raft::{Raft, Role};
use crate::replica::Replica;
use crate::sys::{clock, tcp};
use crate::wal::Disk;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// State of what is not published in each turn. Instants are readings of BOOTTIME.
#[derive(Debug, Default)]
pub(super) struct Publishing {
    /// Role, term and leader when a status was volunteered last.
    seen: Option<(Role, u64, Option<NodeId>)>,
    /// When the round trips were last measured.
    round_trips_at: u64,
}

impl<D: Disk> EventLoop<D> {
    /// Publishes after a turn.
    pub(super) fn publish(&mut self) {
        if let Some(replica) = self.server.replica() {
            let now = self.network.now;
            let refreshes = now >= self.publishing.round_trips_at + ROUND_TRIPS_NANOS;
            if refreshes {
                self.publishing.round_trips_at = now;
            }
            publish_replica(&self.meters, replica);
            publish_peers(&self.meters, replica.raft(), &self.network, refreshes);
        }
        self.network.publish(&self.meters, self.server.replica().map(Replica::raft));
        let Some(teller) = &self.teller else { return };
        let leadership = self.server.replica().map(|replica| {
            let raft = replica.raft();
            (raft.role(), raft.term().0, raft.leader())
        });
        // So the status of a loop that has stopped turning is at least that of its last change.
        if leadership != self.publishing.seen {
            self.publishing.seen = leadership;
            teller.volunteer();
        }
        let (server, network) = (&self.server, &self.network);
        teller.tell(|| {
            let now = clock::sample();
            Told { at: now.boot(), status: network.completed(server.status(&now)) }
        });
    }
}

fn publish_replica(meters: &Meters, replica: &Replica) {
    let (raft, machine) = (replica.raft(), replica.machine());
    meters.has_leader.set(u64::from(raft.leader().is_some()));
    meters.is_leader.set(u64::from(raft.role() == Role::Leader));
    meters.term.set(raft.term().0);
    meters.commit.set(raft.commit().0);
    meters.applied.set(replica.applied().0);
    meters.level.set(u64::from(machine.level()));
    meters.log_bytes.set(raft.log_bytes());
    meters.snapshot_bytes.set(raft.snapshot().map_or(0, |it| it.data.len()));
    meters.state_bytes.set(machine.state_bytes());
    meters.sessions.set(machine.session_count() as u64);
    meters.locks.set(machine.held_count() as u64);
    meters.waiters.set(machine.waiting_count() as u64);
    meters.observers.set(replica.observer_count() as u64);
    meters.refused_messages.reach(raft.refused_messages());
    meters.lease_gaps.reach(raft.lease_gaps());
    for (counter, count) in meters.leader_changes.iter().zip(raft.leader_changes_by_reason()) {
        counter.reach(*count);
    }
}

/// Publishes the progress of followers, which only a leader knows.
fn publish_peers(meters: &Meters, raft: &Raft, network: &Network, refreshes: bool) {
    let last = raft.last_index().0;
    let mut places = meters.peers.iter();
    for ((peer, matched), place) in raft.matched().zip(&mut places) {
        let is_same = place.node.value() == peer.0;
        let round_trip = match is_same && !refreshes {
            true => place.round_trip.value(),
            false => network.round_trip(peer).map_or(0, nanos),
        };
        place.take(Some(peer), last.saturating_sub(matched.0), round_trip);
    }
    places.for_each(|place| place.take(None, 0, 0));
}

impl Network {
    fn publish(&self, meters: &Meters, raft: Option<&Raft>) {
        let clients = self.links.client_count();
        let members = raft.map_or(&[][..], |raft| raft.membership().1.members());
        let standing = |node: NodeId| self.peers.standing(node).is_some();
        let peers = members.iter().filter(|member| standing(member.node)).count();
        let others = self.links.len().saturating_sub(clients + peers);
        let counts =
            [(LinkKind::Client, clients), (LinkKind::Peer, peers), (LinkKind::Greeting, others)];
        for (kind, count) in counts {
            meters.connections[kind as usize].set(count as u64);
        }
        let secured = self.handshakes.secured.as_ref();
        meters.certificate_ends.set(secured.and_then(Secured::not_after).unwrap_or(0));
        meters.refused_connections.reach(self.complaints.count());
    }

    /// The round-trip time to `peer` that the system has measured for TCP.
    fn round_trip(&self, peer: NodeId) -> Option<Duration> {
        let link = self.links.link(self.peers.standing(peer)?)?;
        tcp::round_trip(link.connection.as_raw_fd())
    }
}

fn nanos(duration: Duration) -> u64 {
    crate::base::time::nanos(duration)
}

/// How often round trips are measured: a system call for each peer.
const ROUND_TRIPS_NANOS: u64 = 1_000_000_000;
