//! What one apply does besides answering, gathered while it runs.
//!
//! Whose oldest holder changed is not asked of every lock, nor kept in the state: each step that puts another one
//! in the first place notes who stood there before, and the end of the apply compares. An entry that changes
//! nothing of the kind allocates nothing for it.

use super::command::Name;
use super::delay::Delayed;
use super::machine::LockMachine;
use super::{Asked, Change, Granted};
use crate::base::Token;

/// The parts of [`Applied`](super::Applied) that any step may add to.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) granted: Vec<Granted>,
    pub(super) delayed: Vec<Delayed>,
    pub(super) asked: Vec<Asked>,
    touched: Vec<Touched>,
}

/// A lock whose oldest holder changed, perhaps not for the first time in this apply.
struct Touched {
    name: Name,
    /// The oldest holder before, if there was one. Tokens never come again (L4): the same one is the same holder.
    before: Option<Token>,
}

impl Effects {
    /// The oldest holder of `name` is about to be another one.
    pub(super) fn note_oldest(&mut self, name: &Name, before: Option<Token>) {
        self.touched.push(Touched { name: name.clone(), before });
    }

    /// The oldest holder of `name` stays, and shows another value: that counts as if nobody had held it before.
    pub(super) fn note_value(&mut self, name: &Name) {
        self.note_oldest(name, None);
    }

    /// The locks that have another oldest holder than before the apply, each once, in byte order. What was
    /// freed and handed on is one change, and a lock that nobody was in before or after is none.
    pub(super) fn take_changes(&mut self, machine: &LockMachine) -> Vec<Change> {
        let mut touched = std::mem::take(&mut self.touched);
        // Stable: of each lock the first note, which knows who held it before the apply, stays the first.
        touched.sort_by(|one, next| one.name.cmp(&next.name));
        touched.dedup_by(|later, first| later.name == first.name);
        let changed = |touched: Touched| {
            let now = machine.oldest(&touched.name).map(|grant| grant.token);
            (now != touched.before).then(|| {
                let holder = machine.holding(&touched.name);
                Change { name: touched.name, holder }
            })
        };
        touched.into_iter().filter_map(changed).collect()
    }
}
