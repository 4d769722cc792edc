//! Whether one more wait would be for ever: found when it is about to be enqueued, and when one is to be put before
//! others.
//!
//! An owner that waits does not release what it holds. So the question is answered by reduction: let every
//! owner that waits for nothing release all, grant to the queues as a release would, let the owners that got all
//! release in turn, and so on. The wait is for ever exactly if it is still there when nothing moves any more. With
//! semaphores this is more than a search for a cycle: one of several holders may do. Owner 0 waits for nothing
//! else, so what it holds is always released; a lock delay ends by itself.
//!
//! Only what the wait can depend on is looked at, and no more than the level's bound: beyond it a wait is
//! enqueued unexamined, and its own time ends it. But nobody is put before others unexamined: that might make a
//! deadlock of waits that were found to be none, which nobody would look at again.

use super::claim::{ALONE, Claim};
use super::command::{Mode, Name};
use super::machine::LockMachine;
use crate::base::{Owner, RequestId, SessionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

impl LockMachine {
    /// The circle that `claim` on `names` would close if it waited, in words; `None` if it would not.
    pub(super) fn deadlock(&self, claim: &Claim, names: &[Name]) -> Option<String> {
        let answers = &self.live_session(claim.session).answers;
        // Nobody waits for an owner that is in nothing.
        if claim.owner() == ALONE || !answers.is_in_any(claim.owner()) {
            return None;
        }
        let mut search = Search::gather(self, claim, names, None)?;
        // It would stand last in each of its queues.
        for name in names {
            search.queue_mut(name).push_back(NEW);
        }
        search.find_occupants();
        search.reduce();
        (!search.waits[NEW].is_over).then(|| search.circle())
    }

    /// Whether anybody would wait for ever if `claim`, which waits for `name` alone under `request`, stood at the head
    /// of the queue; also true if that is more than is looked at.
    pub(super) fn stalls_behind(&self, name: &Name, claim: &Claim, request: RequestId) -> bool {
        let Some(mut search) =
            Search::gather(self, claim, std::slice::from_ref(name), Some(request))
        else {
            return self.level() >= LEVEL_UNEXAMINED_STAYS;
        };
        let queue = search.queue_mut(name);
        queue.retain(|wait| *wait != NEW);
        queue.push_front(NEW);
        search.find_occupants();
        search.reduce();
        search.waits.iter().any(|wait| !wait.is_over)
    }
}

/// An owner that is not alone.
type Who = (SessionId, Owner);

/// The part of the state on which one wait depends. Names order all, so that replicas agree.
struct Search<'a> {
    machine: &'a LockMachine,
    /// Those who wait; the first is the one that is asked about.
    waits: Vec<Wait<'a>>,
    lines: BTreeMap<&'a Name, Line>,
    /// Those who wait, and what they have meanwhile.
    owners: BTreeMap<Who, Waiting<'a>>,
}

struct Wait<'a> {
    claim: &'a Claim,
    names: &'a [Name],
    is_over: bool,
}

/// One lock: what is left of its queue, and what those have of it who wait elsewhere.
#[derive(Default)]
struct Line {
    queue: VecDeque<usize>,
    exclusive: u64,
    shared: u64,
    permits: u64,
}

#[derive(Default)]
struct Waiting<'a> {
    acquires: usize,
    has: Vec<(&'a Name, &'a Claim)>,
}

impl<'a> Search<'a> {
    /// Finds all who wait for what one wait depends on; `None` if they are too many. `request`: it stands in its
    /// queues already.
    fn gather(
        machine: &'a LockMachine,
        claim: &'a Claim,
        names: &'a [Name],
        request: Option<RequestId>,
    ) -> Option<Self> {
        let found = names_depended_on(machine, claim, names)?;
        let (lines, owners) = (BTreeMap::new(), BTreeMap::new());
        let mut search = Self { machine, waits: Vec::new(), lines, owners };
        search.add(claim, names);
        let own = request.map(|request| ((claim.session, request), NEW));
        let mut known: BTreeMap<(SessionId, RequestId), usize> = own.into_iter().collect();
        for name in found {
            let mut line = Line::default();
            let queue = machine.locks.get(name).map(|lock| lock.queue().iter());
            let waiting = queue.into_iter().flatten().map(|(_, waiter)| waiter);
            // Who has ended leaves by itself.
            for waiter in waiting.filter(|waiter| !machine.is_ending(waiter.claim.session)) {
                let (claim, key) = (&waiter.claim, (waiter.claim.session, waiter.request));
                let wait =
                    *known.entry(key).or_insert_with(|| search.add(claim, claim.names(name)));
                line.queue.push_back(wait);
            }
            search.lines.insert(name, line);
        }
        Some(search)
    }

