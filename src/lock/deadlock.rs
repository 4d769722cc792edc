//! The search for deadlocks: examines a wait before it is enqueued, and before it is put ahead of others.
//!
//! An owner that waits does not release what it holds. So the search is a reduction: let every owner that
//! waits for nothing release all, hand over its locks, let the owners that got all they wait for release in
//! turn, and so on. The wait is for ever exactly if it is left when nothing moves any more. A search for a
//! cycle would not do for semaphores, where one of several holders may be enough. Owner 0 waits for nothing
//! else, so its locks are always released; a lock delay ends by itself.
//!
//! Only the part of the state on which the wait depends is examined, up to the level's bound: beyond it a
//! wait is enqueued unexamined, and its own timeout ends it. But no waiter is put ahead of others unexamined:
//! that might make a deadlock of waits that were found harmless, which no later search would find.

use super::locks::Slot;
use super::machine::LockMachine;
use super::queue::Waiter;
use super::stake::{ALONE, Stake};
use crate::base::locks::Mode;
use crate::base::{Owner, RequestId, Right, SessionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

impl LockMachine {
    /// The circle, in words, that `stake` would close by waiting for the locks in `slots`; `None`: no circle.
    /// `look` gets the number of holders and waits examined.
    pub(super) fn deadlock(
        &self,
        stake: &Stake,
        slots: &[Slot],
        look: &mut dyn FnMut(usize),
    ) -> Option<String> {
        let answers = &self.live_session(stake.session).answers;
        // Nobody waits for an owner that holds and waits for nothing.
        if stake.owner() == ALONE || !answers.owners().is_in_any(stake.owner()) {
            return None;
        }
        let mut search = Search::gather(self, (stake, slots), None, look)?;
        // The new wait would be last in each of its queues.
        for line in search.waits[NEW].lines.clone() {
            search.lines[line].queue.push_back(NEW);
        }
        search.find_occupants();
        search.reduce();
        (!search.waits[NEW].is_over).then(|| search.circle())
    }

    /// Whether any wait would be for ever if `stake`, which waits for the lock in `slot` alone under
    /// `request`, stood at the head of the queue; also true beyond the bound of the search.
    pub(super) fn stalls_behind(
        &self,
        slot: Slot,
        stake: &Stake,
        request: RequestId,
        look: &mut dyn FnMut(usize),
    ) -> bool {
        let wish = (stake, std::slice::from_ref(&slot));
        let Some(mut search) = Search::gather(self, wish, Some(request), look) else {
            return self.level() >= LEVEL_UNEXAMINED_STAYS;
        };
        let line = search.number_of(slot);
        let queue = &mut search.lines[line].queue;
        queue.retain(|wait| *wait != NEW);
        queue.push_front(NEW);
        search.find_occupants();
        search.reduce();
        search.waits.iter().any(|wait| !wait.is_over)
    }
}

/// An owner other than [`ALONE`].
type Who = (SessionId, Owner);

/// The part of the state on which one wait depends: locks, waits and owners by number. Locks are in the order
/// of names, so that replicas agree.
struct Search<'a> {
    machine: &'a LockMachine,
    /// The locks of the lines, in the byte order of their names.
    slots: Vec<Slot>,
    /// The line of each slot.
    by_slot: BTreeMap<Slot, usize>,
    lines: Vec<Line>,
    /// All waits; the first is the one under examination.
    waits: Vec<Wait<'a>>,
    /// Owners other than [`ALONE`] that wait, and the stakes that they hold.
    owners: Vec<Waiting<'a>>,
    numbers: BTreeMap<Who, usize>,
}

struct Wait<'a> {
    stake: &'a Stake,
    owner: Option<usize>,
    lines: Vec<usize>,
    is_over: bool,
}

/// One lock: the rest of its queue, and the room taken by owners that wait elsewhere.
#[derive(Default)]
struct Line {
    limit: u32,
    queue: VecDeque<usize>,
    exclusive: u64,
    shared: u64,
    permits: u64,
    /// Whether the line is in the work list.
    is_due: bool,
}

#[derive(Default)]
struct Waiting<'a> {
    acquires: usize,
    has: Vec<(usize, &'a Stake)>,
}

