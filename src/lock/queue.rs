//! The waiters of one lock, first come first.
//!
//! A lock may have 100,000 waiters. Each step of a grant is constant in their number; a waiter that
//! leaves from the middle, or asks for its position, costs about n/256 + 256 small steps: tickets rise,
//! so the waiters are kept as a sequence of short sorted blocks. After a leader change all waiters ask
//! for their position within one turn, which a walk over the queue would make quadratic.

use super::stake::Stake;
use crate::base::RequestId;
use crate::base::checksum::crc32c;
use std::collections::VecDeque;

/// The waiters of a lock. Most locks have none, so an empty queue is one null pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Option<Box<Line>>);

/// One waiting acquire in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) request: RequestId,
    pub(super) since_unix_ms: u64,
    /// A checksum of its client's name, by which one client is found among 100,000.
    pub(super) client: u32,
    pub(super) stake: Stake,
}

impl Waiter {
    /// The checksum of a client's name.
    pub(super) fn mark_of(client: &str) -> u32 {
        crc32c(client.as_bytes())
    }

    /// Whether both belong to one acquire.
    pub(super) fn is_of(&self, other: &Waiter) -> bool {
        (self.stake.session, self.request) == (other.stake.session, other.request)
    }
}

/// A place in one queue: greater than all places before it. Negative tickets are of waiters that were put at
/// the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(i64);

impl Queue {
    pub(super) const EMPTY: Self = Self(None);

    /// The number of waiters.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |line| line.length)
    }

    /// Puts `waiter` at the end.
    pub(super) fn push(&mut self, waiter: Waiter) -> Ticket {
        self.0.get_or_insert_default().push(waiter)
    }

    /// Moves the waiter with `ticket` before all others; its new ticket.
    pub(super) fn put_first(&mut self, ticket: Ticket) -> Ticket {
        let line = self.0.as_mut().expect("somebody waits");
        line.put_first(ticket)
    }

    pub(super) fn first(&self) -> Option<&Waiter> {
        let (_, waiter) = self.0.as_ref()?.blocks.front()?.front()?;
        Some(waiter)
    }

    /// Takes the first waiter.
    pub(super) fn pop(&mut self) -> Option<Waiter> {
        let line = self.0.as_mut()?;
        let waiter = line.take(Position { block: 0, place: 0 });
        self.drop_if_empty();
        Some(waiter)
    }

    /// Takes the waiter with `ticket`, wherever it stands.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let line = self.0.as_mut()?;
        let position = line.find(ticket)?;
        let waiter = line.take(position);
        self.drop_if_empty();
        Some(waiter)
    }

    pub(super) fn waiter(&self, ticket: Ticket) -> Option<&Waiter> {
        let line = self.0.as_ref()?;
        let Position { block, place } = line.find(ticket)?;
        Some(&line.blocks[block][place].1)
    }

    /// The number of waiters before the one with `ticket`.
    pub(super) fn ahead(&self, ticket: Ticket) -> Option<u32> {
        let line = self.0.as_ref()?;
        let ahead = if ticket == line.last { line.length - 1 } else { line.ahead(ticket)? };
        Some(u32::try_from(ahead).expect("waiters are bounded"))
    }

    /// All waiters, first come first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let blocks = self.0.iter().flat_map(|line| line.blocks.iter());
        blocks.flatten().map(|(ticket, waiter)| (*ticket, waiter))
    }

    /// Panics unless length, blocks and tickets are as the searches need.
    pub(super) fn check_invariants(&self) {
        let Some(line) = self.0.as_ref() else { return };
        let sizes: Vec<usize> = line.blocks.iter().map(VecDeque::len).collect();
        assert!(sizes.iter().all(|size| (1..=BLOCK).contains(size)), "block sizes {sizes:?}");
        assert_eq!(line.length, sizes.iter().sum::<usize>(), "length of the queue");
        let tickets: Vec<Ticket> = self.iter().map(|(ticket, _)| ticket).collect();
        assert!(tickets.is_sorted_by(|a, b| a < b), "tickets do not rise: {tickets:?}");
        assert!(tickets.last().is_some_and(|last| *last <= line.last), "a ticket from the future");
    }

    fn drop_if_empty(&mut self) {
        if self.len() == 0 {
            self.0 = None;
        }
    }
}

/// The waiters of a queue that is not empty.
#[derive(Clone, Debug)]
struct Line {
    /// The newest ticket.
    last: Ticket,
    /// Waiters in all blocks.
    length: usize,
    /// Blocks of 1 … [`BLOCK`] waiters; tickets rise within a block and from block to block.
    blocks: VecDeque<VecDeque<(Ticket, Waiter)>>,
}

impl Default for Line {
    fn default() -> Self {
        Self { last: Ticket(0), length: 0, blocks: VecDeque::new() }
    }
}

