//! A stranger who says that he is a peer: asked for a proof, refused with a sentence, and nobody else notices (W9).

use super::cluster::{Cluster, wait_until};
use super::speaker::Speaker;
use tenure::base::time::RHO_PPM;
use tenure::base::{ClusterId, DirectoryId, NodeId, Term};
use tenure::raft::{Message, VoteResponse};
use tenure::wire::{
    Challenge, ClientHello, ClientWelcome, FrameKind, Hello, PeerHello, PeerMessage, Proof,
    Refused, RefusedCode, Speech,
};

/// What a stranger learns from any welcome.
fn cluster_id(address: std::net::SocketAddr) -> Option<ClusterId> {
    let mut client = Speaker::dial(address);
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    client.say(FrameKind::ClientHello, &hello);
    client.hear().unwrap().decode::<ClientWelcome>().unwrap().cluster
}

fn hello(cluster: Option<ClusterId>) -> PeerHello {
    let (node, to, directory) = (NodeId(77), NodeId(1), DirectoryId([7; 16]));
    PeerHello { node, to, directory, cluster, boot: 1, rho_ppm: RHO_PPM }
}

#[test]
fn w9_a_stranger_who_says_that_he_is_peer_77_is_refused_and_others_are_served() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    wait_until(&node, |seen| seen.is_leader);
    let id = cluster_id(node.address());
    assert!(id.is_some());
    let named = |cluster| Hello::Peer(hello(cluster), Speech::own()).to_values();
    let answers: [&dyn Fn(&mut Speaker); 3] = [
        &|one| one.say(FrameKind::Proof, &Proof { mac: [0; 32] }.to_values()),
        &|one| {
            let (code, text) = (RefusedCode::Node, "no key".to_owned());
            one.say(FrameKind::Refused, &Refused { code, text });
        },
        &|one| one.say(FrameKind::Proof, &Proof { mac: [9; 32] }.to_values()),
    ];
    for answer in answers {
        let mut stranger = Speaker::dial(node.address());
        stranger.say(FrameKind::Hello, &named(id));
        let asked = stranger.hear().unwrap();
        assert_eq!(asked.kind, FrameKind::Challenge);
        assert!(Challenge::from_values(&asked.decode().unwrap()).is_ok());
        answer(&mut stranger);
        let refused: Refused = stranger.hear().unwrap().decode().unwrap();
        assert_eq!(refused.code, RefusedCode::Node);
        assert!(refused.text.contains("node 77 is not a member"), "{}", refused.text);
        assert!(refused.text.contains("tenure member add 77"), "{}", refused.text);
        assert!(stranger.hear().is_none());
    }
    // Who does not wait for the answer, and votes.
    let mut hasty = Speaker::dial(node.address());
    hasty.say(FrameKind::Hello, &named(id));
    let vote = VoteResponse { term: Term(u64::MAX), granted: true };
    hasty.say(FrameKind::Peer, &PeerMessage::Raft(Message::VoteResponse(vote)));
    let heard = hasty.hear_to_the_end();
    assert!(heard.iter().all(|frame| frame.kind == FrameKind::Challenge), "{heard:?}");
    // As 0.1.0 says it.
    let mut old = Speaker::dial(node.address());
    old.say(FrameKind::PeerHello, &hello(id));
    assert_eq!(old.hear().map(|frame| frame.kind), Some(FrameKind::Refused));
    let status = Speaker::client(node.address()).status(1);
    assert_eq!((status.leader, node.failure()), (Some(NodeId(1)), None));
    assert!(node.leadership().term < Term(1 << 32));
}