impl<'a> Search<'a> {
    /// Gathers all waits on which one wait depends; `None` if they are too many. `request`: the wait is in
    /// its queues already, under this id.
    fn gather(
        machine: &'a LockMachine,
        (stake, slots): (&'a Stake, &[Slot]),
        request: Option<RequestId>,
        look: &mut dyn FnMut(usize),
    ) -> Option<Self> {
        let found = locks_depended_on(machine, stake, slots, look)?;
        let mut found: Vec<Slot> = found.into_iter().collect();
        found.sort_unstable_by_key(|slot| machine.locks.name(*slot));
        let line = |slot: &Slot| Line { limit: machine.locks[*slot].limit(), ..Line::default() };
        let lines = found.iter().map(line).collect();
        let by_slot = found.iter().enumerate().map(|(number, slot)| (*slot, number)).collect();
        let (waits, owners, numbers) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut search = Self { machine, slots: found, by_slot, lines, waits, owners, numbers };
        search.add(stake, slots);
        let own = request.map(|request| ((stake.session, request), NEW));
        let mut known: BTreeMap<(SessionId, RequestId), usize> = own.into_iter().collect();
        for number in 0..search.slots.len() {
            let slot = search.slots[number];
            let waiting = machine.locks[slot].queue().iter().map(|(_, waiter)| waiter);
            // Waits of ended sessions leave by themselves, and waits without a right any more are
            // refused.
            let stays = |waiter: &&Waiter| {
                !machine.is_ending(waiter.stake.session) && !machine.is_lost(&waiter.stake, slot)
            };
            for waiter in waiting.filter(stays) {
                let (stake, key) = (&waiter.stake, (waiter.stake.session, waiter.request));
                let wait =
                    *known.entry(key).or_insert_with(|| search.add(stake, stake.slots(&slot)));
                search.lines[number].queue.push_back(wait);
            }
        }
        Some(search)
    }

    fn number_of(&self, slot: Slot) -> usize {
        *self.by_slot.get(&slot).expect("it depends on it")
    }

    fn add(&mut self, stake: &'a Stake, slots: &[Slot]) -> usize {
        let lines = slots.iter().map(|slot| self.number_of(*slot)).collect();
        let owner = (stake.owner() != ALONE).then(|| {
            let new = self.owners.len();
            *self.numbers.entry((stake.session, stake.owner())).or_insert(new)
        });
        if let Some(owner) = owner {
            if owner == self.owners.len() {
                self.owners.push(Waiting::default());
            }
            self.owners[owner].acquires += 1;
        }
        self.waits.push(Wait { stake, owner, lines, is_over: false });
        self.waits.len() - 1
    }

    /// Counts the stakes held by owners that wait: all others are as good as released.
    fn find_occupants(&mut self) {
        let machine = self.machine;
        for number in 0..self.slots.len() {
            let slot = self.slots[number];
            let holders = machine.locks[slot].holders.iter();
            for grant in holders.filter(|grant| !machine.is_to_end(slot, grant)) {
                let stake = &grant.stake;
                let owner = self.numbers.get(&(stake.session, stake.owner())).copied();
                self.occupy(number, stake, owner);
            }
        }
    }

    /// Takes room of a line for `stake`, until its owner waits for nothing.
    fn occupy(&mut self, line: usize, stake: &'a Stake, owner: Option<usize>) {
        let Some(owner) = owner.map(|owner| &mut self.owners[owner]) else { return };
        if owner.acquires > 0 {
            owner.has.push((line, stake));
            self.lines[line].count(stake, |sum, more| sum + more);
        }
    }

    /// Grants and releases until nothing moves.
    fn reduce(&mut self) {
        let mut due: VecDeque<usize> = (0..self.lines.len()).collect();
        self.lines.iter_mut().for_each(|line| line.is_due = true);
        while let Some(line) = due.pop_front() {
            self.lines[line].is_due = false;
            while let Some(wait) = self.first_due(line) {
                let Wait { stake, owner, .. } = self.waits[wait];
                self.waits[wait].is_over = true;
                let mut changed = std::mem::take(&mut self.waits[wait].lines);
                for line in &changed {
                    self.lines[*line].queue.pop_front();
                    self.occupy(*line, stake, owner);
                }
                changed.extend(owner.into_iter().flat_map(|owner| self.end_one_of(owner)));
                for line in changed {
                    if !std::mem::replace(&mut self.lines[line].is_due, true) {
                        due.push_back(line);
                    }
                }
            }
        }
    }

    /// The first wait in the queue of a line, if it may have all its locks.
    fn first_due(&self, line: usize) -> Option<usize> {
        let wait = *self.lines[line].queue.front()?;
        let Wait { stake, lines, .. } = &self.waits[wait];
        let may = |line: &usize| {
            let line = &self.lines[*line];
            line.queue.front() == Some(&wait) && line.has_room(stake)
        };
        (may(&line) && lines.iter().all(may)).then_some(wait)
    }

    /// Ends one wait of `owner`. After its last wait it releases all; the lines with new room.
    fn end_one_of(&mut self, owner: usize) -> Vec<usize> {
        let waiting = &mut self.owners[owner];
        waiting.acquires -= 1;
        if waiting.acquires > 0 {
            return Vec::new();
        }
        let has = std::mem::take(&mut waiting.has);
        for (line, stake) in &has {
            self.lines[*line].count(stake, |sum, less| sum - less);
        }
        has.into_iter().map(|(line, _)| line).collect()
    }

    /// The steps of the circle in words, from the new wait on, until a wait repeats.
    fn circle(&self) -> String {
        let (mut at, mut seen, mut text) = (NEW, BTreeSet::new(), String::new());
        while seen.insert(at) && seen.len() <= SHOWN_MAX {
            let Some((slot, next)) = self.waits_for(at) else { break };
            let name = self.machine.locks.name(slot);
            let asker = self.waits[NEW].stake.session;
            let may_read = self.machine.session_may(asker, Right::Read, name);
            // Holders and waiters are named only to a session that may see them (L27).
            let told = |wait: usize| match self.waits[wait].stake {
                stake if may_read || stake.session == asker => self.name_of(stake),
                _ => "somebody".to_owned(),
            };
            let [one, other] = [at, next].map(told);
            let name = if may_read { name.as_str() } else { "a lock that it may not read" };
            let separator = if text.is_empty() { "" } else { "; " };
            text.push_str(&format!(
                "{separator}{one} waits for {name}, where {other} is before it"
            ));
            at = next;
        }
        text
    }

    /// The lock that blocks a wait, and another wait in it that does not end.
    fn waits_for(&self, wait: usize) -> Option<(Slot, usize)> {
        let Wait { stake, lines, .. } = &self.waits[wait];
        lines.iter().find_map(|number| {
            let (slot, line) = (self.slots[*number], &self.lines[*number]);
            let first = *line.queue.front().expect("it waits there");
            if first != wait {
                return Some((slot, first));
            }
            let is_stuck = !line.has_room(stake);
            let mut owners = self.numbers.values().filter(|_| is_stuck);
            let has = |owner: &&usize| self.owners[**owner].has.iter().any(|(of, _)| of == number);
            let owner = owners.find(has).copied()?;
            let of_owner = |wait: &Wait<'_>| !wait.is_over && wait.owner == Some(owner);
            Some((slot, self.waits.iter().position(of_owner)?))
        })
    }

    fn name_of(&self, stake: &Stake) -> String {
        let client = &self.machine.live_session(stake.session).client;
        format!("{client} (owner {})", stake.owner())
    }
}

impl Line {
    fn has_room(&self, stake: &Stake) -> bool {
        match (u64::from(self.limit), stake.mode) {
            (0, Mode::Exclusive) => self.exclusive + self.shared == 0,
            (0, Mode::Shared) => self.exclusive == 0,
            (limit, _) => self.permits + u64::from(stake.permits) <= limit,
        }
    }

