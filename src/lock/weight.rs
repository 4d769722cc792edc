//! The size of the state in bytes: counted as the state changes, the same at each replica, and no less than
//! format 2 needs.
//!
//! The size is a function of the state alone. The documented bounds, multiplied, exceed any machine (each of
//! 200,000 sessions may wait 16,384 times for 32 names), and a state that no follower can take is lost with
//! its leader. So from level 2 on, operations that add to the state are refused beyond
//! [`Bounds::state_bytes`](super::level::Bounds), and everything but a close beyond that and a reserve: such
//! a request is not remembered, as with any other want of room.

use super::asked::Mark;
use super::dedupe::Fixed;
use super::delay::Delay;
use super::locks::{Locks, Slot};
use super::machine::LockMachine;
use super::orders::Order;
use super::parts::{Ending, UNFINISHED_BYTES};
use super::session::Session;
use super::stake::Stake;
use crate::base::limits::{
    CLIENT_NAME_BYTES_MAX, ENTRY_BYTES_MAX, LOCKS_MAX, NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX,
    SESSIONS_MAX, SNAPSHOT_BYTES_MAX, STATE_BYTES_MAX, STATE_RESERVE_BYTES, VALUE_BYTES_MAX,
};
use crate::base::locks::{Name, Operation};
use crate::base::{SessionId, Subject, Token};

/// The bytes of the state, and the sessions to recount.
#[derive(Clone, Debug, Default)]
pub(super) struct Weight {
    pub(super) bytes: u64,
    /// Sessions changed by the entry that is being applied.
    touched: Vec<SessionId>,
}

impl Weight {
    /// The weight of a state of so many bytes, all counted.
    pub(super) fn of(bytes: u64) -> Self {
        Self { bytes, touched: Vec::new() }
    }

    /// Marks `session` for a recount: its requests may change.
    pub(super) fn touch(&mut self, session: SessionId) {
        if self.touched.last() != Some(&session) {
            self.touched.push(session);
        }
    }

    /// Recounts `session`, which is one of the state's.
    pub(super) fn recount(&mut self, session: &mut Session) {
        let counted = session.bytes();
        self.bytes = self.bytes - session.counted + counted;
        session.counted = counted;
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(super) fn take_off(&mut self, bytes: u64) {
        self.bytes -= bytes;
    }
}

impl LockMachine {
    /// The bytes of the state: from level 2 on no less than its snapshot, the format's short head included.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        HEAD_BYTES + self.weight.bytes
    }

    /// Whether the state has no room for `operation` (from level 2 on).
    pub(super) fn lacks_room_for(&self, operation: &Operation) -> bool {
        let room = match operation {
            Operation::Acquire(_)
            | Operation::AcquireAll { .. }
            | Operation::Proclaim { .. }
            | Operation::Break { .. } => self.bounds.state_bytes,
            // They free something, or answer that there is nothing.
            Operation::Release { .. } | Operation::Withdraw { .. } | Operation::Transfer { .. } => {
                self.bounds.state_bytes + self.bounds.state_reserve
            }
            Operation::Close => return false,
        };
        self.level() >= 2 && self.weight.bytes >= room
    }

    /// Whether the state has no room for one more session (from level 2 on).
    pub(super) fn lacks_room_for_sessions(&self) -> bool {
        self.level() >= 2 && self.weight.bytes >= self.bounds.state_bytes
    }

    /// Recounts the sessions that the applied entry changed.
    pub(super) fn count_touched(&mut self) {
        while let Some(session) = self.weight.touched.pop() {
            self.count(session);
        }
    }

    /// Recounts a session. An ended one of which nothing is left was taken off before.
    pub(super) fn count(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(&session) {
            self.weight.recount(session);
        } else if let Some(ending) = self.endings.get_mut(&session) {
            self.weight.bytes -= ending.counted;
            ending.counted = ending.bytes();
            self.weight.bytes += ending.counted;
        }
    }

    /// Removes a session, and its bytes.
    pub(super) fn take_session(&mut self, id: SessionId) -> Option<Box<Session>> {
        let session = self.sessions.remove(&id)?;
        self.weight.take_off(session.counted);
        Some(session)
    }

    /// Counts a whole state, as read from a snapshot.
    pub(super) fn count_anew(&mut self) {
        self.weight = Weight::default();
        let alive = self.sessions.values().map(|session| &session.answers);
        let answers = alive.chain(self.endings.values().map(|ending| &ending.answers));
        self.tally.waiting = answers.map(|answers| answers.waiting().len()).sum();
        for session in self.sessions.values_mut() {
            session.counted = session.bytes();
            self.weight.bytes += session.counted;
        }
        for ending in self.endings.values_mut() {
            ending.counted = ending.bytes();
            self.weight.bytes += ending.counted;
        }
        self.weight.bytes += self.unfinished.len() as u64 * UNFINISHED_BYTES;
        self.weight.bytes += self.access.bytes();
        let delays = self
            .locks
            .iter()
            .flat_map(|(name, _, lock)| lock.delays().iter().map(|(_, delay)| delay.bytes(name)));
        self.weight.bytes += delays.sum::<u64>();
        self.weight.bytes += self.orders.values().map(Order::bytes).sum::<u64>();
        self.weight.bytes += self.asked.values().map(Mark::bytes).sum::<u64>();
    }

