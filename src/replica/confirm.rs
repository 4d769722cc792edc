//! Requests that are answered only once a round has confirmed that this node still leads: renewals,
//! reads, the first message to an observer, and answers that are final for a client (safety §1
//! *Rounds*, L11, L18, R13).
//!
//! All that arrive in one turn share one round, opened after the last of them was read. A renewal
//! of a long TTL is not urgent: it takes the round of the next heartbeat, and costs none of its
//! own.

use super::metering::result_of_read;
use super::observers::Asking;
use super::turnwise::Turnwise;
use super::work::{Work, WorkKind};
use super::{Replica, ServerMessage};
use crate::base::limits::LOCKS_PER_READ_MAX;
use crate::base::meters::{RequestKind, RequestResult};
use crate::base::{ConnectionId, Index, ReadId, Sample, SessionId};
use crate::lock::{LockView, Name, Reader, Refusal};
use crate::wire::{OrderShown, Query, ReadAnswer};
use std::collections::{BTreeMap, VecDeque};

/// Requests that wait for their rounds.
#[derive(Clone, Debug, Default)]
pub struct Confirmations {
    gathering: Vec<Waiting>,
    /// One of the gathered requests is urgent.
    is_urgent: bool,
    rounds: BTreeMap<ReadId, Vec<Waiting>>,
    /// Confirmed requests that wait for the apply of their index: a commit may run ahead of this
    /// node's disk.
    confirmed: VecDeque<(Index, Vec<Waiting>)>,
    /// Confirmed and applied: cheap ones, in order.
    prompt: VecDeque<Waiting>,
    /// Confirmed and applied: expensive ones, of each connection in turn.
    searching: Turnwise<Waiting>,
    last: u64,
}

/// One request that a round must confirm.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The client's connection.
    pub connection: ConnectionId,
    /// The question.
    pub question: Question,
    /// When the request was received: a reading of BOOTTIME.
    pub since: u64,
}

/// A question that a round must confirm.
#[derive(Clone, Debug)]
pub enum Question {
    /// To acknowledge a renewal.
    Renewal { session: SessionId, number: u64 },
    /// To say that a session has ended, if so.
    SessionEnd { session: SessionId },
    /// To say that a session that attached has no grants and places beside the listed ones.
    Standing { session: SessionId },
    /// To answer a read.
    Read { read: u64, query: Query },
    /// To begin an observation, with the changes since an index.
    Observe { read: u64, asking: Asking, since: Option<Index> },
}

impl Question {
    /// The kind under which it is counted; the end of a session was counted when it was asked.
    fn kind(&self) -> Option<RequestKind> {
        match self {
            Self::Renewal { .. } => Some(RequestKind::Renew),
            Self::Read { .. } => Some(RequestKind::Read),
            Self::Observe { .. } => Some(RequestKind::Observe),
            Self::SessionEnd { .. } | Self::Standing { .. } => None,
        }
    }
}

impl Replica {
    /// Joins the round that this turn will open; refused if too much of its connection waits already.
    pub(super) fn ask(&mut self, connection: ConnectionId, question: Question) {
        let Err(question) = self.try_to_ask(connection, question) else { return };
        if let Some(kind) = question.kind() {
            self.count(kind, RequestResult::Busy);
        }
        match question {
            // The client repeats these by itself.
            Question::Renewal { .. } | Question::SessionEnd { .. } | Question::Standing { .. } => {}
            Question::Read { read, .. } => self.refuse_read(connection, read, Refusal::Busy),
            Question::Observe { read, asking, .. } => {
                self.leading.observers.give_up(connection, read, asking);
                self.refuse_read(connection, read, Refusal::Busy);
            }
        }
    }

    /// Joins the round that this turn will open.
    ///
    /// # Errors
    /// The question: too much of its connection waits already.
    pub(super) fn try_to_ask(
        &mut self,
        connection: ConnectionId,
        question: Question,
    ) -> Result<(), Question> {
        let is_urgent = !self.is_leisurely(&question);
        if !self.clients.begin_waiting(connection) {
            return Err(question);
        }
        let waiting = Waiting { connection, question, since: self.turn_began };
        self.confirmations.gathering.push(waiting);
        self.confirmations.is_urgent |= is_urgent;
        Ok(())
    }

    /// Whether the question can wait for the next heartbeat's round.
    fn is_leisurely(&self, question: &Question) -> bool {
        let Question::Renewal { session, .. } = question else { return false };
        let least = self.raft.heartbeat().saturating_mul(LEISURELY_HEARTBEATS);
        self.leading.sessions.length(session).is_some_and(|ttl| ttl >= least)
    }

