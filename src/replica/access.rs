//! Access rules at a leader (safety L27): changes of them, and judgements outside an apply.
//!
//! A logged request is judged in its apply. A read is judged when it is answered, by the state of
//! the answer. An order of operators is judged when it is taken up, and none is taken up while a
//! change of rights that this leader has proposed is not applied: so no order is in the log after
//! the change that forbids it.

use super::apply::decode_command;
use super::operators::Ordered;
use super::work::WorkKind;
use super::{Output, Replica, ServerMessage};
use crate::base::limits::ACCESS_RULES_PER_READ_MAX;
use crate::base::{ConnectionId, Index, RequestId, Right, SessionId, Subject};
use crate::lock::{
    ACCESS_LEVEL, AccessChange, AccessDone, AccessRefusal, Answer, Command, Denial, Denied, Name,
    Names, Needed, Refusal, Who,
};
use crate::raft::{Entry, EntryKind, Urgency};
use crate::wire::{Ability, AccessSaid, Order, OrderAnswer, Query, ReadAnswer, RulesShown};
use std::ops::Bound;

impl Replica {
    /// The identity of a connection's client.
    pub(super) fn subject(&self, connection: ConnectionId) -> Subject {
        self.clients.subject(connection).cloned().unwrap_or_default()
    }

    /// The denial of an order, if any: by the rules, or while they are off by the kind of identity.
    pub(super) fn denial_of_order(
        &self,
        connection: ConnectionId,
        order: &Order,
    ) -> Option<Denial> {
        let Needed::Cluster(right) = order.needed() else { return None };
        self.machine.denial_of_cluster(self.clients.subject(connection)?, right)
    }

    /// Whether an order must wait until this leader has applied all changes of rights: those
    /// committed before it led, and those that it has proposed.
    pub(super) fn must_await_access(&self, order: &Order) -> bool {
        match order {
            Order::Access { .. } => !self.leading.is_ready() || self.raft.is_transferring(),
            _ if self.machine.has_rights_on() && !self.leading.is_ready() => true,
            _ => !self.leading.access.is_empty(),
        }
    }

    /// Proposes a change of rights; its client is answered once the change is applied.
    pub(super) fn change_access(&mut self, from: Ordered, change: AccessChange) {
        if self.machine.level() < ACCESS_LEVEL {
            return self.refuse_order(from, &self.why_there_are_no_rights());
        }
        if change == AccessChange::On
            && let Err(why) = self.check_all_require_tls()
        {
            return self.refuse_order(from, &why);
        }
        let by = self.subject(from.connection);
        if !self.clients.begin_waiting(from.connection) {
            return self.refuse_order(from, BUSY);
        }
        match self.propose(&Command::Access { by, change }, Urgency::Frees) {
            Ok(index) => drop(self.leading.access.insert(index, from)),
            Err(_) => {
                self.clients.end_waiting(from.connection);
                self.refuse_order(from, BUSY);
            }
        }
    }

    /// Why there are no rights yet: what their level waits for, which in a new cluster is over in a
    /// moment.
    fn why_there_are_no_rights(&self) -> String {
        let level = self.machine.level();
        let waits = self.level_waits().map_or_else(
            || "that is under way, try again".to_owned(),
            |why| format!("it waits for every node to be connected, and to run a version that has rights: {why}"),
        );
        format!(
            "the cluster is at level {level}, and rises by itself to level {ACCESS_LEVEL}, where rights begin: {waits}"
        )
    }

    /// Checks that all members demand TLS: with rights on, a plaintext client would have no
    /// identity.
    fn check_all_require_tls(&self) -> Result<(), String> {
        let own = (self.raft.id(), self.options.requires_tls);
        let others = self.other_members().map(|node| {
            let speech = self.peers.get(&node).map(|peer| &peer.speech);
            (node, speech.and_then(|speech| speech.requires_tls))
        });
        let lax = std::iter::once(own).chain(others).find(|(_, requires)| *requires != Some(true));
        let Some((node, requires)) = lax else { return Ok(()) };
        Err(match requires {
            Some(_) => format!(
                "rights stay off: node {node} still takes connections without TLS; start it with --tls required (as it is with --ca, --cert and --key), then try again"
            ),
            None if self.peers.contains_key(&node) || node == self.raft.id() => format!(
                "rights stay off: node {node} does not require TLS; start it with --ca, --cert and --key, then try again"
            ),
            None => format!(
                "rights stay off: node {node} is not connected, so that nobody knows whether it requires TLS; start it, or remove it from the members, then try again"
            ),
        })
    }