    fn queue_mut(&mut self, name: &Name) -> &mut VecDeque<usize> {
        &mut self.lines.get_mut(name).expect("it depends on it").queue
    }

    fn add(&mut self, claim: &'a Claim, names: &'a [Name]) -> usize {
        self.waits.push(Wait { claim, names, is_over: false });
        if claim.owner() != ALONE {
            self.owners.entry((claim.session, claim.owner())).or_default().acquires += 1;
        }
        self.waits.len() - 1
    }

    /// What those have who wait: all else is as good as released.
    fn find_occupants(&mut self) {
        let names: Vec<&'a Name> = self.lines.keys().copied().collect();
        for name in names {
            let holders = self.machine.locks.get(name).map(|lock| lock.holders.iter());
            for grant in holders.into_iter().flatten() {
                self.occupy(name, &grant.claim);
            }
        }
    }

    /// Takes room of `name` for `claim`, until its owner waits for nothing.
    fn occupy(&mut self, name: &'a Name, claim: &'a Claim) {
        let Some(owner) = self.owners.get_mut(&(claim.session, claim.owner())) else { return };
        if owner.acquires > 0 {
            owner.has.push((name, claim));
            self.lines.get_mut(name).expect("gathered").count(claim, |sum, more| sum + more);
        }
    }

    /// Lets all happen that can.
    fn reduce(&mut self) {
        let mut due: VecDeque<&'a Name> = self.lines.keys().copied().collect();
        while let Some(name) = due.pop_front() {
            while let Some(wait) = self.first_due(name) {
                let Wait { claim, names, .. } = self.waits[wait];
                self.waits[wait].is_over = true;
                for name in names {
                    self.lines.get_mut(name).expect("gathered").queue.pop_front();
                    self.occupy(name, claim);
                }
                due.extend(names);
                due.extend(self.end_one_of((claim.session, claim.owner())));
            }
        }
    }

    /// The first in the queue of `name`, if it may have all that it waits for.
    fn first_due(&self, name: &Name) -> Option<usize> {
        let wait = *self.lines[name].queue.front()?;
        let Wait { claim, names, .. } = &self.waits[wait];
        let may = |name: &Name| {
            let line = &self.lines[name];
            line.queue.front() == Some(&wait) && line.has_room(claim, self.limit(name, claim))
        };
        names.iter().all(may).then_some(wait)
    }

    /// An acquire of `owner` has ended its wait. After the last one it releases all; the names of that.
    fn end_one_of(&mut self, owner: Who) -> Vec<&'a Name> {
        let Some(waiting) = self.owners.get_mut(&owner) else { return Vec::new() };
        waiting.acquires -= 1;
        if waiting.acquires > 0 {
            return Vec::new();
        }
        let has = std::mem::take(&mut waiting.has);
        for (name, claim) in &has {
            let line = self.lines.get_mut(*name).expect("gathered");
            line.count(claim, |sum, less| sum - less);
        }
        has.into_iter().map(|(name, _)| name).collect()
    }

    /// The limit of a lock; nobody is in it yet if only the new wait knows of it.
    fn limit(&self, name: &Name, claim: &Claim) -> u64 {
        let lock = self.machine.locks.get(name);
        u64::from(lock.map_or(claim.permits, |lock| lock.limit()))
    }

    /// Who waits for whom, from the new wait round until one comes again.
    fn circle(&self) -> String {
        let (mut at, mut seen, mut text) = (NEW, BTreeSet::new(), String::new());
        while seen.insert(at) && seen.len() <= SHOWN_MAX {
            let Some((name, next)) = self.waits_for(at) else { break };
            let [one, other] = [at, next].map(|wait| self.name_of(self.waits[wait].claim));
            let separator = if text.is_empty() { "" } else { "; " };
            text.push_str(&format!(
                "{separator}{one} waits for {name}, where {other} is before it"
            ));
            at = next;
        }
        text
    }

    /// What keeps one from being granted: a lock, and another wait that does not end.
    fn waits_for(&self, wait: usize) -> Option<(&'a Name, usize)> {
        let Wait { claim, names, .. } = self.waits[wait];
        names.iter().find_map(|name| {
            let line = &self.lines[name];
            let first = *line.queue.front().expect("it waits there");
            if first != wait {
                return Some((name, first));
            }
            let is_stuck = !line.has_room(claim, self.limit(name, claim));
            let mut owners = self.owners.iter().filter(|_| is_stuck);
            let (who, _) = owners.find(|(_, owner)| owner.has.iter().any(|(of, _)| *of == name))?;
            let of_owner =
                |wait: &Wait<'_>| !wait.is_over && (wait.claim.session, wait.claim.owner()) == *who;
            Some((name, self.waits.iter().position(of_owner)?))
        })
    }

    fn name_of(&self, claim: &Claim) -> String {
        let client = &self.machine.live_session(claim.session).client;
        format!("{client} (owner {})", claim.owner())
    }
}

