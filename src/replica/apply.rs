//! Applies committed entries to the lock machine, and tells clients of the effects.

use super::leading::Creation;
use super::raising::Raising;
use super::work::{IsLate, Work, WorkKind};
use super::{ApplyError, Replica, ServerMessage};
use crate::base::{Index, RequestId, Sample, SessionId, codec};
use crate::lock::{
    Answer, Applied, AskedHolder, Command, Granted, HolderChange, Holding, HoldingRef, LockMachine,
    Name, Outcome, Refusal,
};
use crate::raft::{Entry, EntryKind, Event};

impl Replica {
    /// Queues entries `from ..= to` to be applied in order.
    pub(super) fn apply(
        &mut self,
        now: &Sample,
        (from, to): (Index, Index),
        is_late: IsLate<'_>,
    ) -> Result<(), ApplyError> {
        assert_eq!(from, self.to_apply.next(), "entries are applied in order, each once");
        self.to_apply = to;
        self.apply_part(now, is_late)
    }

    /// Applies as many entries as this turn may, and tells raft. A part ends between entries: the
    /// grants that an entry frees are made in its own apply (L5).
    pub(super) fn apply_part(
        &mut self,
        now: &Sample,
        is_late: IsLate<'_>,
    ) -> Result<(), ApplyError> {
        let before = self.applied;
        while self.is_behind()
            && self.work.may(WorkKind::Apply)
            && !self.leading.tellings.are_full()
        {
            let index = self.applied.next();
            self.apply_entry(now, index)?;
            self.applied = index;
            if self.raft.own_noop() == Some(index) {
                self.become_ready(now);
            }
            if self.work.wants_look() && is_late() {
                self.work.hurry();
            }
        }
        if self.applied > before {
            self.raft.handle(now, Event::Applied(self.applied));
        }
        self.answer_applied(now);
        Ok(())
    }

    fn apply_entry(&mut self, now: &Sample, index: Index) -> Result<(), ApplyError> {
        let Self { raft, machine, history, leading, work, .. } = self;
        let entry = raft.entry(index).expect("a committed entry is in the log");
        let bytes = entry.payload.bytes().len();
        work.spend(WorkKind::Apply, 2 + Work::of_bytes(bytes));
        match entry.header.kind {
            EntryKind::NoOp | EntryKind::Relinquish => {}
            EntryKind::Membership => self.handle_membership_applied(index),
            EntryKind::Command => {
                let looked = machine.looked();
                let (mut changed, mut observed) = (0, Vec::new());
                let applied = apply_command(machine, entry, |name, holder| {
                    changed += 1;
                    history.record(index, name, holder);
                    if leading.observers.any_of(name) {
                        let (name, holder) = (name.clone(), holder.map(Holding::from));
                        observed.push(HolderChange { name, holder });
                    }
                })?;
                work.spend(WorkKind::Apply, machine.looked() - looked + changed);
                self.handle_applied(now, (index, bytes), applied);
                self.tell_changes(index, observed);
            }
        }
        Ok(())
    }

    /// Pushes to clients: first the locks that were taken from holders, then replies and new
    /// grants. The entry at `index` has so many `bytes`.
    fn handle_applied(&mut self, now: &Sample, (index, bytes): (Index, usize), applied: Applied) {
        let Applied { outcome, granted, delayed, asked, freed, denied, .. } = applied;
        let told = granted.len() + delayed.len() + asked.len() + freed.len() + denied.len();
        self.work.spend(WorkKind::Apply, told as u64);
        self.count_applied(index, outcome.as_ref(), now.boot());
        self.begin_delays(now, delayed);
        self.push_asked(asked);
        if let Some(outcome) = outcome {
            self.handle_outcome(now, (index, bytes), outcome);
        }
        self.tell_denied(denied);
        for Granted { session, request, token } in granted {
            self.answer(session, request, Answer::Granted { token });
        }
        self.tell_closed(freed);
    }