    /// A change of rights was applied, or refused.
    pub(super) fn handle_access_changed(
        &mut self,
        index: Index,
        result: Result<AccessDone, AccessRefusal>,
    ) {
        if result == Ok(AccessDone::Changed) || matches!(result, Ok(AccessDone::Denied { .. })) {
            // Observers are judged by the changed rules, and those without `read` are told.
            self.leading.judging = Some(Bound::Unbounded);
        }
        let Some(ordered) = self.leading.access.remove(&index) else { return };
        self.clients.end_waiting(ordered.connection);
        match result {
            Ok(done) => {
                let said = AccessSaid::of(index, &done);
                self.answer_order(ordered, OrderAnswer::Access(said.to_values()));
            }
            Err(AccessRefusal::Denied(denial)) => self.deny_order(ordered, &denial),
            Err(why) => self.refuse_order(ordered, &why.to_string()),
        }
    }

    pub(super) fn deny_order(&mut self, to: Ordered, denial: &Denial) {
        self.count_denial(denial.right.into());
        let text = denial.to_string();
        let knows = self.clients.abilities(to.connection).cover(Some(Ability::Denials));
        if !knows {
            self.note_denial(to.connection, text.clone());
        }
        let answer = match knows {
            true => OrderAnswer::Denied { text },
            false => OrderAnswer::Refused { text },
        };
        self.answer_order(to, answer);
    }

    /// Tells clients whose waits were refused, since their right was taken away.
    pub(super) fn tell_denied(&mut self, denied: Vec<Denied>) {
        for Denied { session, request, right, name } in denied {
            self.answer(session, request, Answer::Denied { right, name });
        }
    }

    /// Tells a client that a logged request of its session was denied, in a form that it
    /// understands.
    pub(super) fn deny_request(
        &mut self,
        connection: ConnectionId,
        (session, request): (SessionId, RequestId),
        right: Right,
        name: Name,
    ) {
        self.count_denial(right.into());
        let subject = self.machine.subject_of(session).cloned().unwrap_or_default();
        let is_by_kind = right.is_of_cluster();
        let text = Denial { subject, right, name: Some(name), is_by_kind }.to_string();
        if self.knows_access(connection) {
            return self.reply(connection, ServerMessage::Denied { session, request, text });
        }
        self.note_denial(connection, text);
        self.reply(connection, ServerMessage::unsupported(session, request));
    }

    fn knows_access(&self, connection: ConnectionId) -> bool {
        self.clients.abilities(connection).cover(Some(Ability::Access))
    }

    /// Notes a denial for the audit trail, also one that is told to a client without that ability.
    fn note_denial(&mut self, to: ConnectionId, text: String) {
        self.outputs.push(Output::NoteDenial { to, text });
    }

    /// The denial of a read, if any.
    pub(super) fn denial_of_query(
        &self,
        connection: ConnectionId,
        query: &Query,
    ) -> Option<Denial> {
        let nobody = Subject::default();
        let subject = self.clients.subject(connection).unwrap_or(&nobody);
        if !self.machine.has_rights_on() {
            let is_of_rules = matches!(query, Query::Rules { .. } | Query::Allowed { .. });
            let denial = || self.machine.denial_of_cluster(subject, Right::Admin);
            return is_of_rules.then(denial).flatten();
        }
        match query.needed() {
            Needed::Nothing | Needed::Session | Needed::Told(_) => None,
            Needed::Names { rights, first, also } => {
                let names = || std::iter::once(first).chain(also);
                let denied = |right: &Right| {
                    names().find_map(|name| self.machine.denial_for(subject, *right, name))
                };
                rights.iter().find_map(denied)
            }
            Needed::Cluster(right) => self.machine.denial_of_cluster(subject, right),
            Needed::OthersCluster(_) if self.concerns(subject, query) => None,
            Needed::OthersCluster(right) => self.machine.denial_of_cluster(subject, right),
        }
    }

    /// Whether a query is about its own client.
    fn concerns(&self, subject: &Subject, query: &Query) -> bool {
        match query {
            Query::Session { session } => self.machine.subject_of(*session) == Some(subject),
            Query::Allowed { subject: about, .. } => about == subject,
            _ => false,
        }
    }

