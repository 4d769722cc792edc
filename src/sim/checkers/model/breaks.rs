//! Breaks of all who hold a lock, in the model, where they are too many for one entry (L23).

use super::Model;
use super::line::Place;
use super::orders::{Wanted, disinherit};
use crate::base::Token;
use crate::lock::{BreakWay, Name};
use std::collections::BTreeSet;

/// One that is under way.
#[derive(Clone, Debug)]
pub(super) struct Break {
    pub(super) way: BreakWay,
    pub(super) heir: Option<String>,
    /// The newest grant that it is for.
    until: Token,
    /// The last grant that was told, or taken.
    done: Token,
    /// Grants that somebody asked for alone meanwhile.
    except: BTreeSet<Token>,
}

impl Model {
    /// Whether a break takes `name` from all up to a token: that one.
    pub(super) fn taken_until(&self, name: &Name) -> Option<Token> {
        let under_way = self.parts.breaks.get(name)?;
        (under_way.way == BreakWay::Now).then_some(under_way.until)
    }

    /// Whether the grant of `place` is to end by such a break.
    pub(super) fn is_to_end(&self, place: &Place) -> bool {
        let loses = |name| self.taken_until(name).is_some_and(|until| place.token <= until);
        place.holds() && place.wish.names.iter().any(loses)
    }

    /// Whether a break of all those goes on in later entries.
    pub(super) fn is_for_parts(&self, meant: &[Place], wanted: &Wanted<'_>) -> bool {
        if self.level < 3 || wanted.token != Token(0) {
            return false;
        }
        if self.taken_until(wanted.name).is_some() {
            return wanted.way == BreakWay::Now;
        }
        let names = |place: &Place| match wanted.way {
            BreakWay::Now => place.wish.names.len(),
            BreakWay::Ask { .. } => 1,
        };
        meant.iter().map(names).sum::<usize>() > self.parts.names_per_part
    }

    pub(super) fn begin_break(&mut self, wanted: &Wanted<'_>) {
        let holders = self.lines[wanted.name].holders();
        let until = holders.last().map_or(Token(0), |newest| newest.token);
        let (way, heir) = (wanted.way, wanted.to.map(str::to_owned));
        let under_way = Break { way, heir, until, done: Token(0), except: BTreeSet::new() };
        self.parts.breaks.insert(wanted.name.clone(), under_way);
        self.go_on_with_break(wanted.name);
    }

    /// An older break that asks all does so no more.
    pub(super) fn end_asking(&mut self, name: &Name) {
        if self.taken_until(name).is_none() {
            self.parts.breaks.remove(name);
        }
    }

    /// A break that asks all leaves out who was asked alone since.
    pub(super) fn except(&mut self, name: &Name, token: Token) {
        if let Some(under_way) = self.parts.breaks.get_mut(name) {
            under_way.except.insert(token);
        }
    }

    pub(super) fn go_on_with_break(&mut self, name: &Name) {
        while let Some(under_way) = self.parts.breaks.get(name).cloned() {
            let line = &self.lines[name];
            let is_left =
                |place: &&Place| place.token > under_way.done && place.token <= under_way.until;
            let next = line.holders().into_iter().find(is_left).cloned();
            let is_now = under_way.way == BreakWay::Now;
            let waits = line.waiters().next().is_some();
            let heir = under_way.heir.as_deref().filter(|_| is_now && waits);
            if !self.has_part_left() && (next.is_some() || heir.is_some()) {
                return;
            }
            let Some(next) = next else {
                self.parts.breaks.remove(name);
                if let Some(heir) = heir {
                    self.spend(self.parts.names_per_part / 16);
                    self.put_first(name, heir);
                }
                if is_now {
                    self.hand_over(name);
                }
                return;
            };
            match under_way.way {
                BreakWay::Now => self.take_one(name, next.token),
                BreakWay::Ask { grace_ms } => {
                    self.spend(1);
                    if !under_way.except.contains(&next.token) {
                        let to = under_way.heir.as_deref();
                        let (token, way) = (next.token, under_way.way);
                        self.ask(
                            std::slice::from_ref(&next),
                            &Wanted { name, token, way, to },
                            grace_ms,
                        );
                    }
                }
            }
            if let Some(under_way) = self.parts.breaks.get_mut(name) {
                under_way.done = next.token;
            }
        }
    }

    fn take_one(&mut self, name: &Name, token: Token) {
        let mut gone = self.end_taken(name, token);
        disinherit(&mut gone, name);
        let has_heir = gone.asked.as_ref().is_some_and(|asked| asked.heir.is_some());
        let heirs = if has_heir { self.parts.names_per_part / 16 } else { 0 };
        self.spend(gone.wish.names.len() + heirs);
        if gone.wish.names.len() > 1 {
            self.pass_on(&gone);
        }
    }
}
