//! The handshake of a simulated server's process: the hello that it says, in which form, and how it answers those of others.

use crate::base::{ClientSource, ConnectionId, NodeId};
use crate::server::{Admission, Candidate, Input, Trust};
use crate::sim::checkers::Violation;
use crate::sim::network::{LineId, Network, Side};
use crate::sim::node::process::Process;
use crate::sim::node::talk::{Stage, frame};
use crate::sim::subjects::subject_of;
use crate::wire::{
    Challenge, ClientHello, Form, Frame, FrameKind, Hello, PeerHello, Proof, Refused, RefusedCode,
    Speech, Values,
};

impl Process {
    pub(in crate::sim) fn handle_accepted(
        &mut self,
        line: LineId,
        network: &mut Network,
        now: u64,
    ) {
        let Some(talk) = self.talks.get_mut(&line) else { return };
        if let Stage::Dialing(peer, form) = talk.stage {
            talk.stage = Stage::Greeting(peer, form);
            let side = talk.side;
            let hello = match form {
                Form::Fixed => frame(FrameKind::PeerHello, &self.server.hello(peer)),
                Form::Named => frame(FrameKind::Hello, &self.introduction(peer)),
            };
            network.send(now, line, side, hello);
        }
    }

    /// The hello, in the form that can grow.
    pub(in crate::sim) fn introduction(&self, to: NodeId) -> Values {
        Hello::Peer(self.server.hello(to), self.server.speech().clone()).to_values()
    }

    pub(in crate::sim) fn heard(&mut self, checked: Result<(), Violation>) {
        self.violation = self.violation.take().or(checked.err());
    }

    pub(in crate::sim) fn welcome_peer(
        &mut self,
        now: u64,
        line: LineId,
        (hello, speech, form): (&PeerHello, Speech, Form),
        network: &mut Network,
    ) {
        match self.server.check_hello(hello, &speech) {
            Ok(Admission::Granted(trust)) => {
                self.let_in(now, line, (hello, speech, form), trust, network);
            }
            Ok(Admission::Asked) => {
                let nonce = self.rng.bytes32();
                let candidate = Candidate { hello: hello.clone(), speech, nonce };
                let challenge = self.server.challenge(&candidate).to_values();
                let talk = self.talks.get_mut(&line).expect("it spoke");
                talk.stage = Stage::Challenged;
                talk.candidate = Some(Box::new((candidate, form)));
                network.send(now, line, Side::Acceptor, frame(FrameKind::Challenge, &challenge));
            }
            Err(refused) => self.refuse_peer(now, line, (refused, form), network),
        }
    }

    fn let_in(
        &mut self,
        now: u64,
        line: LineId,
        (hello, speech, form): (&PeerHello, Speech, Form),
        trust: Trust,
        network: &mut Network,
    ) {
        let welcome = match form {
            Form::Fixed => frame(FrameKind::PeerWelcome, &self.server.hello(hello.node)),
            Form::Named => frame(FrameKind::Welcome, &self.introduction(hello.node)),
        };
        network.send(now, line, Side::Acceptor, welcome);
        self.establish_peer(now, line, (hello, speech, trust), network);
    }

    fn refuse_peer(
        &mut self,
        now: u64,
        line: LineId,
        (refused, form): (Refused, Form),
        network: &mut Network,
    ) {
        self.odd[1] += u64::from(refused.code == RefusedCode::Directory);
        self.odd[2] += u64::from(refused.code == RefusedCode::Level);
        let refused = match form {
            Form::Fixed => refused.for_0_1(),
            Form::Named => refused,
        };
        network.send(now, line, Side::Acceptor, frame(FrameKind::Refused, &refused));
        self.hang_up(now, line, network);
    }

    /// What is said from the hello of a node that is not known to its welcome.
    pub(super) fn handle_candidacy(
        &mut self,
        now: u64,
        line: LineId,
        frame: &Frame,
        network: &mut Network,
    ) {
        let stage = self.talks.get(&line).map(|talk| talk.stage);
        match (stage, frame.kind) {
            (Some(Stage::Greeting(peer, _)), FrameKind::Challenge) => {
                self.heard(self.build().check(Challenge::NEEDS, &frame.kind));
                let values = frame.decode().expect("our own codec");
                let challenge = Challenge::from_values(&values).expect("our own challenge");
                self.answer_challenge(now, line, (peer, &challenge), network);
            }
            (_, FrameKind::Proof) => {
                let proof = frame.decode().map(|values| Proof::from_values(&values));
                self.try_candidate(now, line, proof.expect("our own codec").ok(), network);
            }
            _ => self.try_candidate(now, line, None, network),
        }
    }