    fn handle_outcome(&mut self, now: &Sample, (index, bytes): (Index, usize), outcome: Outcome) {
        match outcome {
            Outcome::SessionOpened { session, ttl_ms } => {
                self.begin_session(now, index, session, ttl_ms);
            }
            Outcome::SessionRefused(refusal) => {
                if let Some(creation) = self.take_creation(index) {
                    let Creation { opener, number } = creation;
                    self.leading.shares.give_back(opener);
                    let message = ServerMessage::SessionRefused { number, refusal };
                    self.reply(opener.connection, message);
                }
            }
            Outcome::Answered { session, request, answer } => {
                if let Some(connection) = self.clients.connection_of(session) {
                    self.clients.end_logged(connection, bytes);
                }
                self.answer(session, request, answer);
            }
            Outcome::SessionEnded { session } => {
                self.leading.sessions.remove(&session);
                self.leading.shares.remove(session);
                if let Some(connection) = self.clients.unbind(session) {
                    self.reply(connection, ServerMessage::SessionEnded { session });
                }
            }
            Outcome::SessionEnding { session } => {
                self.leading.sessions.remove(&session);
                self.leading.shares.remove(session);
                if let Some(connection) = self.clients.unbind(session) {
                    self.tell_end(connection, session);
                }
            }
            Outcome::SettingsChanged(settings) => {
                ::log::debug!("settings in force: {settings:?}");
                self.leading.raising = Raising::Waiting;
                self.adopt_settings();
            }
            Outcome::RestoreOver => self.handle_restore_over(now),
            Outcome::AccessChanged(result) => self.handle_access_changed(index, result),
        }
    }

    /// Tells holders that they are asked to end, or that their lock was taken (L23); an absent
    /// client hears it when it attaches.
    pub(super) fn push_asked(&mut self, asked: Vec<AskedHolder>) {
        for AskedHolder { session, name, token, grace_ms, reason } in asked {
            if let Some(connection) = self.clients.connection_of(session) {
                let reason = reason.as_ref().to_owned();
                let message = ServerMessage::Asked { session, name, token, grace_ms, reason };
                self.reply(connection, message);
            }
        }
    }

    /// Answers a session's client; an absent one hears it when it attaches.
    pub(super) fn answer(&mut self, session: SessionId, request: RequestId, answer: Answer) {
        let Some(connection) = self.clients.connection_of(session) else { return };
        if let Answer::Denied { right, name } = answer {
            return self.deny_request(connection, (session, request), right, name);
        }
        let message = ServerMessage::Answered { session, request, answer };
        let message = match message.needs() {
            needed if self.clients.abilities(connection).cover(needed) => message,
            // The nearest answer that 0.1.0 has.
            _ => {
                let answer = Answer::Refused(Refusal::Invalid);
                ServerMessage::Answered { session, request, answer }
            }
        };
        self.reply(connection, message);
    }
}

/// Applies an entry that holds a command: a function of the machine and the entry alone (L2). `changed` hears of each
/// lock whose oldest holder, or its value, changed.
fn apply_command(
    machine: &mut LockMachine,
    entry: &Entry,
    changed: impl FnMut(&Name, Option<HoldingRef<'_>>),
) -> Result<Applied, ApplyError> {
    let command = decode_command(entry, machine.level_max())?;
    let Entry { index, term, ref header, .. } = *entry;
    Ok(machine.apply_telling(index, term, header.proposer_unix_ms, &command, changed))
}

/// The command in an entry, as decoded by a build that reads no level above `level_max`.
pub(super) fn decode_command(entry: &Entry, level_max: u32) -> Result<Command, ApplyError> {
    let index = entry.index;
    let format = u32::from(entry.header.format);
    if !(1..=level_max).contains(&format) {
        let why = format!("it is of level {format}, this version reads up to level {level_max}");
        return Err(ApplyError { index, why, is_newer: true });
    }
    let command: Command = codec::decode(entry.payload.bytes()).map_err(|error| ApplyError {
        index,
        why: error.to_string(),
        is_newer: false,
    })?;
    if command.level() > format {
        let why = format!("it says level {format}, and holds what is of level {}", command.level());
        return Err(ApplyError { index, why, is_newer: false });
    }
    Ok(command)
}
