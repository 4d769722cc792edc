//! Simulated TCP between machines: lines that keep their order, delays, cuts, resets and silence.
//!
//! A cut holds bytes back, as retransmission does; they arrive after it heals, or the sender gives up. Bytes
//! are lost only with their line, and come twice only because somebody sent them again on the next one. A
//! process that ends closes its lines, and the other side hears of it; a machine that loses power says
//! nothing, and answers with a reset once it is back.

pub mod lines;
pub mod links;
pub mod replay;
mod side;

pub use side::Side;

use crate::sim::network::lines::Lines;
use crate::sim::network::links::Links;
use crate::sim::network::replay::History;
use std::collections::{BTreeSet, VecDeque};

/// A machine: nodes first, then clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(pub usize);

/// One connection, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineId(pub u64);

/// An arrival at one end of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The dial succeeded.
    Accepted,
    /// Nobody listens there.
    Refused,
    /// Bytes of the stream.
    Bytes(Vec<u8>),
    /// The other side closed or reset it.
    ClosedByPeer,
    /// Something on the way says that the other side reset it.
    Reset,
    /// The system of this side gave up.
    TimedOut,
}

impl Arrival {
    /// How many bytes it brings.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        if let Self::Bytes(bytes) = self { bytes.len() as u64 } else { 0 }
    }
}

/// Instants at which the network wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// Something may arrive at `side`.
    Deliver { line: LineId, side: Side },
    /// A dial reaches the other machine, or is tried again.
    Dial { line: LineId, attempt: u32 },
    /// Bytes towards `side` were held back since then: the sender may give up.
    GiveUp { line: LineId, side: Side, since: u64 },
}

/// All lines and links.
#[derive(Debug)]
pub struct Network {
    links: Links,
    lines: Lines<Line>,
    listening: BTreeSet<HostId>,
    due: Vec<(u64, NetworkEvent)>,
    history: Option<History>,
    /// Pieces that were held back by a cut and went on.
    pub healed: u64,
}

#[derive(Debug)]
struct Line {
    hosts: [HostId; 2],
    open: [bool; 2],
    /// Bytes on their way to each side.
    towards: [Way; 2],
}

#[derive(Debug, Default)]
struct Way {
    delivered: u64,
    last_arrival: u64,
    queue: VecDeque<(u64, Arrival)>,
    held_since: Option<u64>,
}

impl Network {
    /// A network without lines. It remembers frames if some are to be replayed.
    #[must_use]
    pub fn new(links: Links, history: Option<History>) -> Self {
        Self {
            links,
            lines: Lines::new(),
            listening: BTreeSet::new(),
            due: Vec::new(),
            history,
            healed: 0,
        }
    }

