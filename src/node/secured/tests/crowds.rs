//! Many handshakes at once, slow ones, and endless ones: their cost is bounded, and nobody else
//! waits for them.

use super::*;
use crate::node::handshakes::HANDSHAKES_PER_TURN;
use crate::node::places::Bounds;
use std::sync::Arc;

impl Stand {
    /// Whether the first message of this connection was answered.
    fn is_answered(&mut self, key: u64) -> bool {
        self.network.links.find(Key(key)).is_none_or(|link| link.connection.is_over_tls())
    }

    fn answered(&mut self, keys: std::ops::Range<u64>) -> usize {
        keys.filter(|key| self.is_answered(*key)).count()
    }

    /// Turns until `count` were closed.
    fn turn_until_complaints(&mut self, count: u64) {
        while self.network.complaints.count() < count {
            self.turn(&mut Vec::new());
        }
    }
}

/// A client's first message, as any TLS library sends it.
fn hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn who_says_a_byte_at_a_time_takes_no_turn_of_a_handshake() {
    let mut stand = Stand::new();
    let hello = hello();
    let (last, begin) = hello.split_last().unwrap();
    let mut slow = stand.connect(1);
    for byte in begin {
        slow.write_all(&[*byte]).unwrap();
        stand.turn(&mut Vec::new());
        assert_eq!(stand.network.handshakes.len(), 0);
    }
    assert_eq!(stand.network.greetings.len(), 1);
    slow.write_all(&[*last]).unwrap();
    let mut answer = [0; 1];
    slow.set_nonblocking(true).unwrap();
    while slow.read(&mut answer).is_err() {
        stand.turn(&mut Vec::new());
    }
    assert_eq!(answer, [0x16]);
}

#[test]
fn a_node_goes_before_all_who_came_before_it() {
    let mut stand = Stand::new();
    let others = 3 * HANDSHAKES_PER_TURN;
    let first = stand.network.links.next_key().0;
    let _others = stand.begin_handshakes(others);
    let _node = stand.dial("tenure:node/1");
    let node = stand.take_dialed(1).start;
    stand.turn(&mut Vec::new());
    assert!(stand.is_answered(node));
    assert_eq!(stand.answered(first..node), HANDSHAKES_PER_TURN - 1);
    assert_eq!(stand.network.handshakes.len(), others - (HANDSHAKES_PER_TURN - 1));
}

#[test]
fn who_only_says_that_he_is_a_node_takes_every_second_turn() {
    let mut stand = Stand::new();
    let uri = "tenure:client/a";
    let _liars: Vec<_> = (0..2 * HANDSHAKES_PER_TURN)
        .map(|_| stand.dial_from(1, uri, Expected::Node(NodeId(3))))
        .collect();
    let liars = stand.take_dialed(2 * HANDSHAKES_PER_TURN);
    let _others = stand.begin_handshakes(HANDSHAKES_PER_TURN);
    let others = liars.end..liars.end + HANDSHAKES_PER_TURN as u64;
    stand.turn(&mut Vec::new());
    assert_eq!(stand.answered(liars.clone()), HANDSHAKES_PER_TURN / 2);
    assert_eq!(stand.answered(others.clone()), HANDSHAKES_PER_TURN / 2);
    stand.turn(&mut Vec::new());
    assert_eq!(stand.answered(others), HANDSHAKES_PER_TURN);
}

#[test]
fn addresses_take_turns_whatever_each_of_them_brings() {
    let mut stand = Stand::new();
    let _many = stand.begin_handshakes(3 * HANDSHAKES_PER_TURN);
    let _one = stand.dial_from(2, "tenure:client/a", Expected::AnyNode);
    let one = stand.take_dialed(1).start;
    stand.turn(&mut Vec::new());
    assert!(stand.is_answered(one));
}

