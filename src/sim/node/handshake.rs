//! The handshake of a simulated server's process: the hello that it says, in which form, and how it answers those of others.

use crate::base::{ClientSource, ConnectionId, NodeId};
use crate::server::Input;
use crate::sim::checkers::Violation;
use crate::sim::network::{LineId, Network, Side};
use crate::sim::node::process::Process;
use crate::sim::node::talk::{Stage, frame};
use crate::wire::{ClientHello, Form, FrameKind, Hello, PeerHello, RefusedCode, Speech, Values};

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

    /// What it says of itself, in the form that can grow.
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
            Ok(()) => {
                let welcome = match form {
                    Form::Fixed => frame(FrameKind::PeerWelcome, &self.server.hello(hello.node)),
                    Form::Named => frame(FrameKind::Welcome, &self.introduction(hello.node)),
                };
                network.send(now, line, Side::Acceptor, welcome);
                self.establish_peer(now, line, (hello, speech), network);
            }
            Err(refused) => {
                self.odd[1] += u64::from(refused.code == RefusedCode::Directory);
                self.odd[2] += u64::from(refused.code == RefusedCode::Level);
                let refused = match form {
                    Form::Fixed => refused.for_0_1(),
                    Form::Named => refused,
                };
                network.send(now, line, Side::Acceptor, frame(FrameKind::Refused, &refused));
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
        match self.server.check_hello(welcome, &speech) {
            Ok(()) => self.establish_peer(now, line, (welcome, speech), network),
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
                    Form::Named => {
                        frame(FrameKind::Welcome, &welcome.to_values(self.server.speech()))
                    }
                };
                network.send(now, line, Side::Acceptor, welcome);
                self.next_connection += 1;
                let connection = ConnectionId(self.next_connection);
                self.clients.insert(connection, line);
                let talk = self.talks.get_mut(&line).expect("it spoke");
                talk.establish(Stage::Client(connection), speech.abilities);
                let (source, abilities) = (ClientSource::default(), speech.abilities);
                self.inputs.push(Input::ClientUp { connection, source, abilities });
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
        (hello, speech): (&PeerHello, Speech),
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
        self.inputs.push(Input::PeerUp { peer, directory: hello.directory, speech });
    }
}
