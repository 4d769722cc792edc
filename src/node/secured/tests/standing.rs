//! Open connections while certificates end, and while the trusted authorities change.

use super::*;
use crate::base::{Sample, Verify};
use crate::net::TlsDialer;
use crate::node::examining::EXAMINATIONS_PER_TURN;
use std::io::{self, ErrorKind};
use std::net::TcpListener;

const HOUR: u64 = 3_600_000_000_000;

fn in_hours(hours: u64) -> Sample {
    let now = clock::sample();
    let more = hours * HOUR;
    Sample {
        boot_before: now.boot_before + more,
        monotonic: now.monotonic + more,
        raw: now.raw + more,
        boot_after: now.boot_after + more,
    }
}

/// The frames on a connection until its end.
fn hear(mut dialed: Connection) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        let readable = (dialed.as_raw_fd(), Interest::Read, Ready::default());
        poll::wait(&mut [readable], None).unwrap();
        if dialed.receive(&mut frames, 1 << 20).is_err() {
            return frames;
        }
    }
}

impl Stand {
    /// A client that was welcomed.
    fn welcomed(&mut self, mut dialed: Connection) -> Connection {
        let hello = ClientHello { client: "test".to_owned(), cluster: None };
        dialed.queue(FrameKind::ClientHello, &hello).unwrap();
        let mut inputs = Vec::new();
        while inputs.is_empty() {
            dialed.flush().unwrap();
            self.turn(&mut inputs);
            dialed.receive(&mut Vec::new(), 1 << 20).unwrap();
        }
        dialed
    }

    /// Files of the same node, with another authority of clients than `Papers`.
    fn that_trusts_other_clients(&mut self) -> Secured {
        let (cert, key) = self.papers.node_files("tenure:node/3").own.unwrap();
        let mut tls = NodeTls::new(self.papers.node_files("tenure:node/3").ca, cert, key);
        tls.client_ca = Some(self.papers.strange_authority());
        Secured::read(&tls, NodeId(3)).unwrap()
    }
}

#[test]
fn a_certificate_that_ends_takes_its_connection_with_it_and_both_sides_are_told() {
    let mut stand = Stand::new();
    let client = stand.papers.client_for_a_day("tenure:client/brief");
    let dialed = stand.dial_as(&client);
    let brief = stand.welcomed(dialed);
    let dialed = stand.dial("tenure:client/long");
    let _long = stand.welcomed(dialed);
    let mut inputs = Vec::new();
    stand.network.examine(&in_hours(23), &mut inputs);
    assert!(inputs.is_empty() && stand.network.links.client_count() == 2);
    stand.network.examine(&in_hours(25), &mut inputs);
    assert!(matches!(inputs[..], [Input::ClientDown { .. }]), "{inputs:?}");
    assert_eq!(stand.network.links.client_count(), 1);
    let frames = hear(brief);
    let refused = frames.last().unwrap().decode::<Refused>().unwrap();
    assert!(refused.is_closing());
    let refused = refused.text;
    let part = "this node closes the connection: the certificate of client/brief expired on ";
    assert!(refused.starts_with(part) && refused.contains(": renew it"), "{refused}");
}

#[test]
fn who_is_trusted_no_more_goes_and_some_in_each_turn() {
    let mut stand = Stand::new();
    let count = EXAMINATIONS_PER_TURN + 2;
    let clients: Vec<_> = (0..count)
        .map(|_| {
            let dialed = stand.dial("tenure:client/a");
            stand.welcomed(dialed)
        })
        .collect();
    let now = clock::sample();
    let renewed = stand.that_trusts_other_clients();
    stand.network.renew(renewed);
    let mut inputs = Vec::new();
    stand.network.examine(&now, &mut inputs);
    assert_eq!(stand.network.links.client_count(), 2);
    assert_eq!(stand.network.next_examination(), 0, "it goes on in the next turn");
    stand.network.examine(&now, &mut inputs);
    assert_eq!(stand.network.links.client_count(), 0);
    assert!(stand.network.next_examination() > now.boot());
    let ended = inputs.iter().filter(|input| matches!(input, Input::ClientDown { .. })).count();
    assert_eq!(ended, count);
    for client in clients {
        let frames = hear(client);
        let refused = frames.last().unwrap().decode::<Refused>().unwrap().text;
        assert!(
            refused.contains("client/a is not of an authority that is trusted here"),
            "{refused}"
        );
    }
}

