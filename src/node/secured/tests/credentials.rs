//! Clients with a credential in place of a certificate, at a node whose state has none.

use super::*;
use crate::base::locks::AccessChange;
use crate::base::{Credential, SECRET_BYTES, Subject};
use crate::wire::{Hello, Order, Speech};

fn credential() -> Credential {
    Credential::new("client/web".parse().unwrap(), [7; SECRET_BYTES]).unwrap()
}

fn hello(credential: Option<Credential>) -> crate::wire::Values {
    let client = ClientHello { client: "test".to_owned(), cluster: None };
    Hello::Client(client, Speech::own(), credential).to_values()
}

/// Checks that a client was refused, and told `why`.
#[track_caller]
fn refused((inputs, frames): (Vec<Input>, Vec<Frame>), why: &str) {
    assert!(inputs.is_empty(), "{inputs:?}");
    let [frame] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(frame.kind, FrameKind::Refused);
    let text = frame.decode::<Refused>().unwrap().text;
    assert!(text.contains(why), "{text}");
    assert!(!text.contains("0707"), "{text}");
}

impl Stand {
    /// A client that says that a credential follows.
    fn without_certificate(&mut self) -> Connection {
        let client = self.papers.client_with_credential(&credential());
        self.hand(1, &client, Expected::AnyNode)
    }
}

#[test]
fn a_credential_that_the_state_does_not_have_is_refused_in_a_sentence() {
    let mut stand = Stand::new();
    let dialed = stand.without_certificate();
    let said = stand.say_on(dialed, FrameKind::Hello, &hello(Some(credential())));
    refused(said, "the credential of client/web is not the one that this cluster has");
    assert_eq!(stand.network.links.client_count(), 0);
}

#[test]
fn who_announces_one_and_shows_nothing_is_nobody_in_either_form_of_a_hello() {
    let mut stand = Stand::new();
    let dialed = stand.without_certificate();
    let said = stand.say_on(dialed, FrameKind::Hello, &hello(None));
    refused(said, "says that a credential follows and shows none");
    let fixed = ClientHello { client: "test".to_owned(), cluster: None };
    let dialed = stand.without_certificate();
    let said = stand.say_on(dialed, FrameKind::ClientHello, &fixed);
    refused(said, "says that a credential follows and shows none");
    let dialed = stand.without_certificate();
    let said = stand.say_on(dialed, FrameKind::PeerHello, &peer(1));
    refused(said, "only the certificate of node/1 may speak as node 1, and there is none here");
}

#[test]
fn nobody_is_two_and_nobody_says_a_secret_in_the_clear() {
    let mut stand = Stand::demanding(TlsMode::Optional);
    let dialed = stand.dial("tenure:client/a");
    let said = stand.say_on(dialed, FrameKind::Hello, &hello(Some(credential())));
    refused(said, "two identities");
    let dialed = Connection::dial(stand.address, 1 << 20).unwrap();
    let said = stand.say_on(dialed, FrameKind::Hello, &hello(Some(credential())));
    refused(said, "came without TLS, so that others may know it by now: revoke it");
}

#[test]
fn who_has_neither_is_told_so_by_the_handshake_as_ever() {
    let mut stand = Stand::new();
    let client = stand.papers.client_with_nothing();
    let dialed = stand.hand(1, &client, Expected::AnyNode);
    let (inputs, frames) = stand.say_on(dialed, FrameKind::Hello, &hello(None));
    assert!(inputs.is_empty() && frames.is_empty(), "{inputs:?} {frames:?}");
}

/// More than it takes to look at all connections of a test.
const TURNS: u32 = 16;

/// A cluster of one node, at the level of credentials.
struct Served {
    stand: Stand,
    /// A client in the node's process, which may change credentials.
    operator: Connection,
    asked: u64,
}

impl Served {
    fn new() -> Self {
        let stand = Stand::of(1, vec![(NodeId(1), "127.0.0.1:1".to_owned())], TlsMode::Required);
        let mut operator = stand.network.local_node("a:1", "a:1").dial(1 << 20).unwrap();
        operator.queue(FrameKind::Hello, &hello(None)).unwrap();
        operator.flush().unwrap();
        let mut served = Self { stand, operator, asked: 0 };
        let is_there = |stand: &Stand| {
            stand.server.is_ready() && stand.server.status(&clock::sample()).level == Some(3)
        };
        while !is_there(&served.stand) {
            served.turn();
        }
        served
    }

    fn turn(&mut self) {
        let Stand { network, server, .. } = &mut self.stand;
        let mut inputs = Vec::new();
        network.wait(server.next_deadline()).unwrap();
        network.collect(server, &mut inputs);
        server.step(&mut inputs, network).unwrap();
        network.flush_links();
    }

    fn change(&mut self, change: AccessChange) {
        self.asked += 1;
        let request = Request::Order { read: self.asked, order: Order::Access { change } };
        self.operator.queue(FrameKind::Request, &request).unwrap();
        self.operator.flush().unwrap();
    }

    /// A client that is welcomed by its credential.
    fn welcomed(&mut self) -> Connection {
        let clients = self.stand.network.links.client_count();
        let client = self.stand.papers.client_with_credential(&credential());
        let mut dialed = self.stand.hand(1, &client, Expected::AnyNode);
        dialed.queue(FrameKind::Hello, &hello(Some(credential()))).unwrap();
        while self.stand.network.links.client_count() == clients {
            dialed.flush().unwrap();
            self.turn();
            let _ = dialed.receive(&mut Vec::new(), 1 << 20);
        }
        dialed
    }

    fn created(&mut self) {
        let (principal, hash) = (Subject::from(&credential()), credential().hash());
        self.change(AccessChange::CreateCredential { principal, hash });
        while self.stand.server.credentials().is_none_or(|known| known.is_empty()) {
            self.turn();
        }
    }

    /// Turns until all were checked, some in each turn; only the operator is left.
    fn looked_at_all(&mut self) {
        let clients = |served: &Self| served.stand.network.links.client_count();
        for _ in 0..TURNS {
            if clients(self) > 1 {
                self.turn();
            }
        }
        assert_eq!(clients(self), 1);
    }

    fn revoked(&mut self) {
        self.change(AccessChange::RevokeCredential { principal: Subject::from(&credential()) });
        while self.stand.server.credentials().is_some_and(|known| !known.is_empty()) {
            self.turn();
        }
    }
}

#[test]
fn all_who_came_by_a_credential_are_hung_up_on_once_it_is_revoked_though_they_say_nothing() {
    let mut served = Served::new();
    served.created();
    let silent: Vec<_> = (0..5).map(|_| served.welcomed()).collect();
    served.revoked();
    served.looked_at_all();
    drop(silent);
}

#[test]
fn who_asks_before_its_turn_to_be_looked_at_has_come_is_not_served_either() {
    let mut served = Served::new();
    served.created();
    let mut dialed: Vec<_> = (0..5).map(|_| served.welcomed()).collect();
    served.revoked();
    let last = dialed.last_mut().unwrap();
    last.queue(FrameKind::Request, &Request::Status { read: 7 }).unwrap();
    last.flush().unwrap();
    let readable = (last.as_raw_fd(), Interest::Read, Ready::default());
    served.looked_at_all();
    poll::wait(&mut [readable], None).unwrap();
    let mut frames = Vec::new();
    while last.receive(&mut frames, 1 << 20).is_ok() {}
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::Refused], "no answer, and why: {frames:?}");
    let text = frames[0].decode::<Refused>().unwrap().text;
    assert!(text.contains("the credential of client/web was revoked"), "{text}");
}