    /// Answers a challenge to prove membership; `None`: it cannot.
    fn try_candidate(
        &mut self,
        now: u64,
        line: LineId,
        proof: Option<Proof>,
        network: &mut Network,
    ) {
        let candidate = self.talks.get_mut(&line).and_then(|talk| talk.candidate.take());
        let Some((candidate, form)) = candidate.map(|candidate| *candidate) else { return };
        let checked = match proof {
            Some(proof) => self.server.check_proof(&candidate, &proof),
            None => Err(self.server.has_not_proved(candidate.hello.node)),
        };
        let Candidate { hello, speech, .. } = candidate;
        match checked {
            Ok(()) => {
                self.odd[6] += 1;
                self.let_in(now, line, (&hello, speech, form), Trust::Vouched, network);
            }
            Err(refused) => self.refuse_peer(now, line, (refused, form), network),
        }
    }

    /// The peer that was dialed does not know this node yet.
    fn answer_challenge(
        &mut self,
        now: u64,
        line: LineId,
        (peer, challenge): (NodeId, &Challenge),
        network: &mut Network,
    ) {
        match self.server.prove(peer, challenge) {
            Ok(proof) => {
                network.send(now, line, Side::Dialer, frame(FrameKind::Proof, &proof.to_values()));
            }
            Err(refused) => {
                network.send(now, line, Side::Dialer, frame(FrameKind::Refused, &refused));
                self.hang_up(now, line, network);
            }
        }
    }

    pub(in crate::sim) fn handle_welcome(
        &mut self,
        now: u64,
        line: LineId,
        (welcome, speech): (&PeerHello, Speech),
        network: &mut Network,
    ) {
        match self.server.check_welcome(welcome, &speech) {
            Ok(()) => self.establish_peer(now, line, (welcome, speech, Trust::Vouched), network),
            Err(refused) => {
                self.odd[1] += u64::from(refused.code == RefusedCode::Directory);
                self.odd[2] += u64::from(refused.code == RefusedCode::Level);
                self.hang_up(now, line, network);
            }
        }
    }

    pub(in crate::sim) fn welcome_client(
        &mut self,
        now: u64,
        line: LineId,
        (hello, speech, form): (&ClientHello, &Speech, Form),
        network: &mut Network,
    ) {
        match self.server.welcome(hello.cluster, speech) {
            Ok(welcome) => {
                let welcome = match form {
                    Form::Fixed => frame(FrameKind::ClientWelcome, &welcome),
                    Form::Named => frame(FrameKind::Welcome, &self.server.welcome_values(welcome)),
                };
                network.send(now, line, Side::Acceptor, welcome);
                self.next_connection += 1;
                let connection = ConnectionId(self.next_connection);
                self.clients.insert(connection, line);
                let talk = self.talks.get_mut(&line).expect("it spoke");
                talk.establish(Stage::Client(connection), speech.abilities);
                let (source, abilities) = (ClientSource::default(), speech.abilities);
                let subject = subject_of(&hello.client);
                self.askers.connect(connection, subject.to_string());
                self.inputs.push(Input::ClientUp { connection, source, abilities, subject });
            }
            Err(refused) => {
                network.send(now, line, Side::Acceptor, frame(FrameKind::Refused, &refused));
                self.hang_up(now, line, network);
            }
        }
    }

    /// The newest connection to a peer replaces an older one.
    pub(in crate::sim) fn establish_peer(
        &mut self,
        now: u64,
        line: LineId,
        (hello, speech, trust): (&PeerHello, Speech, Trust),
        network: &mut Network,
    ) {
        let peer = hello.node;
        let talk = self.talks.get_mut(&line).expect("it spoke");
        talk.establish(Stage::Peer(peer), speech.abilities);
        if let Some(older) = self.peers.insert(peer, line)
            && older != line
            && let Some(talk) = self.talks.remove(&older)
        {
            network.close(now, older, talk.side);
        }
        self.redials.remove(&peer);
        self.rooms.note_connected(peer);
        self.inputs.push(Input::PeerUp { peer, directory: hello.directory, speech, trust });
    }
}