#[test]
fn a_handshake_that_lasts_through_a_renewal_is_looked_at_behind_it() {
    let mut stand = Stand::new();
    let dialed = stand.begin_handshakes(1).pop().unwrap();
    let mut inputs = Vec::new();
    // The first half of it is by the old files.
    stand.turn(&mut inputs);
    let renewed = stand.that_trusts_other_clients();
    stand.network.renew(renewed);
    stand.network.examine(&clock::sample(), &mut inputs);
    assert!(inputs.is_empty());
    let dialed = stand.welcomed(dialed);
    stand.network.examine(&in_hours(1), &mut inputs);
    assert!(matches!(inputs[..], [Input::ClientDown { .. }]), "{inputs:?}");
    drop(dialed);
}

#[test]
fn the_same_authorities_end_nobody() {
    let mut stand = Stand::new();
    let dialed = stand.dial("tenure:client/a");
    let _client = stand.welcomed(dialed);
    let files = stand.papers.node_files("tenure:node/3");
    let (cert, key) = files.own.unwrap();
    let renewed = Secured::read(&NodeTls::new(files.ca, cert, key), NodeId(3)).unwrap();
    stand.network.renew(renewed);
    let mut inputs = Vec::new();
    stand.network.examine(&in_hours(1), &mut inputs);
    assert!(inputs.is_empty() && stand.network.links.client_count() == 1);
}

/// The principal that the admin endpoint sees for a caller with the certificate of `client`.
fn answered_by_admin(server: &TlsServer, client: &TlsClient) -> io::Result<Option<Principal>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialed = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    dialed.set_nonblocking(true).unwrap();
    let dialed = Connection::accepted(mio::net::TcpStream::from_std(dialed), 1 << 20).unwrap();
    let mut dialed = dialed.over_tls(client, Expected::Node(NodeId(3))).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    dialed.queue(FrameKind::ClientHello, &hello).unwrap();
    dialed.flush().unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut answering = server.answer().unwrap();
    loop {
        match answering.read(&socket, &mut [0; 1024]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read.map(|_| answering.peer().cloned()),
        }
        // The result does not matter: the other side reports why.
        let _ = dialed.receive(&mut Vec::new(), 1 << 20);
        let _ = dialed.flush();
    }
}

#[test]
fn the_admin_endpoint_and_clients_of_this_process_are_judged_by_what_was_renewed() {
    let mut stand = Stand::new();
    let admin = stand.network.handshakes.secured.as_ref().unwrap().admin_server();
    let client = stand.papers.client("tenure:client/a");
    let within = TlsDialer::read(&stand.papers.client_files("tenure:client/a"), Verify::Node);
    let (within, local) =
        (within.unwrap().shown().unwrap(), stand.network.local_node("a:3", "a:3"));
    let known = answered_by_admin(&admin(), &client).unwrap();
    assert_eq!(known.map(|known| known.to_string()).as_deref(), Some("client/a"));
    local.dial_as(Some(&within), 1 << 20).unwrap();
    let renewed = stand.that_trusts_other_clients();
    stand.network.renew(renewed);
    answered_by_admin(&admin(), &client).unwrap_err();
    local.dial_as(Some(&within), 1 << 20).unwrap_err();
    // And by what is renewed behind that.
    let files = stand.papers.node_files("tenure:node/3");
    let (cert, key) = files.own.unwrap();
    let renewed = Secured::read(&NodeTls::new(files.ca, cert, key), NodeId(3)).unwrap();
    stand.network.renew(renewed);
    answered_by_admin(&admin(), &client).unwrap();
    local.dial_as(Some(&within), 1 << 20).unwrap();
}
