//! O1, O2 and O6 on the replicated state: its invariants, its hash at each index, its tokens.

use super::Violation;
use super::model::{Line, Model, ModelRights};
use super::views::is_view_of;
use crate::base::limits::NAMES_PER_PART;
use crate::base::{Index, SessionId, Token};
use crate::lock::{Command, LEVEL_MAX, LockMachine, LockView, Name};
use crate::raft::{Entry, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// States of the machines of all nodes.
#[derive(Debug)]
pub struct States {
    /// A machine that applies all that is committed, one by one, and never sees a snapshot.
    reference: LockMachine,
    /// Names that one entry frees and grants.
    pub names_per_part: usize,
    known: BTreeMap<Index, Known>,
    newest: Index,
    /// The grants of the newest state.
    tokens: BTreeSet<(Name, Token)>,
    /// Locks with more holders than a view shows: one that comes into view need not be new.
    cut: BTreeSet<Name>,
    token_max: Token,
    /// Grants that were seen.
    pub grants: u64,
    /// States out of snapshots that were compared.
    pub snapshots: u64,
    /// Every so many indexes are looked at.
    every: u64,
}

/// The state at an index.
#[derive(Clone, Copy, Debug)]
struct Known {
    hash: u64,
    /// Whether its invariants were.
    is_examined: bool,
}

/// How a machine came to its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Entry by entry, from one that was looked at before.
    Applied,
    /// Out of its directory or a snapshot since the last look.
    Loaded,
}

impl Default for States {
    fn default() -> Self {
        Self {
            reference: LockMachine::new(),
            names_per_part: NAMES_PER_PART,
            known: BTreeMap::new(),
            newest: Index(0),
            tokens: BTreeSet::new(),
            cut: BTreeSet::new(),
            token_max: Token(0),
            grants: 0,
            snapshots: 0,
            every: 1,
        }
    }
}

impl States {
    /// For a cluster whose entries free and grant so many names.
    #[must_use]
    pub fn in_parts_of(names: usize) -> Self {
        let reference = LockMachine::new().with_names_per_part(names);
        Self { reference, names_per_part: names, ..Self::default() }
    }

    /// Of states in which many wait for many names each, only one of so many is looked at.
    pub fn look_at_one_of(&mut self, many: u64) {
        self.every = many;
    }

    /// Whether the state at `index` is looked at: at the same indexes on each node. A whole look costs as much as the
    /// state is large, so that of a large one only some are.
    fn is_looked_at(&self, index: Index, machine: &LockMachine) -> bool {
        let size = (machine.session_count() + machine.held_count()) as u64;
        let every = if size <= SMALL { self.every } else { self.every.max(size / 2) };
        index.0.is_multiple_of(every)
    }

    /// The next committed entry, at `index`, with its command if it has one.
    pub fn follow(&mut self, index: Index, entry: &Entry, command: Option<&Command>) {
        if let Some(command) = command {
            self.reference.apply(index, entry.term, entry.header.proposer_unix_ms, command);
        }
        if self.is_looked_at(index, &self.reference) {
            let hash = self.reference.state_hash();
            self.known.insert(index, Known { hash, is_examined: false });
        }
    }

    /// A restored cluster begins with `machine` at `index`. Tokens go on rising.
    pub fn restore(&mut self, index: Index, machine: LockMachine) {
        let known = Known { hash: machine.state_hash(), is_examined: false };
        self.known = BTreeMap::from([(index, known)]);
        let names = self.names_per_part;
        (self.newest, self.reference) = (index, machine.with_names_per_part(names));
    }

    /// O2: a snapshot that a node holds is of the state at its index.
    ///
    /// # Errors
    /// It is of another, or cannot be read.
    pub fn check_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Violation> {
        let index = snapshot.meta.index;
        let machine = LockMachine::decode_blob(&snapshot.data, LEVEL_MAX).map_err(|error| {
            Violation::new("O2", format!("the snapshot of {index} cannot be read: {error}"))
        })?;
        self.snapshots += 1;
        let (hash, known) = (machine.state_hash(), self.known.get(&index).map(|known| known.hash));
        if known.is_none_or(|known| known == hash) {
            return Ok(());
        }
        let what =
            format!("the snapshot of {index} hashes to {hash:016x}, the log to {known:016x?}");
        Err(Violation::new("O2", what))
    }

    /// Looks at a machine that has applied up to `applied`. `origin` says how it came there.
    ///
    /// # Errors
    /// A violation.
    pub fn observe(
        &mut self,
        applied: Index,
        (machine, origin): (&LockMachine, Origin),
        model: &Model,
    ) -> Result<(), Violation> {
        if !self.is_looked_at(applied, machine) {
            return Ok(());
        }
        let hash = machine.state_hash();
        let known = self.known.entry(applied).or_insert(Known { hash, is_examined: false });
        if known.hash != hash {
            let known = known.hash;
            let what = format!("two machines at {applied} hash to {known:016x} and {hash:016x}");
            return Err(Violation::new("O2", what));
        }
        // A state that was reached by the same steps keeps its invariants; a state out of a snapshot was built again.
        let is_new = !std::mem::replace(&mut known.is_examined, true) || origin == Origin::Loaded;
        if is_new && catch_unwind(AssertUnwindSafe(|| machine.check_invariants())).is_err() {
            let what = format!("the state at {applied} breaks an invariant");
            return Err(Violation::new("O1", what));
        }
        if applied > self.newest {
            self.newest = applied;
            let locks = machine.locks("", None, usize::MAX);
            if model.applied() == applied {
                compare(model, machine, &locks)?;
            }
            self.observe_holders(applied, (machine, model), locks)?;
        }
        Ok(())
    }

