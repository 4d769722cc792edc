//! Clients that do not read: bounded each and together, and told why they are disconnected.

use super::*;

/// Clients of this process that were welcomed, and their keys.
fn local_clients(
    network: &mut Network,
    server: &Server<FileDisk>,
    count: usize,
) -> Vec<(Connection, Key)> {
    let connect = |network: &mut Network| {
        let client = local_client(network);
        match turn(network, server)[..] {
            [Input::ClientUp { connection, .. }] => (client, Key(connection.0)),
            ref other => panic!("{other:?}"),
        }
    };
    (0..count).map(|_| connect(network)).collect()
}

/// Nearly a mebibyte, as one message of a server.
fn large_message() -> ServerMessage {
    let text = "x".repeat(1_000_000);
    ServerMessage::Described { read: 1, values: Values::new().with("text", Some(text)) }
}

/// The number of frames up to the end of the stream, and the reason of the end, if it was told.
fn read_to_the_end(client: &mut Connection, network: &mut Network, key: Key) -> (usize, String) {
    let (mut frames, mut count) = (Vec::new(), 0);
    loop {
        let ended = client.receive(&mut frames, 1 << 20).is_err();
        for frame in frames.drain(..) {
            if frame.kind == FrameKind::Refused {
                return (count, frame.decode::<Refused>().unwrap().text);
            }
            count += 1;
        }
        assert!(!ended, "nobody said why");
        if let Some(link) = network.links.find(key) {
            network.outputs.note_dirty(key, link);
        }
        network.flush_links();
    }
}

#[test]
fn of_clients_that_together_take_too_much_those_are_hung_up_on_who_have_not_read_for_longest() {
    let ((mut network, _), (server, _directory)) = (network(), server());
    let mut clients = local_clients(&mut network, &server, 40);
    let (message, now) = (large_message(), clock::boot_nanos());
    for round in 0..3 {
        for (place, (client, key)) in clients.iter_mut().enumerate() {
            // The later in the list, the later it took something; one reads all that it is sent.
            network.now = now.saturating_sub((40 - place as u64) * SECOND);
            network.queue(*key, FrameKind::Server, &message);
            network.flush_links();
            let mut frames = Vec::new();
            while place == 0 && frames.len() < 1 + usize::from(round == 0) {
                client.receive(&mut frames, 1 << 20).unwrap();
                let link =
                    network.links.find(*key).expect("a client that reads is not disconnected");
                network.outputs.note_dirty(*key, link);
                network.flush_links();
            }
        }
        assert!(network.links.held() <= CLIENT_BUFFERS_BYTES_MAX);
    }
    let mut inputs = Vec::new();
    network.collect(&server, &mut inputs);
    let down: Vec<Key> = (inputs.iter())
        .filter_map(|input| match input {
            Input::ClientDown { connection } => Some(Key(connection.0)),
            _ => None,
        })
        .collect();
    assert!(down.len() > 10 && down.len() < 35, "{}", down.len());
    assert!(down.iter().all(|key| *key != clients[0].1));
    let mut sorted = down.clone();
    sorted.sort();
    assert_eq!(down, sorted, "who has not read for longest goes first");
    for (client, key) in clients.iter_mut().filter(|(_, key)| down.contains(key)) {
        let (_, why) = read_to_the_end(client, &mut network, *key);
        assert!(why.contains("64 MiB") && why.contains("Let it read faster"), "{why}");
    }
}

#[test]
fn a_client_that_reads_nothing_is_told_so_at_its_own_bound() {
    let ((mut network, _), (server, _directory)) = (network(), server());
    let mut clients = local_clients(&mut network, &server, 1);
    let (client, key) = &mut clients[0];
    let message = large_message();
    for _ in 0..6 {
        network.queue(*key, FrameKind::Server, &message);
        network.flush_links();
    }
    assert_eq!(network.links.client_count(), 0);
    assert!(network.links.held() < 1 << 20, "what it will not read is forgotten");
    let mut inputs = Vec::new();
    network.collect(&server, &mut inputs);
    assert!(matches!(inputs[..], [Input::ClientDown { .. }]), "{inputs:?}");
    let (frames, why) = read_to_the_end(client, &mut network, *key);
    assert!(frames <= 2, "its welcome, and a frame that was under way");
    assert!(why.contains("4 MiB") && why.contains("disconnected"), "{why}");
    // Nobody waits for its end for ever.
    let later = clock::boot_nanos() + 31 * SECOND;
    network.advance_outputs(later, &mut Vec::new());
    assert_eq!(network.links.len(), 0);
}

#[test]
fn what_is_not_flushed_in_one_turn_is_in_the_next_and_peers_wait_for_none() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    let mut clients = local_clients(&mut network, &server, 1);
    let (client, key) = &mut clients[0];
    client.receive(&mut Vec::new(), 1 << 20).unwrap();
    let mut peer = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
    network.outputs.exhaust();
    network.queue(*key, FrameKind::Server, &ServerMessage::Leader(Default::default()));
    let standing = network.peers.standing(NodeId(1)).unwrap();
    network.queue(
        standing,
        FrameKind::Refused,
        &Refused { code: RefusedCode::State, text: "x".into() },
    );
    network.flush_links();
    let mut frames = Vec::new();
    client.receive(&mut frames, 1 << 20).unwrap();
    assert_eq!((frames.len(), network.next_deadline()), (0, 0));
    let mut decoder = FrameDecoder::new();
    let mut bytes = [0; 4096];
    let mut said = Vec::new();
    while said.last() != Some(&FrameKind::Refused) {
        let count = peer.read(&mut bytes).unwrap();
        decoder.push(&bytes[..count]);
        while let Some(frame) = decoder.next_frame().unwrap() {
            said.push(frame.kind);
        }
    }
    network.collect(&server, &mut Vec::new());
    network.flush_links();
    client.receive(&mut frames, 1 << 20).unwrap();
    assert_eq!(frames.len(), 1);
}
