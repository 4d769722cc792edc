//! Who shows a credential in the place of a certificate, to a node whose state has none.

use super::*;
use crate::base::{Credential, SECRET_BYTES};
use crate::wire::{Hello, Speech};

fn credential() -> Credential {
    Credential::new("client/web".parse().unwrap(), [7; SECRET_BYTES]).unwrap()
}

fn hello(credential: Option<Credential>) -> crate::wire::Values {
    let client = ClientHello { client: "test".to_owned(), cluster: None };
    Hello::Client(client, Speech::own(), credential).to_values()
}

/// What whoever is refused is told.
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
    /// One who says that a credential follows.
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