impl Line {
    fn push(&mut self, waiter: Waiter) -> Ticket {
        self.last = Ticket(self.last.0 + 1);
        self.length += 1;
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back((self.last, waiter)),
            _ => self.blocks.push_back(VecDeque::from([(self.last, waiter)])),
        }
        self.last
    }

    fn put_first(&mut self, ticket: Ticket) -> Ticket {
        let Ticket(first) = self.blocks[0][0].0;
        if ticket == Ticket(first) {
            return ticket;
        }
        let position = self.find(ticket).unwrap_or_else(|| panic!("nobody waits at {ticket:?}"));
        let waiter = self.take(position);
        self.length += 1;
        let place = (Ticket(first - 1), waiter);
        match self.blocks.front_mut() {
            Some(block) if block.len() < BLOCK => block.push_front(place),
            _ => self.blocks.push_front(VecDeque::from([place])),
        }
        Ticket(first - 1)
    }

    fn find(&self, ticket: Ticket) -> Option<Position> {
        let block = self.blocks.partition_point(|block| {
            block.back().is_some_and(|(last_of_block, _)| *last_of_block < ticket)
        });
        let place =
            self.blocks.get(block)?.binary_search_by_key(&ticket, |(held, _)| *held).ok()?;
        Some(Position { block, place })
    }

    fn ahead(&self, ticket: Ticket) -> Option<usize> {
        let position = self.find(ticket)?;
        let before: usize = self.blocks.range(..position.block).map(VecDeque::len).sum();
        Some(before + position.place)
    }

    fn take(&mut self, position: Position) -> Waiter {
        let block = &mut self.blocks[position.block];
        let (_, waiter) = block.remove(position.place).expect("a position that was found");
        if block.is_empty() {
            self.blocks.remove(position.block);
        }
        self.length -= 1;
        waiter
    }
}

/// Where a waiter stands in the blocks.
#[derive(Clone, Copy)]
struct Position {
    block: usize,
    place: usize,
}

/// Waiters in one block: near √100,000, so that walking the blocks and shifting within one cost alike.
const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SessionId;
    use crate::base::rng::Rng;
    use crate::lock::Mode;
    use crate::lock::stake::Extras;

    fn waiter(request: u64) -> Waiter {
        let stake = Stake::new(SessionId(1), Mode::Exclusive, 1, Extras::default());
        Waiter { request: RequestId(request), since_unix_ms: 0, client: 0, stake }
    }

    #[test]
    fn waiters_leave_in_the_order_in_which_they_came() {
        let mut queue = Queue::default();
        for request in 0..1000 {
            queue.push(waiter(request));
        }
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|w| w.request.0).collect();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        assert_eq!(queue.len(), 0);
        assert!(queue.0.is_none());
    }

    #[test]
    fn who_is_put_first_stands_before_all_and_those_behind_keep_their_order() {
        let mut queue = Queue::default();
        let tickets: Vec<Ticket> = (0..600).map(|request| queue.push(waiter(request))).collect();
        let first = queue.put_first(tickets[599]);
        let second = queue.put_first(tickets[300]);
        assert_eq!(queue.put_first(second), second);
        assert_eq!((queue.ahead(first), queue.ahead(tickets[0])), (Some(1), Some(2)));
        let order: Vec<u64> = queue.iter().map(|(_, waiter)| waiter.request.0).take(4).collect();
        assert_eq!(order, [300, 599, 0, 1]);
        let last = queue.push(waiter(600));
        assert_eq!((queue.ahead(last), queue.len()), (Some(600), 601));
        queue.check_invariants();
    }

    #[test]
    fn positions_count_only_those_who_still_stand_before() {
        let mut queue = Queue::default();
        let tickets: Vec<Ticket> = (0..600).map(|request| queue.push(waiter(request))).collect();
        queue.remove(tickets[0]);
        queue.remove(tickets[300]);
        assert_eq!(queue.ahead(tickets[599]), Some(597));
        assert_eq!(queue.ahead(tickets[299]), Some(298));
        assert_eq!(queue.ahead(tickets[300]), None);
        assert_eq!(queue.remove(tickets[300]), None);
    }

    #[test]
    fn any_mix_of_steps_agrees_with_a_plain_vector() {
        let mut rng = Rng::new(7);
        let mut queue = Queue::default();
        let mut plain: Vec<(Ticket, u64)> = Vec::new();
        for step in 0..6000 {
            match rng.below(9) {
                0 | 1 if !plain.is_empty() => {
                    let place = rng.below(plain.len() as u64) as usize;
                    let (ticket, request) = plain.remove(place);
                    assert_eq!(queue.remove(ticket), Some(waiter(request)));
                }
                2 => {
                    let first = (!plain.is_empty()).then(|| waiter(plain.remove(0).1));
                    assert_eq!(queue.pop(), first);
                }
                3 if !plain.is_empty() => {
                    let place = rng.below(plain.len() as u64) as usize;
                    let (ticket, request) = plain.remove(place);
                    plain.insert(0, (queue.put_first(ticket), request));
                }
                _ => plain.push((queue.push(waiter(step)), step)),
            }
            if let Some(place) = (rng.below(plain.len() as u64 + 1) as usize).checked_sub(1) {
                assert_eq!(queue.ahead(plain[place].0), Some(place as u32));
            }
        }
        queue.check_invariants();
        assert!(queue.iter().map(|(_, w)| w.request.0).eq(plain.iter().map(|(_, r)| *r)));
    }
}