    fn observe_holders(
        &mut self,
        applied: Index,
        (machine, model): (&LockMachine, &Model),
        locks: Vec<LockView>,
    ) -> Result<(), Violation> {
        let known = std::mem::take(&mut self.tokens);
        let before = self.token_max;
        let was_cut = std::mem::take(&mut self.cut);
        for lock in locks {
            if lock.holding as usize > 1 + lock.others.len() {
                self.cut.insert(lock.name.clone());
            }
            let oldest = (lock.token != Token(0)).then_some((lock.token, lock.session));
            let others = lock.others.iter().map(|other| (other.token, other.session));
            for (token, session) in oldest.into_iter().chain(others) {
                if !model.is_ending(session, applied) {
                    check_alive(applied, machine, &lock.name, session)?;
                }
                let grant = (lock.name.clone(), token);
                if !known.contains(&grant) && !was_cut.contains(&lock.name) {
                    self.observe_grant(before, &grant)?;
                }
                self.tokens.insert(grant);
            }
        }
        Ok(())
    }

    /// O6: a token that was not seen on its lock before is larger than all that were seen before.
    fn observe_grant(
        &mut self,
        before: Token,
        (name, token): &(Name, Token),
    ) -> Result<(), Violation> {
        if *token <= before {
            let what = format!("{name} is granted under {token}, after {before} was given");
            return Err(Violation::new("O6", what));
        }
        self.token_max = self.token_max.max(*token);
        self.grants += 1;
        Ok(())
    }
}

/// Whether a machine is in the state that the model says, of the same index. Each kind of difference has
/// the name of the rule that it breaks first.
///
/// # Errors
/// It is not.
pub fn compare(model: &Model, machine: &LockMachine, locks: &[LockView]) -> Result<(), Violation> {
    let at = model.applied();
    let alive: Vec<SessionId> = machine.sessions().map(|(session, _)| session).collect();
    for (session, known) in model.alive() {
        if !alive.contains(&session) {
            let what = format!(
                "at {at} session {session} of {} is gone, and nothing ended it",
                known.client
            );
            return Err(Violation::new("O12", what));
        }
    }
    for session in &alive {
        if model.session(*session).is_none_or(|known| known.ended.is_some()) {
            let what =
                format!("at {at} session {session} lives, which the log has ended or never begun");
            return Err(Violation::new("O10", what));
        }
    }
    compare_rights(model, machine)?;
    let lines: Vec<(&Name, &Line)> = model.lines().collect();
    let same = |((name, line), view): (&(&Name, &Line), &LockView)| {
        **name == view.name && is_view_of(view, line)
    };
    if lines.len() == locks.len() && lines.iter().zip(locks).all(same) {
        return Ok(());
    }
    Err(Violation::new("O8", format!("at {at} the machine has {locks:?}, the log means {lines:?}")))
}

fn compare_rights(model: &Model, machine: &LockMachine) -> Result<(), Violation> {
    let known = machine.rules(None, usize::MAX).into_iter().map(|rule| {
        let place = (rule.who.to_string(), rule.names.to_string());
        (place, rule.rights)
    });
    let (is_on, rules) = (machine.has_rights_on(), known.collect());
    let known = ModelRights { is_on, rules };
    if known == *model.rights() {
        return Ok(());
    }
    let (at, means) = (model.applied(), model.rights());
    Err(Violation::new(
        "O8",
        format!("at {at} the machine's rights are {known:?}, the log means {means:?}"),
    ))
}

/// States up to this many sessions and locks are looked at after each step.
const SMALL: u64 = 24;

fn check_alive(
    applied: Index,
    machine: &LockMachine,
    name: &Name,
    session: SessionId,
) -> Result<(), Violation> {
    if machine.session(session).is_some() {
        return Ok(());
    }
    Err(Violation::new(
        "O1",
        format!("at {applied} {name} is held by session {session}, which is not alive"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_does_not_rise_is_found() {
        let name = Name::try_from("x").unwrap();
        let mut states = States::default();
        states.observe_grant(Token(0), &(name.clone(), Token(5))).unwrap();
        let found = states.observe_grant(Token(5), &(name, Token(4))).unwrap_err();
        assert_eq!(found.checker, "O6");
    }

    #[test]
    fn two_machines_that_differ_at_one_index_are_found() {
        let mut states = States::default();
        let mut other = LockMachine::new();
        let open = crate::lock::Command::OpenSession {
            ttl_ms: 1000,
            key: crate::base::SessionKey([0; 16]),
            client: "c".into(),
        };
        other.apply(Index(1), crate::base::Term(1), 0, &open);
        let model = Model::default();
        let (fresh, from) = (LockMachine::new(), Origin::Loaded);
        states.observe(Index(1), (&fresh, from), &model).unwrap();
        assert_eq!(states.observe(Index(1), (&other, from), &model).unwrap_err().checker, "O2");
    }
}