    /// New instants to wake it at, since the last call.
    pub fn drain_due(&mut self) -> impl Iterator<Item = (u64, NetworkEvent)> + '_ {
        self.due.drain(..)
    }

    /// Begins to connect.
    pub fn dial(&mut self, at: u64, from: HostId, to: HostId) -> LineId {
        let towards = [Way::default(), Way::default()];
        let line = self.lines.open(Line { hosts: [from, to], open: [true, false], towards });
        let arrives = at + self.links.draw_delay(from, to);
        self.due.push((arrives, NetworkEvent::Dial { line, attempt: 0 }));
        line
    }

    /// A dial reaches the other machine.
    pub fn handle_dial(&mut self, now: u64, id: LineId, attempt: u32) {
        let Some(line) = self.lines.find(id) else { return };
        let [from, to] = line.hosts;
        if self.links.is_silent(from, to) || self.links.is_silent(to, from) {
            if attempt < DIAL_ATTEMPTS {
                let event = NetworkEvent::Dial { line: id, attempt: attempt + 1 };
                self.due.push((now + DIAL_RETRY_NANOS, event));
            } else {
                self.push(now, id, Side::Dialer, Arrival::TimedOut);
            }
        } else if self.listening.contains(&to) {
            self.line(id).open[Side::Acceptor as usize] = true;
            self.push(now, id, Side::Dialer, Arrival::Accepted);
        } else {
            self.push(now, id, Side::Dialer, Arrival::Refused);
        }
    }

    /// Sends `bytes` from `side`, leaving at `at`.
    pub fn send(&mut self, at: u64, line: LineId, side: Side, bytes: Vec<u8>) {
        if self.is_open(line, side) {
            let hosts = self.line(line).hosts;
            if let Some(history) = &mut self.history {
                history.record(hosts[side as usize], hosts[side.other() as usize], &bytes);
            }
            self.push(at, line, side.other(), Arrival::Bytes(bytes));
        }
    }

    /// Something that was sent from one process to another comes once more, on their present line; false
    /// if there is none. `draw` picks which pair, and then what.
    pub fn replay(&mut self, now: u64, mut draw: impl FnMut(u64) -> u64) -> bool {
        let Some(history) = &self.history else { return false };
        let pairs = history.pairs();
        let Some((from, to)) = pairs.get(draw(pairs.len() as u64) as usize) else { return false };
        let Some(bytes) = history.pick(*from, *to, draw(u64::MAX)) else { return false };
        let Some((line, towards)) = self.established(*from, *to) else { return false };
        self.push(now, line, towards, Arrival::Bytes(bytes));
        true
    }

    /// The newest line between two machines on which both have heard of each other, and the end at `to`.
    fn established(&self, from: HostId, to: HostId) -> Option<(LineId, Side)> {
        let greeted = |line: &Line| line.towards.iter().all(|way| way.delivered > 0);
        self.lines.iter().rev().find_map(|(id, line)| {
            let stands = line.open == [true, true] && greeted(line);
            let side = if line.hosts[0] == to { Side::Dialer } else { Side::Acceptor };
            let theirs = line.hosts == [from, to] || line.hosts == [to, from];
            (stands && theirs).then_some((id, side))
        })
    }

    /// The process at `host` is gone: its bytes are not retransmitted.
    pub fn forget(&mut self, host: HostId) {
        if let Some(history) = &mut self.history {
            history.forget(host);
        }
    }

    /// The process at `side` closes its end; the other one hears of it behind all that was sent.
    pub fn close(&mut self, at: u64, line: LineId, side: Side) {
        if self.is_open(line, side) {
            self.vanish(line, side);
            self.push(at, line, side.other(), Arrival::ClosedByPeer);
        }
    }

    /// The machine at `side` forgets the line and says nothing.
    pub fn vanish(&mut self, id: LineId, side: Side) {
        if let Some(line) = self.lines.find_mut(id) {
            line.open[side as usize] = false;
            let both_closed = line.open == [false, false];
            if both_closed {
                self.lines.remove(id);
            }
        }
    }

    /// The process at `side` is gone: bytes that it had sent do not arrive any more, and the other side hears of its
    /// end.
    pub fn abandon(&mut self, at: u64, id: LineId, side: Side) {
        if let Some(line) = self.lines.find_mut(id) {
            line.towards[side.other() as usize].queue.clear();
        }
        self.close(at, id, side);
    }

    /// Something on the way tells `side` that the other one reset the line; that one knows nothing of it.
    pub fn reset_towards(&mut self, now: u64, line: LineId, side: Side) {
        if self.is_open(line, side) {
            self.line(line).towards[side as usize] = Way::default();
            self.push_at(now, line, side, Arrival::Reset);
        }
    }

    /// The arrival at `side` that is due now, if any, and its machine.
    pub fn handle_deliver(
        &mut self,
        now: u64,
        id: LineId,
        side: Side,
    ) -> Option<(HostId, Arrival)> {
        let line = self.lines.find(id)?;
        let (host, from) = (line.hosts[side as usize], line.hosts[side.other() as usize]);
        let open = line.open[side as usize];
        let (at, arrival) = line.towards[side as usize].queue.front()?;
        let local = matches!(arrival, Arrival::TimedOut | Arrival::Reset);
        if *at > now {
            return None;
        }
        if !local && self.links.is_silent(from, host) {
            self.hold_back(now, id, side);
            return None;
        }
        let way = &mut self.line(id).towards[side as usize];
        way.held_since = None;
        let (_, arrival) = way.queue.pop_front().expect("looked at");
        way.delivered += u64::from(matches!(arrival, Arrival::Bytes(_)));
        if !open {
            self.push(now, id, side.other(), Arrival::ClosedByPeer);
            return None;
        }
        if !matches!(arrival, Arrival::Bytes(_) | Arrival::Accepted) {
            self.vanish(id, side);
        }
        Some((host, arrival))
    }

    /// The sender gives up if nothing went through since then.
    pub fn handle_give_up(&mut self, now: u64, id: LineId, side: Side, since: u64) {
        let Some(line) = self.lines.find_mut(id) else { return };
        if line.towards[side as usize].held_since == Some(since) {
            let sender = side.other();
            line.towards[sender as usize] = Way::default();
            if line.open[sender as usize] {
                self.push_at(now, id, sender, Arrival::TimedOut);
            }
        }
    }

    /// The links below. A caller that heals one calls [`Network::release`].
    pub fn links(&mut self) -> &mut Links {
        &mut self.links
    }

    /// Undoes one cut.
    pub fn mend(&mut self, now: u64, from: HostId, to: HostId) {
        self.links.mend(from, to);
        self.release(now);
    }

    /// All links are as at the start.
    pub fn heal(&mut self, now: u64) {
        self.links.heal();
        self.release(now);
    }

    /// The machine is back.
    pub fn power_on(&mut self, now: u64, host: HostId) {
        self.links.power_on(host);
        self.release(now);
    }

    /// The most bytes that are on their way to one end of a line.
    #[must_use]
    pub fn bytes_on_one_way(&self) -> usize {
        let bytes = |way: &Way| {
            let lengths = way.queue.iter().map(|(_, arrival)| match arrival {
                Arrival::Bytes(bytes) => bytes.len(),
                _ => 0,
            });
            lengths.sum::<usize>()
        };
        self.lines.iter().flat_map(|(_, line)| &line.towards).map(bytes).max().unwrap_or(0)
    }

    /// A process accepts connections at `host`.
    pub fn listen(&mut self, host: HostId) {
        self.listening.insert(host);
    }

    /// It does so no more.
    pub fn stop_listening(&mut self, host: HostId) {
        self.listening.remove(&host);
    }

    /// Lines of which `host` has an open end.
    #[must_use]
    pub fn lines_of(&self, host: HostId) -> Vec<(LineId, Side)> {
        let mut lines = Vec::new();
        for (id, line) in self.lines.iter() {
            for side in [Side::Dialer, Side::Acceptor] {
                if line.hosts[side as usize] == host && line.open[side as usize] {
                    lines.push((id, side));
                }
            }
        }
        lines
    }

    /// The machine at the other end of `side`.
    #[must_use]
    pub fn other_host(&self, line: LineId, side: Side) -> Option<HostId> {
        self.lines.find(line).map(|line| line.hosts[side.other() as usize])
    }

    fn is_open(&self, line: LineId, side: Side) -> bool {
        self.lines.find(line).is_some_and(|line| line.open[side as usize])
    }

    fn line(&mut self, id: LineId) -> &mut Line {
        self.lines.find_mut(id).expect("a line that stands")
    }

    fn push(&mut self, at: u64, id: LineId, towards: Side, arrival: Arrival) {
        let Some(line) = self.lines.find(id) else { return };
        let [from, to] = [line.hosts[towards.other() as usize], line.hosts[towards as usize]];
        let arrives = at + self.links.draw_delay(from, to);
        self.push_at(arrives, id, towards, arrival);
    }

    fn push_at(&mut self, arrives: u64, id: LineId, towards: Side, arrival: Arrival) {
        let way = &mut self.line(id).towards[towards as usize];
        let arrives = arrives.max(way.last_arrival + 1);
        way.last_arrival = arrives;
        way.queue.push_back((arrives, arrival));
        self.due.push((arrives, NetworkEvent::Deliver { line: id, side: towards }));
    }

    fn hold_back(&mut self, now: u64, id: LineId, side: Side) {
        let patience = self.links.draw_patience();
        let way = &mut self.line(id).towards[side as usize];
        if way.held_since.is_none() {
            way.held_since = Some(now);
            self.due.push((now + patience, NetworkEvent::GiveUp { line: id, side, since: now }));
        }
    }

    /// Retransmits bytes that were held back, wherever nothing is in their way now.
    pub fn release(&mut self, now: u64) {
        let mut held = Vec::new();
        for (id, line) in self.lines.iter() {
            for side in [Side::Dialer, Side::Acceptor] {
                if line.towards[side as usize].held_since.is_some() {
                    let hosts = line.hosts;
                    held.push((id, side, hosts[side.other() as usize], hosts[side as usize]));
                }
            }
        }
        for (id, side, from, to) in held {
            if !self.links.is_silent(from, to) {
                self.send_again(now, id, side);
            }
        }
    }

    fn send_again(&mut self, now: u64, id: LineId, side: Side) {
        let first = now + self.links.draw_retransmission();
        self.healed += 1;
        let way = &mut self.line(id).towards[side as usize];
        way.held_since = None;
        let mut arrivals = Vec::new();
        for (order, (at, _)) in (0..).zip(way.queue.iter_mut()) {
            *at = (*at).max(first + order);
            way.last_arrival = way.last_arrival.max(*at);
            arrivals.push(*at);
        }
        let event = NetworkEvent::Deliver { line: id, side };
        self.due.extend(arrivals.into_iter().map(|at| (at, event)));
    }
}

