//! O8 on what servers say without being asked: what is to end, which grants stand for who attaches, and who
//! holds what is observed.

use super::model::{Line, Model};
use super::replies::Window;
use crate::base::checksum::crc32c;
use crate::base::{ConnectionId, Index, NodeId, RequestId, SessionId, Token};
use crate::lock::{Answer, Name};
use crate::wire::{HolderSaid, ServerMessage};
use std::collections::{BTreeMap, BTreeSet};

/// For each connection that was attached: to which session, and which of its acquires it was told to hold since.
#[derive(Debug, Default)]
pub struct Rolls(BTreeMap<(NodeId, ConnectionId), (SessionId, BTreeSet<RequestId>)>);

impl Rolls {
    /// `node` says `message` on a connection.
    pub fn follow(&mut self, to: (NodeId, ConnectionId), message: &ServerMessage) {
        match message {
            ServerMessage::Attached { session } => {
                self.0.insert(to, (*session, BTreeSet::new()));
            }
            ServerMessage::Answered { session, request, answer: Answer::Granted { .. } } => {
                if let Some((attached, roll)) = self.0.get_mut(&to)
                    && attached == session
                {
                    roll.insert(*request);
                }
            }
            _ => {}
        }
    }

    /// Whether all that `session` holds was said: else its client ends what stands (L23).
    #[must_use]
    pub fn is_complete(
        &self,
        model: &Model,
        window: Window,
        to: (NodeId, ConnectionId),
        session: SessionId,
    ) -> bool {
        let Some((attached, roll)) = self.0.get(&to) else { return false };
        let held_before = model.places_of(session, window.from);
        let held_before: BTreeSet<RequestId> = held_before
            .into_iter()
            .filter(|place| place.holds())
            .map(|place| place.request)
            .collect();
        let holds = model.places_of(session, window.to).into_iter().filter(|place| place.holds());
        // What was granted in this very step is perhaps said behind it.
        let mut stands = holds.filter(|place| held_before.contains(&place.request));
        *attached == session && stands.all(|place| roll.contains(&place.request))
    }
}

/// Whether `session` was to be told that it is to end `token` within `grace_ms`; 0: that it was taken.
#[must_use]
pub fn is_asked(
    model: &Model,
    window: Window,
    (session, name, token): (SessionId, &Name, Token),
    grace_ms: u32,
) -> bool {
    if grace_ms == 0 {
        let client = model.session(session).map(|session| &session.client);
        let grant = model.grant(token).filter(|grant| grant.names.contains(name));
        let taken = model.taken(token).map(|index| index.0 & INDEX);
        return grant.is_some_and(|grant| Some(&grant.client) == client)
            && taken.is_some_and(|index| window.from.0 < index && index <= window.to.0);
    }
    let is_so = |line: &Line| {
        let mut own = line.places.iter().filter(|place| place.session == session);
        own.any(|place| {
            let asked = place.asked.as_ref().filter(|_| place.token == token);
            asked.is_some_and(|asked| asked.name == *name && asked.grace_ms == grace_ms)
        })
    };
    let between = model.changes(name, window.from, window.to.next());
    let mut lines =
        std::iter::once(window.from).chain(between).filter_map(|at| model.line_at(name, at));
    lines.any(is_so)
}

/// Whether there is a lock whose oldest holder was `holder` at `index`. Which one is meant, only the client knows.
#[must_use]
pub fn is_holder(model: &Model, window: Window, index: Index, holder: Option<&HolderSaid>) -> bool {
    let Some(said) = holder else { return index <= window.to };
    let names = model.grant(said.token).map(|grant| grant.names.as_slice()).unwrap_or_default();
    let mut oldest = names.iter().filter_map(|name| model.line_at(name, index)?.oldest());
    let is_it = |value: u32, token: Token| (value, token) == (crc32c(&said.value), said.token);
    index <= window.to && oldest.any(|place| is_it(place.value, place.token))
}

/// The bits of an index behind the incarnation.
const INDEX: u64 = (1 << 48) - 1;