    /// Asks raft for one round for all gathered requests.
    pub(super) fn open_confirmation(&mut self) {
        if self.confirmations.gathering.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.confirmations.gathering);
        self.confirmations.last += 1;
        let read = ReadId(self.confirmations.last);
        let asked = match std::mem::take(&mut self.confirmations.is_urgent) {
            true => self.raft.read(read),
            false => self.raft.read_leisurely(read),
        };
        if asked.is_ok() {
            self.confirmations.rounds.insert(read, waiting);
        } else {
            self.point_elsewhere(&waiting);
        }
    }

    /// The round is confirmed: everything committed when it was opened is at or below `index`.
    pub(super) fn handle_confirmed(&mut self, now: &Sample, read: ReadId, index: Index) {
        if let Some(waiting) = self.confirmations.rounds.remove(&read) {
            self.confirmations.confirmed.push_back((index, waiting));
            self.answer_applied(now);
        }
    }

    /// Answers requests that are confirmed and applied.
    pub(super) fn answer_applied(&mut self, now: &Sample) {
        while let Some((index, _)) = self.confirmations.confirmed.front()
            && *index <= self.applied
        {
            let (_, waiting) = self.confirmations.confirmed.pop_front().expect("looked at");
            for one in waiting {
                match one.question {
                    Question::Read { .. } | Question::Observe { .. } => {
                        self.confirmations.searching.push(one.connection, one);
                    }
                    _ => self.confirmations.prompt.push_back(one),
                }
            }
        }
        while self.work.may(WorkKind::Answer)
            && let Some(one) = self.confirmations.prompt.pop_front()
        {
            self.work.spend(WorkKind::Answer, 1);
            self.answer_confirmed(now, one);
        }
        while self.work.may(WorkKind::Answer)
            && let Some((_, one)) = self.confirmations.searching.pop()
        {
            self.answer_confirmed(now, one);
        }
    }

    /// Whether answers are left over for the next turn.
    pub(super) fn has_confirmed_left(&self) -> bool {
        let Confirmations { prompt, searching, .. } = &self.confirmations;
        !prompt.is_empty() || !searching.is_empty()
    }

    /// After this node's leadership: drops confirmed requests, which clients repeat elsewhere.
    pub(super) fn drop_confirmed(&mut self) {
        let confirmed = std::mem::take(&mut self.confirmations.confirmed);
        let prompt = std::mem::take(&mut self.confirmations.prompt);
        let searching = self.confirmations.searching.drain();
        let left: Vec<Waiting> =
            confirmed.into_iter().flat_map(|(_, all)| all).chain(prompt).chain(searching).collect();
        self.point_elsewhere(&left);
    }

    /// After this node's leadership: sends the clients of a round to the next leader.
    pub(super) fn handle_unconfirmed(&mut self, read: ReadId) {
        let waiting = self.confirmations.rounds.remove(&read).unwrap_or_default();
        self.point_elsewhere(&waiting);
    }

    fn point_elsewhere(&mut self, waiting: &[Waiting]) {
        for Waiting { connection, question, .. } in waiting {
            if let Some(kind) = question.kind() {
                self.count(kind, RequestResult::NotLeader);
            }
            self.clients.end_waiting(*connection);
            if let Question::Observe { read, asking, .. } = question {
                self.leading.observers.give_up(*connection, *read, *asking);
            }
            self.want_hint(*connection);
        }
        self.advance_hints();
    }

    fn answer_confirmed(&mut self, now: &Sample, waiting: Waiting) {
        let Waiting { connection, question, since: began } = waiting;
        self.clients.end_waiting(connection);
        let kind = question.kind();
        let mut result = RequestResult::Ok;
        match question {
            Question::Renewal { session, number } => {
                // L10: not once its expiry is decided. Then only the log knows how it ends.
                if self.restart_ttl(now, session) {
                    self.reply(connection, ServerMessage::Renewed { session, number });
                } else {
                    result = RequestResult::Expired;
                    if self.machine.session(session).is_none() {
                        self.tell_end(connection, session);
                    }
                }
            }
            Question::SessionEnd { session } => {
                if self.machine.session(session).is_none() {
                    self.tell_end(connection, session);
                } else {
                    // The session was created meanwhile: the client attaches again.
                    self.send_hint(connection);
                }
            }
            Question::Standing { session } => {
                if self.clients.session_of(connection) == Some(session) {
                    self.reply(connection, ServerMessage::Standing { session });
                }
            }
            Question::Read { read, query } => {
                result = self.answer_read(now, (connection, read), query);
            }
            Question::Observe { read, asking, since } => {
                if let Some(name) =
                    self.leading.observers.begin(connection, read, asking, self.applied)
                {
                    result = self.begin_observing(connection, read, &name, since);
                }
            }
        }
        if let Some(kind) = kind {
            self.count_since(kind, result, began, now.boot());
        }
    }

    /// Answers a read, or denies it, by the state of the answer (L27).
    fn answer_read(
        &mut self,
        now: &Sample,
        (connection, read): (ConnectionId, u64),
        query: Query,
    ) -> RequestResult {
        if let Some(denial) = self.denial_of_query(connection, &query) {
            self.work.spend(WorkKind::Answer, 2);
            self.deny_read(connection, read, &denial);
            return RequestResult::Denied;
        }
        let walk = self.units_of_walk(&query);
        let subject = self.subject(connection);
        let reader = self.machine.reader(&subject);
        let answer = self.answer_query(now, &reader, query);
        self.work.spend(WorkKind::Answer, walk + units_of(&answer));
        let (index, result) = (self.applied, result_of_read(&answer));
        self.reply(connection, ServerMessage::Read { read, index, answer });
        result
    }

    fn answer_query(&self, now: &Sample, reader: &Reader, query: Query) -> ReadAnswer {
        let remaining_ms = |lock: &LockView| {
            let remaining = self.leading.sessions.remaining(&lock.session, now);
            u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)
        };
        match query {
            Query::Lock { name } => {
                let lock = self.machine.lock(&name);
                let session_remaining_ms = lock.as_ref().map_or(0, remaining_ms);
                ReadAnswer::Lock { lock, session_remaining_ms }
            }
            Query::Locks { prefix, after, limit } => {
                if limit == 0 || limit as usize > LOCKS_PER_READ_MAX {
                    return ReadAnswer::Refused(Refusal::Invalid);
                }
                let limit = limit as usize;
                let mut locks = self.machine.locks_for(reader, &prefix, after.as_ref(), limit + 1);
                let more = locks.len() > limit;
                locks.truncate(limit);
                let locks = locks
                    .into_iter()
                    .map(|lock| {
                        let remaining = remaining_ms(&lock);
                        (lock, remaining)
                    })
                    .collect();
                ReadAnswer::Locks { locks, more }
            }
            Query::Validate { name, token } => {
                ReadAnswer::Valid(self.machine.is_held_by(&name, token))
            }
            Query::Waits { name, client } => {
                ReadAnswer::Valid(self.machine.waits(&name, client.as_deref()))
            }
            Query::Session { session } => ReadAnswer::Session(self.machine.session(session)),
            Query::Asked { names } if names.len() > LOCKS_PER_READ_MAX => {
                ReadAnswer::Refused(Refusal::Invalid)
            }
            Query::Asked { names } => {
                let names = names.iter().filter(|name| reader.may_read(name));
                let orders: Vec<OrderShown> =
                    names.filter_map(|name| self.order_shown(name)).collect();
                ReadAnswer::Asked(OrderShown::to_values(&orders))
            }
            Query::Rules { after, limit } => self.rules_shown(after.as_ref(), limit),
            Query::Allowed { subject, right, name } => {
                ReadAnswer::Valid(self.machine.rules_allow(&subject, right, name.as_ref()))
            }
        }
    }

    /// The units of work to walk along a queue, for a query that does.
    fn units_of_walk(&self, query: &Query) -> u64 {
        match query {
            Query::Waits { name, client: Some(_) } => self.machine.waiting(name) as u64 / 16,
            _ => 0,
        }
    }

    fn order_shown(&self, name: &Name) -> Option<OrderShown> {
        let (asked, heir) = self.machine.order(name)?;
        Some(OrderShown {
            name: name.clone(),
            token: asked.token,
            grace_ms: asked.grace_ms.into(),
            reason: asked.reason.as_ref().to_owned(),
            heir: heir.map(|heir| heir.as_ref().to_owned()),
        })
    }
}

/// The units of work to find and send an answer.
fn units_of(answer: &ReadAnswer) -> u64 {
    let of_lock = |lock: &LockView| {
        let shown = lock.waiters.len() + lock.others.len();
        4 + shown as u64 / 2 + Work::of_bytes(lock.value.len())
    };
    match answer {
        ReadAnswer::Lock { lock, .. } => 2 + lock.as_ref().map_or(0, of_lock),
        ReadAnswer::Locks { locks, .. } => {
            2 + locks.iter().map(|(lock, _)| of_lock(lock)).sum::<u64>()
        }
        ReadAnswer::Asked(_) | ReadAnswer::Rules(_) => 4 * LOCKS_PER_READ_MAX as u64,
        ReadAnswer::Valid(_)
        | ReadAnswer::Session(_)
        | ReadAnswer::Refused(_)
        | ReadAnswer::Denied { .. } => 2,
    }
}

/// A renewal waits for a heartbeat, and its answer for another one, only if the TTL has at least so
/// many heartbeats.
const LEISURELY_HEARTBEATS: u32 = 64;