const DIAL_ATTEMPTS: u32 = 3;
const DIAL_RETRY_NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    /// Runs the network until nothing is due, and returns what arrived in order.
    fn run(network: &mut Network, until: u64) -> Vec<(HostId, Arrival)> {
        let (mut pending, mut arrived) = (network.drain_due().collect::<Vec<_>>(), Vec::new());
        while let Some(at) = pending.iter().map(|(at, _)| *at).filter(|at| *at <= until).min() {
            let position = pending.iter().position(|(other, _)| *other == at).unwrap();
            match pending.remove(position).1 {
                NetworkEvent::Dial { line, attempt } => network.handle_dial(at, line, attempt),
                NetworkEvent::Deliver { line, side } => {
                    arrived.extend(network.handle_deliver(at, line, side));
                }
                NetworkEvent::GiveUp { line, side, since } => {
                    network.handle_give_up(at, line, side, since);
                }
            }
            pending.extend(network.drain_due().collect::<Vec<_>>());
        }
        network.due = pending;
        arrived
    }

    fn connected() -> (Network, LineId) {
        let mut network =
            Network::new(Links::new(Rng::new(1), (10, 1000)), Some(History::before(HostId(9))));
        network.listen(B);
        let line = network.dial(0, A, B);
        assert_eq!(run(&mut network, 10_000), [(A, Arrival::Accepted)]);
        (network, line)
    }

    fn bytes(number: u8) -> Vec<u8> {
        vec![number]
    }

    #[test]
    fn a_line_keeps_its_order_and_closes_behind_its_bytes() {
        let (mut network, line) = connected();
        for number in 0..20 {
            network.send(20_000, line, Side::Dialer, bytes(number));
        }
        network.close(20_000, line, Side::Dialer);
        let arrived = run(&mut network, 100_000);
        let expected = (0..20).map(|number| (B, Arrival::Bytes(bytes(number))));
        assert!(arrived.iter().cloned().eq(expected.chain([(B, Arrival::ClosedByPeer)])));
        assert!(network.lines_of(B).is_empty());
    }

    #[test]
    fn a_cut_holds_one_direction_back_until_it_is_mended() {
        let (mut network, line) = connected();
        network.links().cut(A, B);
        network.send(20_000, line, Side::Dialer, bytes(1));
        network.send(20_000, line, Side::Acceptor, bytes(2));
        assert_eq!(run(&mut network, 100_000), [(A, Arrival::Bytes(bytes(2)))]);
        network.mend(200_000, A, B);
        assert_eq!(run(&mut network, 900_000_000), [(B, Arrival::Bytes(bytes(1)))]);
    }

    #[test]
    fn a_machine_without_power_is_silent_and_resets_what_it_forgot() {
        let (mut network, line) = connected();
        network.links().power_off(B);
        network.vanish(line, Side::Acceptor);
        network.send(20_000, line, Side::Dialer, bytes(1));
        assert!(run(&mut network, 500_000).is_empty());
        network.power_on(600_000, B);
        assert_eq!(run(&mut network, 900_000_000), [(A, Arrival::ClosedByPeer)]);
    }

    #[test]
    fn a_sender_that_is_cut_off_gives_up_by_itself() {
        let (mut network, line) = connected();
        network.links().cut(A, B);
        network.send(20_000, line, Side::Dialer, bytes(1));
        assert_eq!(run(&mut network, 20_000_000_000), [(A, Arrival::TimedOut)]);
    }

    #[test]
    fn a_dial_to_nobody_is_refused_and_one_into_silence_times_out() {
        let mut network =
            Network::new(Links::new(Rng::new(1), (10, 1000)), Some(History::before(HostId(9))));
        network.dial(0, A, B);
        assert_eq!(run(&mut network, 10_000), [(A, Arrival::Refused)]);
        network.links().power_off(B);
        network.dial(20_000, A, B);
        assert!(run(&mut network, 500_000_000).is_empty());
        assert_eq!(run(&mut network, 20_000_000_000), [(A, Arrival::TimedOut)]);
    }
}
