//! O1, O2 and O6 on the replicated state: its invariants, its hash at each index, its tokens.

use super::Violation;
use super::model::{Line, Model};
use super::views::is_view_of;
use crate::base::{Index, SessionId, Token};
use crate::lock::{Command, LockMachine, LockView, Name};
use crate::raft::{Entry, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the machines of all nodes were seen to be.
#[derive(Debug)]
pub struct States {
    /// A machine that applies all that is committed, one by one, and never sees a snapshot.
    reference: LockMachine,
    hashes: BTreeMap<Index, u64>,
    newest: Index,
    /// The grants of the newest state.
    tokens: BTreeSet<(Name, Token)>,
    token_max: Token,
    /// Grants that were seen.
    pub grants: u64,
    /// States out of snapshots that were compared.
    pub snapshots: u64,
}

impl Default for States {
    fn default() -> Self {
        Self {
            reference: LockMachine::new(),
            hashes: BTreeMap::new(),
            newest: Index(0),
            tokens: BTreeSet::new(),
            token_max: Token(0),
            grants: 0,
            snapshots: 0,
        }
    }
}

impl States {
    /// The next committed entry, at `index`, with its command if it has one.
    pub fn follow(&mut self, index: Index, entry: &Entry, command: Option<&Command>) {
        if let Some(command) = command {
            self.reference.apply(index, entry.term, entry.header.proposer_unix_ms, command);
        }
        let size = self.reference.session_count() + self.reference.held_count();
        if size <= SMALL || index.0.is_multiple_of(size as u64 / 4) {
            self.hashes.insert(index, self.reference.state_hash());
        }
    }

    /// A restored cluster begins with `machine` at `index`. Tokens go on rising.
    pub fn restore(&mut self, index: Index, machine: LockMachine) {
        self.hashes = BTreeMap::from([(index, machine.state_hash())]);
        (self.newest, self.reference) = (index, machine);
    }

    /// O2: a snapshot that a node holds is of the state at its index.
    ///
    /// # Errors
    /// It is of another, or cannot be read.
    pub fn check_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Violation> {
        let index = snapshot.meta.index;
        let machine = LockMachine::decode(snapshot.data.bytes()).map_err(|error| {
            Violation::new("O2", format!("the snapshot of {index} cannot be read: {error}"))
        })?;
        self.snapshots += 1;
        let (hash, known) = (machine.state_hash(), self.hashes.get(&index).copied());
        if known.is_none_or(|known| known == hash) {
            return Ok(());
        }
        let what =
            format!("the snapshot of {index} hashes to {hash:016x}, the log to {known:016x?}");
        Err(Violation::new("O2", what))
    }

    /// Looks at a machine that has applied up to `applied`.
    ///
    /// # Errors
    /// What must not be.
    pub fn observe(
        &mut self,
        applied: Index,
        machine: &LockMachine,
        model: &Model,
    ) -> Result<(), Violation> {
        // A whole look costs as much as the state is large; at the same indexes on each node.
        let size = machine.session_count() + machine.held_count();
        if size > SMALL && !applied.0.is_multiple_of(size as u64 / 4) {
            return Ok(());
        }
        if catch_unwind(AssertUnwindSafe(|| machine.check_invariants())).is_err() {
            return Err(Violation::new(
                "O1",
                format!("the state at {applied} breaks an invariant"),
            ));
        }
        let hash = machine.state_hash();
        let known = *self.hashes.entry(applied).or_insert(hash);
        if known != hash {
            let what = format!("two machines at {applied} hash to {known:016x} and {hash:016x}");
            return Err(Violation::new("O2", what));
        }
        if applied > self.newest {
            self.newest = applied;
            let locks = machine.locks("", None, usize::MAX);
            if model.applied() == applied {
                compare(model, machine, &locks)?;
            }
            self.observe_holders(applied, machine, locks)?;
        }
        Ok(())
    }

    fn observe_holders(
        &mut self,
        applied: Index,
        machine: &LockMachine,
        locks: Vec<LockView>,
    ) -> Result<(), Violation> {
        let known = std::mem::take(&mut self.tokens);
        let before = self.token_max;
        for lock in locks {
            let oldest = (lock.token != Token(0)).then_some((lock.token, lock.session));
            let others = lock.others.iter().map(|other| (other.token, other.session));
            for (token, session) in oldest.into_iter().chain(others) {
                check_alive(applied, machine, &lock.name, session)?;
                let grant = (lock.name.clone(), token);
                if !known.contains(&grant) {
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
    let lines: Vec<(&Name, &Line)> = model.lines().collect();
    let same = |((name, line), view): (&(&Name, &Line), &LockView)| {
        **name == view.name && is_view_of(view, line)
    };
    if lines.len() == locks.len() && lines.iter().zip(locks).all(same) {
        return Ok(());
    }
    Err(Violation::new("O8", format!("at {at} the machine has {locks:?}, the log means {lines:?}")))
}

/// States up to this many sessions and locks are looked at after each step.
const SMALL: usize = 24;

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
        states.observe(Index(1), &LockMachine::new(), &model).unwrap();
        assert_eq!(states.observe(Index(1), &other, &model).unwrap_err().checker, "O2");
    }
}