#[test]
fn half_open_handshakes_are_bounded_for_each_address_and_in_all() {
    let mut stand = Stand::new();
    stand.network.bounds = || Bounds { greetings: 6, greetings_of_one: 4, ..Bounds::now() };
    let mut strangers = Vec::new();
    let mut come = |stand: &mut Stand, from: u8, is_heard: bool| {
        strangers.push(stand.dial_from(from, "tenure:client/a", Expected::AnyNode));
        let next = stand.network.links.next_key();
        while stand.network.links.next_key() == next {
            stand.network.acceptor.handle_ready();
            let now = clock::boot_nanos();
            stand.network.accept(now, &mut Vec::new());
        }
        if is_heard {
            let source = stand.network.links.find(next).unwrap().source;
            stand.network.greetings.note_heard(next, source);
        }
        next
    };
    let first = come(&mut stand, 1, true);
    let keys: Vec<Key> = (0..3).map(|_| come(&mut stand, 1, false)).collect();
    assert_eq!((stand.network.greetings.len(), stand.network.complaints.count()), (4, 0));
    // Of one address: a connection whose message waits for us stays.
    come(&mut stand, 1, false);
    assert_eq!((stand.network.greetings.len(), stand.network.complaints.count()), (4, 1));
    assert!(stand.network.links.find(first).is_some());
    assert!(stand.network.links.find(keys[0]).is_none(), "the oldest that is silent goes");
    // In all: of the address that has the most.
    come(&mut stand, 2, false);
    let other = come(&mut stand, 2, false);
    assert_eq!((stand.network.greetings.len(), stand.network.complaints.count()), (6, 1));
    come(&mut stand, 3, false);
    assert_eq!((stand.network.greetings.len(), stand.network.complaints.count()), (6, 2));
    assert!(stand.network.links.find(other).is_some());
    assert!(stand.network.links.find(keys[1]).is_none());
}

#[test]
fn a_first_message_that_is_too_long_or_has_no_end_is_refused_at_once() {
    let mut stand = Stand::new();
    let too_long = [&[0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..], &[0; 100]].concat();
    let endless = [0x16, 3, 1, 0, 0].repeat(4000);
    for (count, bytes) in [too_long, endless].into_iter().enumerate() {
        let mut stranger = stand.connect(1);
        stranger.write_all(&bytes).unwrap();
        stand.turn_until_complaints(count as u64 + 1);
        let mut heard = Vec::new();
        // A reset comes of what nobody has read.
        let _ = stranger.read_to_end(&mut heard);
        assert_eq!(heard, [0x15, 3, 3, 0, 2, 2, 22], "an alert");
        assert_eq!(stand.network.greetings.len(), 0);
    }
}

#[test]
fn who_is_known_is_read_before_all_who_are_not_and_some_of_these_in_any_case() {
    let mut stand = Stand::new();
    let mut known = stand.network.local_node("a:3", "a:3").dial(1 << 20).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    known.queue(FrameKind::ClientHello, &hello).unwrap();
    known.flush().unwrap();
    let mut inputs = Vec::new();
    while inputs.is_empty() {
        stand.turn(&mut inputs);
    }
    let Input::ClientUp { connection, .. } = inputs[0] else { panic!("{inputs:?}") };
    // In the time of this node that goes by it may have dialed peers, too.
    let first = stand.network.links.next_key().0;
    let _others = stand.begin_handshakes(40);
    // The others are listed before it.
    for key in (first..first + 40).map(Key).chain([Key(connection.0)]) {
        let link = stand.network.links.find(key).unwrap();
        stand.network.backlog.add(key, link);
    }
    assert_eq!(stand.network.backlog.counts(), [0, 1, 40]);
    assert_eq!(stand.network.backlog.take_other(), Some(Key(connection.0)));
    // A turn whose work is done.
    let (network, server) = (&mut stand.network, &stand.server);
    network.hear_new(40, 0, server, &mut Vec::new());
    assert_eq!((network.backlog.counts(), network.handshakes.len()), ([0, 0, 24], 16));
}

#[test]
fn those_who_are_late_are_closed_some_in_each_turn() {
    let mut stand = Stand::new();
    let _silent: Vec<_> = (0..300).map(|_| stand.connect(1)).collect();
    while stand.network.greetings.len() < 300 {
        stand.turn(&mut Vec::new());
    }
    let late = clock::boot_nanos() + 6_000_000_000;
    stand.network.end_silent(late, &mut Vec::new());
    assert_eq!(stand.network.greetings.len(), 44);
    assert!(stand.network.greetings.next_deadline() <= late, "the next turn comes at once");
    stand.network.end_silent(late, &mut Vec::new());
    assert_eq!(stand.network.greetings.len(), 0);
}