    /// Changes the sums by the room of `stake`.
    fn count(&mut self, stake: &Stake, change: impl Fn(u64, u64) -> u64) {
        match stake.mode {
            Mode::Exclusive => self.exclusive = change(self.exclusive, 1),
            Mode::Shared => self.shared = change(self.shared, 1),
        }
        self.permits = change(self.permits, u64::from(stake.permits));
    }
}

/// All locks on which a new wait depends, from a lock to the owners in it to the locks for which they wait;
/// `None` beyond the level's bound.
fn locks_depended_on(
    machine: &LockMachine,
    stake: &Stake,
    slots: &[Slot],
    look: &mut dyn FnMut(usize),
) -> Option<BTreeSet<Slot>> {
    let mut budget = machine.bounds.deadlock_search;
    let mut spend = |count: usize| {
        look(count.min(budget));
        budget = budget.checked_sub(count)?;
        Some(())
    };
    let (mut found, mut asked) = (BTreeSet::new(), BTreeSet::from([(stake.session, ALONE)]));
    // Waits for several locks: each is met in all of its queues.
    let mut several = BTreeSet::new();
    let mut due: VecDeque<Slot> = slots.iter().copied().collect();
    let mut who: Vec<Who> = vec![(stake.session, stake.owner())];
    while !due.is_empty() || !who.is_empty() {
        while let Some(slot) = due.pop_front() {
            if !found.insert(slot) {
                continue;
            }
            let lock = &machine.locks[slot];
            spend(lock.holders.len() + lock.queue().len())?;
            // An ended session depends on nothing, and gives up its locks by itself.
            let lives = |stake: &&Stake| !machine.is_ending(stake.session);
            for (_, waiter) in lock.queue().iter() {
                if let Some(all) = waiter.stake.all().filter(|_| lives(&&waiter.stake))
                    && several.insert((waiter.stake.session, waiter.request))
                {
                    due.extend(all.iter().copied().filter(|of| *of != slot));
                }
            }
            let waiting = lock.queue().iter().map(|(_, waiter)| &waiter.stake);
            let inside = lock.holders.iter().map(|grant| &grant.stake).chain(waiting);
            who.extend(inside.filter(lives).map(|stake| (stake.session, stake.owner())));
        }
        while let Some((session, owner)) = who.pop() {
            if owner != ALONE && asked.insert((session, owner)) {
                let waiting = machine.live_session(session).answers.waiting();
                spend(waiting.len())?;
                let own = waiting.values().filter(|place| place.owner == owner);
                due.extend(own.flat_map(|place| place.slots()));
            }
        }
    }
    Some(found)
}

/// From this level on a waiter that was not examined is not put first.
const LEVEL_UNEXAMINED_STAYS: u32 = 2;
/// The index in [`Search::waits`] of the wait under examination.
const NEW: usize = 0;
/// Steps of a circle in its text.
const SHOWN_MAX: usize = 8;
