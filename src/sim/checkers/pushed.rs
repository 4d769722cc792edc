//! O8 on messages that servers send without being asked: grants that are to end, grants of a client that attaches,
//! holders of an observed lock.

use super::model::{Line, Model};
use super::replies::Window;
use crate::base::checksum::crc32c;
use crate::base::{ConnectionId, Index, NodeId, RequestId, SessionId, Token};
use crate::lock::{Answer, Name};
use crate::wire::{HolderSaid, ServerMessage};
use std::collections::{BTreeMap, BTreeSet};

/// Messages on each connection that speaks for a session.
#[derive(Debug, Default)]
pub struct Rolls {
    said: BTreeMap<(NodeId, ConnectionId), Roll>,
    /// The connection through which each node speaks to a session: the one that attached last.
    homes: BTreeMap<(NodeId, SessionId), ConnectionId>,
}

/// Messages on one connection about its session since it was attached.
#[derive(Debug)]
struct Roll {
    session: SessionId,
    listing: Listing,
    /// Acquires that were granted.
    granted: BTreeSet<RequestId>,
    /// Grants that are to end.
    asked: BTreeSet<Token>,
}

/// Where the list of what stands has come to, which follows `Attached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    UnderWay,
    Complete,
}

impl Rolls {
    /// `node` says `message` on a connection.
    pub fn follow(&mut self, to: (NodeId, ConnectionId), message: &ServerMessage) {
        match message {
            ServerMessage::Attached { session } => self.begin(to, *session, Listing::UnderWay),
            ServerMessage::SessionOpened { session, .. } => {
                self.begin(to, *session, Listing::Complete);
            }
            ServerMessage::Standing { session } => {
                if let Some(roll) = self.roll_mut(to, *session) {
                    roll.listing = Listing::Complete;
                }
            }
            ServerMessage::Answered { session, request, answer: Answer::Granted { .. } } => {
                if let Some(roll) = self.roll_mut(to, *session) {
                    roll.granted.insert(*request);
                }
            }
            ServerMessage::Asked { session, token, .. } => {
                if let Some(roll) = self.roll_mut(to, *session) {
                    roll.asked.insert(*token);
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
        let Some(roll) = self.said.get(&to).filter(|roll| roll.session == session) else {
            return false;
        };
        let held = |index| {
            let places = model.places_of(session, index).into_iter();
            places.filter(|place| place.holds()).map(|place| place.request).collect()
        };
        stood(window, held).all(|request| roll.granted.contains(&request))
    }

    /// Checks that `session` was told of every grant that it is to end, when it was asked or when it attached (L23).
    /// For answers that show that this connection speaks for it: not for refusals, which any connection may get.
    #[must_use]
    pub fn is_asked_all(
        &self,
        model: &Model,
        window: Window,
        to: (NodeId, ConnectionId),
        session: SessionId,
    ) -> bool {
        let is_home = self.homes.get(&(to.0, session)) == Some(&to.1);
        let roll = self.said.get(&to).filter(|roll| is_home && roll.session == session);
        let roll = roll.filter(|_| model.was_asked(session));
        let Some(roll) = roll.filter(|roll| roll.listing == Listing::Complete) else { return true };
        let asked = |index| {
            let places = model.places_of(session, index).into_iter();
            places.filter(|place| place.asked.is_some()).map(|place| place.token).collect()
        };
        stood(window, asked).all(|token| roll.asked.contains(&token))
    }

    fn begin(&mut self, to: (NodeId, ConnectionId), session: SessionId, listing: Listing) {
        let (granted, asked) = (BTreeSet::new(), BTreeSet::new());
        self.said.insert(to, Roll { session, listing, granted, asked });
        self.homes.insert((to.0, session), to.1);
    }

    fn roll_mut(&mut self, to: (NodeId, ConnectionId), session: SessionId) -> Option<&mut Roll> {
        self.said.get_mut(&to).filter(|roll| roll.session == session)
    }
}

/// Grants both before and after a step: one that began in it may be told behind it.
fn stood<T: Ord>(window: Window, at: impl Fn(Index) -> BTreeSet<T>) -> impl Iterator<Item = T> {
    let before = at(window.from);
    at(window.to).into_iter().filter(move |one| before.contains(one))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Owner, SessionKey, Term};
    use crate::lock::{Acquire, BreakWay, Command, Mode, Operation};

    const SESSION: SessionId = SessionId(1);
    const TO: (NodeId, ConnectionId) = (NodeId(1), ConnectionId(1));

    fn name() -> Name {
        Name::try_from("x").unwrap()
    }

    fn window(from: u64, to: u64) -> Window {
        Window { from: Index(from), to: Index(to) }
    }

    fn request(number: u64, operation: Operation) -> Command {
        let (request, floor) = (RequestId(number), RequestId(1));
        Command::Request { session: SESSION, request, floor, operation }
    }

    fn break_lock(number: u64, way: BreakWay) -> Command {
        let (token, to, reason) = (Token(0), None, String::new());
        request(number, Operation::Break { name: name(), token, way, to, reason })
    }

    /// Granted under token 1 by entry 2, asked to end within 100 ms by entry 3, and taken by entry 4.
    fn model() -> Model {
        let key = SessionKey([0; 16]);
        let open = Command::OpenSession { ttl_ms: 500, key, client: "c".into() };
        let acquire = request(
            1,
            Operation::Acquire(Acquire {
                name: name(),
                value: vec![1],
                mode: Mode::Exclusive,
                limit: 0,
                permits: 1,
                owner: Owner(0),
                delay_ms: 0,
                try_only: false,
            }),
        );
        let asked = break_lock(2, BreakWay::Ask { grace_ms: Some(100) });
        let mut model = Model::default();
        for (index, command) in (1..).zip([open, acquire, asked, break_lock(3, BreakWay::Now)]) {
            model.apply(Index(index), Term(1), Some(&command));
        }
        model
    }

    #[test]
    fn what_was_not_asked_or_with_another_grace_is_found() {
        let (model, name) = (model(), name());
        let asked = |from, to, grace_ms| {
            is_asked(&model, window(from, to), (SESSION, &name, Token(1)), grace_ms)
        };
        assert!(asked(2, 3, 100) && asked(3, 3, 100) && asked(3, 4, 0));
        assert!(!asked(1, 2, 100) && !asked(2, 3, 99) && !asked(4, 4, 100));
        assert!(!asked(2, 3, 0), "it was not taken yet");
    }

    #[test]
    fn a_grant_that_who_attaches_is_not_told_is_found() {
        let (model, mut rolls) = (model(), Rolls::default());
        let stands = window(2, 3);
        assert!(!rolls.is_complete(&model, stands, TO, SESSION), "it has not attached");
        rolls.follow(TO, &ServerMessage::Attached { session: SESSION });
        assert!(!rolls.is_complete(&model, stands, TO, SESSION));
        let answer = Answer::Granted { token: Token(1) };
        let (session, request) = (SESSION, RequestId(1));
        rolls.follow(TO, &ServerMessage::Answered { session, request, answer });
        assert!(rolls.is_complete(&model, stands, TO, SESSION));
        assert!(rolls.is_complete(&model, window(4, 4), TO, SESSION), "it was taken");
    }

    #[test]
    fn who_is_not_told_what_it_is_to_end_is_found() {
        let (model, mut rolls, session) = (model(), Rolls::default(), SESSION);
        let (attached, standing) =
            (ServerMessage::Attached { session }, ServerMessage::Standing { session });
        let (name, reason) = (name(), String::new());
        let asked = ServerMessage::Asked { session, name, token: Token(1), grace_ms: 100, reason };
        let are_told = |rolls: &Rolls, from, to| {
            let window = window(from, to);
            rolls.is_asked_all(&model, window, TO, session)
        };
        rolls.follow(TO, &attached);
        assert!(are_told(&rolls, 3, 3), "it is still being told what stands");
        rolls.follow(TO, &standing);
        assert!(are_told(&rolls, 2, 3), "it may be said behind the step");
        assert!(!are_told(&rolls, 3, 3));
        assert!(are_told(&rolls, 3, 4), "it was taken");
        rolls.follow(TO, &asked);
        assert!(are_told(&rolls, 3, 3));
        rolls.follow(TO, &attached);
        rolls.follow(TO, &standing);
        assert!(!are_told(&rolls, 3, 3), "it was not told again");
        rolls.follow((TO.0, ConnectionId(2)), &attached);
        assert!(are_told(&rolls, 3, 3), "another connection speaks for it");
    }

    #[test]
    fn a_holder_that_nobody_observes_so_is_found() {
        let model = model();
        let said = |value| HolderSaid {
            token: Token(1),
            client: "c".into(),
            value: vec![value],
            since_unix_ms: 0,
        };
        let holds =
            |index, value| is_holder(&model, window(2, 4), Index(index), Some(&said(value)));
        assert!(holds(2, 1) && holds(3, 1));
        assert!(!holds(4, 1) && !holds(3, 2) && !holds(5, 1));
    }
}