    /// Denies a read, under the client's own number.
    pub(super) fn deny_read(&mut self, connection: ConnectionId, read: u64, denial: &Denial) {
        self.count_denial(denial.right.into());
        let text = denial.to_string();
        if !self.knows_access(connection) {
            self.note_denial(connection, text);
            return self.refuse_read(connection, read, Refusal::Denied);
        }
        let (index, answer) = (self.applied, ReadAnswer::Denied { text });
        self.reply(connection, ServerMessage::Read { read, index, answer });
    }

    pub(super) fn rules_shown(&self, after: Option<&(Who, Names)>, limit: u32) -> ReadAnswer {
        let limit = limit as usize;
        if limit == 0 || limit > ACCESS_RULES_PER_READ_MAX {
            return ReadAnswer::Refused(Refusal::Invalid);
        }
        let mut rules = self.machine.rules(after, limit + 1);
        let more = rules.len() > limit;
        rules.truncate(limit);
        let credentials = match more {
            true => Vec::new(),
            false => self.machine.credential_holders().cloned().collect(),
        };
        let is_on = self.machine.has_rights_on();
        ReadAnswer::Rules(RulesShown { is_on, rules, more, credentials }.to_values())
    }

    /// Continues to judge observers by changed rules: those without `read` are told, and forgotten.
    pub(super) fn judge_observers(&mut self) {
        while let Some(behind) = self.leading.judging
            && self.work.may(WorkKind::Tell)
        {
            self.work.spend(WorkKind::Tell, 2);
            let next = self.leading.observers.next(behind);
            self.leading.judging = next.as_ref().map(|(at, _)| Bound::Excluded(*at));
            let Some(((connection, read), name)) = next else { return };
            let subject = self.subject(connection);
            // An unconfirmed observer is judged when it begins, after its round.
            if self.leading.observers.is_told(&name, (connection, read))
                && let Some(denial) = self.machine.denial_for(&subject, Right::Read, &name)
            {
                self.end_observer(connection, read, &denial);
            }
        }
    }

    /// Ends an observer that has lost `read`: the denial is its last message.
    pub(super) fn end_observer(&mut self, connection: ConnectionId, read: u64, denial: &Denial) {
        self.leading.observers.remove(connection, read);
        self.deny_read(connection, read, denial);
    }

    /// After this node's leadership: the outcome of changes under way is for the next leader to
    /// tell.
    pub(super) fn end_access(&mut self, access: impl IntoIterator<Item = Ordered>) {
        for Ordered { connection, .. } in access {
            self.clients.end_waiting(connection);
            self.send_hint(connection);
        }
    }

    /// Whether this node leads, and has applied all that was committed before it did.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.leading.is_ready()
    }

    /// Whether rights are on and this node accepts plaintext, which it must not then.
    #[must_use]
    pub fn lacks_tls(&self) -> bool {
        self.machine.has_rights_on() && self.options.requires_tls != Some(true)
    }

    /// As `lacks_tls`, by the whole log, committed or not. Only TLS peers could tell this node what
    /// is committed: without TLS it would wait for ever, and accept connections meanwhile.
    #[must_use]
    pub fn will_lack_tls(&self) -> bool {
        if self.options.requires_tls == Some(true) {
            return false;
        }
        let ahead = self.raft.entries(self.applied.next(), self.raft.last_index());
        let commands = ahead.filter(|entry| entry.header.kind == EntryKind::Command);
        let changes = |entry: &Entry| {
            u32::from(entry.header.format) >= ACCESS_LEVEL
                && matches!(self.decoded(entry), Some(Command::Access { .. }))
        };
        if !commands.clone().any(changes) {
            return self.lacks_tls();
        }
        let mut rights = self.machine.rights_alone();
        for entry in commands {
            if let Some(command @ (Command::Settings(_) | Command::Access { .. })) =
                self.decoded(entry)
            {
                rights.apply(entry.index, entry.term, entry.header.proposer_unix_ms, &command);
            }
        }
        rights.has_rights_on()
    }

    fn decoded(&self, entry: &Entry) -> Option<Command> {
        decode_command(entry, self.options.level_max).ok()
    }
}

const BUSY: &str = "the leader takes no more at present: try again in a moment";