    /// Counts the state from its locks, for the invariants: sessions know which locks they hold, and
    /// locks know the stakes.
    pub(super) fn weigh(&self) -> u64 {
        let sessions = self.sessions.values().map(|it| it.own_bytes() + it.answers.fixed_bytes());
        let locks = self.locks.iter().flat_map(|(name, slot, lock)| {
            let held = lock.holders.iter().map(|it| (&it.stake, it.handles().count() as u64));
            let waiting = lock.queue().iter().map(|(_, waiter)| (&waiter.stake, 1));
            let known = held.chain(waiting).filter(move |(stake, _)| stake.is_known_as(slot));
            let bytes = move |stake: &Stake| u64::from(stake.bytes(slot, &self.locks));
            let stakes = known.map(move |(stake, handles)| handles * bytes(stake));
            stakes.chain(lock.delays().iter().map(|(_, delay)| delay.bytes(name)))
        });
        let endings = self.endings.values().map(|it| it.own_bytes() + it.answers.fixed_bytes());
        let asked = self.asked.values().map(Mark::bytes);
        let orders = self.orders.values().map(Order::bytes);
        let asked = asked.chain(orders);
        let unfinished = self.unfinished.iter().map(|_| UNFINISHED_BYTES);
        let access = std::iter::once(self.access.bytes());
        sessions.chain(endings).chain(locks).chain(asked).chain(unfinished).chain(access).sum()
    }
}

impl Stake {
    /// Bytes of an acquire with this stake while it holds or waits, in each of its locks (of which `slot` is
    /// one), and of the delays that an expiry may leave.
    pub(super) fn bytes(&self, slot: Slot, locks: &Locks) -> u32 {
        let left = if self.delay_ms() > 0 { DELAY_BYTES + CLIENT_NAME_BYTES_MAX } else { 0 };
        let names = locks.names(self.slots(&slot));
        let names: usize = names.map(|name| SPOT_BYTES + left + name.as_bytes().len()).sum();
        u32::try_from(CLAIM_BYTES + names + self.value().len()).expect("a stake is bounded")
    }
}

impl Session {
    /// Its bytes with all its requests.
    pub(super) fn bytes(&self) -> u64 {
        self.own_bytes() + self.answers.bytes()
    }

    fn own_bytes(&self) -> u64 {
        let subject = match &self.subject {
            Subject::Anonymous => 0,
            Subject::Known(_) => self.subject.text_bytes(),
        };
        (SESSION_BYTES + self.client.len() + subject) as u64
    }
}

impl Ending {
    /// The bytes of all that is left of the session.
    pub(super) fn bytes(&self) -> u64 {
        self.own_bytes() + self.answers.bytes()
    }

    fn own_bytes(&self) -> u64 {
        (SESSION_BYTES + self.client.len()) as u64
    }
}

impl Fixed {
    pub(super) fn bytes(&self) -> u64 {
        let text = match self {
            Self::Held(text) | Self::Deadlock(text) => text.len(),
            Self::Denied(_, name) => name.as_bytes().len(),
            _ => 0,
        };
        (ANSWER_BYTES + text) as u64
    }
}

impl Delay {
    /// Its bytes in the lock `name`, which may exist for the delay alone.
    pub(super) fn bytes(&self, name: &Name) -> u64 {
        (DELAY_BYTES + SPOT_BYTES + name.as_bytes().len() + self.client.len()) as u64
    }
}

impl Mark {
    pub(super) fn bytes(&self) -> u64 {
        (MARK_BYTES + self.reason.len() + self.heir.as_ref().map_or(0, |heir| heir.len())) as u64
    }
}

impl Order {
    pub(super) fn bytes(&self) -> u64 {
        let heir = self.heir.as_ref().map_or(0, |heir| heir.len());
        (ORDER_BYTES + self.reason.len() + heir + size_of::<Token>() * self.except.len()) as u64
    }
}

/// The format, the head, the cluster's key and ancestors, and a margin.
const HEAD_BYTES: u64 = 640;
/// A session without its client's name.
const SESSION_BYTES: usize = 96;
/// A stake without its locks and its value.
const CLAIM_BYTES: usize = 96;
/// One lock of a stake without its name: the lock's own piece, and that the stake is in it.
const SPOT_BYTES: usize = 64;
/// A fixed answer without its text.
const ANSWER_BYTES: usize = 48;
/// A delay without the name of its client.
const DELAY_BYTES: usize = 40;
/// A mark without reason and heir.
const MARK_BYTES: usize = 64;

/// A break under way, without reason, heir and excepted grants.
const ORDER_BYTES: usize = 96;

/// The largest stake without a delay on a single lock.
const PLAIN_BYTES_MAX: u64 = (CLAIM_BYTES + SPOT_BYTES + NAME_BYTES_MAX + VALUE_BYTES_MAX) as u64;
/// The longest names and largest values fit, with as many locks and sessions as there may be.
const _: () = assert!(
    STATE_BYTES_MAX
        >= LOCKS_MAX as u64 * PLAIN_BYTES_MAX
            + SESSIONS_MAX as u64 * (SESSION_BYTES + CLIENT_NAME_BYTES_MAX) as u64
);
/// One entry beyond the bounds, with the delays that it leaves, still fits into the largest snapshot.
const _: () = assert!(
    STATE_BYTES_MAX
        + STATE_RESERVE_BYTES
        + ENTRY_BYTES_MAX as u64
        + (NAMES_PER_ACQUIRE_MAX * (SPOT_BYTES + DELAY_BYTES + CLIENT_NAME_BYTES_MAX)) as u64
        + HEAD_BYTES
        < SNAPSHOT_BYTES_MAX
);