impl Line {
    fn has_room(&self, claim: &Claim, limit: u64) -> bool {
        match (limit, claim.mode) {
            (0, Mode::Exclusive) => self.exclusive + self.shared == 0,
            (0, Mode::Shared) => self.exclusive == 0,
            (limit, _) => self.permits + u64::from(claim.permits) <= limit,
        }
    }

    /// Changes the sums by what `claim` takes.
    fn count(&mut self, claim: &Claim, change: impl Fn(u64, u64) -> u64) {
        match claim.mode {
            Mode::Exclusive => self.exclusive = change(self.exclusive, 1),
            Mode::Shared => self.shared = change(self.shared, 1),
        }
        self.permits = change(self.permits, u64::from(claim.permits));
    }
}

/// All locks that can keep a new wait from its end, from lock to those in it to what they wait for; `None` if
/// that is more than the level looks at.
fn names_depended_on<'a>(
    machine: &'a LockMachine,
    claim: &Claim,
    names: &'a [Name],
) -> Option<BTreeSet<&'a Name>> {
    let mut budget = machine.bounds.deadlock_search;
    let (mut found, mut asked) = (BTreeSet::new(), BTreeSet::from([(claim.session, ALONE)]));
    let mut due: VecDeque<&'a Name> = names.iter().collect();
    let mut who: Vec<Who> = vec![(claim.session, claim.owner())];
    while !due.is_empty() || !who.is_empty() {
        while let Some(name) = due.pop_front() {
            let Some(lock) = machine.locks.get(name).filter(|_| found.insert(name)) else {
                found.insert(name);
                continue;
            };
            budget = budget.checked_sub(lock.holders.len() + lock.queue().len())?;
            // Who has ended depends on nothing, and gives up what it has by itself.
            let lives = |claim: &&Claim| !machine.is_ending(claim.session);
            let waiting = || lock.queue().iter().map(|(_, waiter)| &waiter.claim).filter(lives);
            due.extend(waiting().flat_map(|claim| claim.names(name)).filter(|of| *of != name));
            let holding = lock.holders.iter().map(|grant| &grant.claim).filter(lives);
            let inside = holding.chain(waiting());
            who.extend(inside.map(|claim| (claim.session, claim.owner())));
        }
        while let Some((session, owner)) = who.pop() {
            if owner != ALONE && asked.insert((session, owner)) {
                let waiting = machine.live_session(session).answers.waiting();
                budget = budget.checked_sub(waiting.len())?;
                let own = waiting.values().filter(|place| place.owner == owner);
                due.extend(own.flat_map(|place| place.names()));
            }
        }
    }
    Some(found)
}

/// From this level on, who was not examined stays in its turn.
const LEVEL_UNEXAMINED_STAYS: u32 = 2;
/// The place of the wait that is asked about in [`Search::waits`].
const NEW: usize = 0;
/// Steps of a circle that are told.
const SHOWN_MAX: usize = 8;
