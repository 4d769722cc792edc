//! Dispatches the frames of a connection by its role: first the hello, then messages.
//!
//! A hello is answered in its own form. From then on the other side is sent only what its hello
//! named.

use crate::base::NodeId;
use crate::base::limits::{CLIENT_NAME_BYTES_MAX, INFLIGHT_BYTES_MAX};
use crate::base::meters::{RequestKind, RequestResult};
use crate::net::{Closed, Key};
use crate::node::ending::Ending;
use crate::node::links::{Role, connection_id};
use crate::node::network::{CLIENT_UNACKNOWLEDGED_MAX, Network, PEER_UNACKNOWLEDGED_MAX};
use crate::server::{Admission, Candidate, Input, Server, Trust};
use crate::sys::{clock, random};
use crate::wal::Disk;
use crate::wire::{
    ClientHello, Form, FrameKind, FrameView, Hello, PeerHello, PeerMessage, Refused, RefusedCode,
    Request, ServerMessage, Speech, Submission,
};
use std::time::Duration;

impl Network {
    /// Handles one frame of the connection `key`.
    pub(super) fn handle_frame<D: Disk>(
        &mut self,
        key: Key,
        frame: FrameView<'_>,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        let Some(link) = self.links.find(key) else { return Ok(()) };
        match (link.role, frame.kind) {
            (Role::Client, FrameKind::Request) => self.take_request(key, frame, server, inputs),
            (Role::Peer(from), FrameKind::Peer) => {
                inputs.push(self.peer_input(from, frame.decode()?));
                Ok(())
            }
            (Role::Greeting, FrameKind::Hello) => {
                link.form = Form::Named;
                self.admit(key, Hello::from_values(&frame.decode()?)?, server, inputs)
            }
            (Role::Greeting, FrameKind::ClientHello) => {
                let hello = Hello::Client(frame.decode()?, Speech::of_0_1(), None);
                self.admit(key, hello, server, inputs)
            }
            (Role::Greeting, FrameKind::PeerHello) => {
                let hello = Hello::Peer(frame.decode()?, Speech::of_0_1());
                self.admit(key, hello, server, inputs)
            }
            (Role::Dialing(peer), FrameKind::Welcome) => {
                match Hello::from_values(&frame.decode()?)? {
                    Hello::Peer(welcome, speech) => {
                        self.handle_welcome(key, peer, (&welcome, speech), server, inputs)
                    }
                    Hello::Client(..) => Err(Ending::Misplaced(FrameKind::Welcome)),
                }
            }
            (Role::Dialing(peer), FrameKind::PeerWelcome) => {
                let welcome = (&frame.decode()?, Speech::of_0_1());
                self.handle_welcome(key, peer, welcome, server, inputs)
            }
            (Role::Dialing(peer), FrameKind::Challenge) => {
                self.answer_challenge(key, peer, frame, server)
            }
            (Role::Challenged, FrameKind::Proof | FrameKind::Refused) => {
                self.try_candidate(key, frame, server, inputs)
            }
            // The dialer may refuse our welcome.
            (Role::Dialing(_) | Role::Peer(_), FrameKind::Refused) => {
                Err(Ending::Refused(frame.decode()?))
            }
            (Role::Greeting, kind) => {
                let text = format!("the first frame must be a hello, not {kind:?}");
                refuse(RefusedCode::State, text)
            }
            (_, kind) => Err(Ending::Misplaced(kind)),
        }
    }

    /// Takes a client's request. A leader under too much load refuses it before decoding: under
    /// load each microsecond counts.
    fn take_request<D: Disk>(
        &mut self,
        key: Key,
        frame: FrameView<'_>,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        if server.is_saturated()
            && let Some((session, request)) = Request::submitted(frame.body)
        {
            self.turns.meters().count_request(RequestKind::Unread, RequestResult::Busy);
            self.queue(key, FrameKind::Server, &ServerMessage::busy(session, request));
            return Ok(());
        }
        self.verify_again(key)?;
        let connection = connection_id(key);
        if self.is_client(key)
            && let Some(asked) = Submission::read(frame.body)
        {
            inputs.push(Input::Submission { connection, asked });
            return Ok(());
        }
        let request = frame.decode()?;
        if self.is_allowed(key, &request, server)? {
            let leads = server.leads();
            self.note_for_audit(key, &request, leads);
            inputs.push(Input::Client { connection, request });
        }
        Ok(())
    }

    fn peer_input(&mut self, from: NodeId, message: PeerMessage) -> Input {
        if let PeerMessage::Raft(message) = &message {
            self.turns.note_message(from, message);
        }
        Input::Peer { from, message }
    }

    /// Handles the hello of a dialer.
    fn admit<D: Disk>(
        &mut self,
        key: Key,
        hello: Hello,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        match hello {
            Hello::Client(hello, speech, credential) => {
                self.identify(key, credential, server)?;
                self.admit_client(key, (&hello, speech), server, inputs)
            }
            Hello::Peer(hello, speech) => self.admit_peer(key, (&hello, speech), server, inputs),
        }
    }

    fn admit_client<D: Disk>(
        &mut self,
        key: Key,
        (hello, speech): (&ClientHello, Speech),
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        if hello.client.len() > CLIENT_NAME_BYTES_MAX {
            let text = format!("a client's name has at most {CLIENT_NAME_BYTES_MAX} bytes");
            return refuse(RefusedCode::State, text);
        }
        let form = self.note_speech(key, &speech);
        let welcome = server.welcome(hello.cluster, &speech).map_err(Ending::Refusing)?;
        self.check_place(key)?;
        self.become_role(key, Role::Client, CLIENT_UNACKNOWLEDGED_MAX)?;
        match form {
            Form::Fixed => self.queue(key, FrameKind::ClientWelcome, &welcome),
            Form::Named => {
                self.queue(key, FrameKind::Welcome, &server.welcome_values(welcome));
            }
        }
        let source = self.links.source(key).unwrap_or_default();
        let subject = self.subject_of(key);
        let (connection, abilities) = (connection_id(key), speech.abilities);
        inputs.push(Input::ClientUp { connection, source, abilities, subject });
        Ok(())
    }

    fn admit_peer<D: Disk>(
        &mut self,
        key: Key,
        (hello, speech): (&PeerHello, Speech),
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        self.note_speech(key, &speech);
        self.check_peer_identity(key, hello.node)?;
        match server.check_hello(hello, &speech).map_err(Ending::Refusing)? {
            Admission::Granted(trust) => {
                self.welcome_peer(key, (hello, speech), trust, server, inputs)
            }
            Admission::Asked => {
                let candidate =
                    Candidate { hello: hello.clone(), speech, nonce: random::bytes32() };
                self.challenge(key, candidate, server);
                Ok(())
            }
        }
    }

    pub(super) fn welcome_peer<D: Disk>(
        &mut self,
        key: Key,
        (hello, speech): (&PeerHello, Speech),
        trust: Trust,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        let Some(form) = self.links.find(key).map(|link| link.form) else { return Ok(()) };
        let peer = hello.node;
        if self.peers.is_dialed_by_us(peer) && self.peers.standing(peer).is_some() {
            let text = format!("node {} dials node {peer}, since its id is lower", self.own);
            return refuse(RefusedCode::State, text);
        }
        // The same directory is the same node, started again. Another one is a second node, which must
        // not push the first out (fault NT40); after the founding `check_hello` knows which is right.
        if self.peers.directory(peer).is_some_and(|directory| directory != hello.directory) {
            let text = format!(
                "another node {peer}, with another data directory, is connected: give one of them another id"
            );
            log::error!("{text}");
            return refuse(RefusedCode::Node, text);
        }
        self.become_role(key, Role::Peer(peer), PEER_UNACKNOWLEDGED_MAX)?;
        let own = server.hello(peer);
        match form {
            Form::Fixed => self.queue(key, FrameKind::PeerWelcome, &own),
            Form::Named => {
                let welcome = Hello::Peer(own, server.speech().clone());
                self.queue(key, FrameKind::Welcome, &welcome.to_values());
            }
        }
        self.stand(key, (hello, speech), trust, inputs);
        Ok(())
    }

    fn handle_welcome<D: Disk>(
        &mut self,
        key: Key,
        peer: NodeId,
        (welcome, speech): (&PeerHello, Speech),
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        self.note_speech(key, &speech);
        server.check_welcome(welcome, &speech).map_err(Ending::Refusing)?;
        if welcome.node != peer {
            let text = format!(
                "node {} answers at the address of node {peer}: correct --cluster",
                welcome.node
            );
            return refuse(RefusedCode::Node, text);
        }
        self.become_role(key, Role::Peer(peer), PEER_UNACKNOWLEDGED_MAX)?;
        self.stand(key, (welcome, speech), Trust::Vouched, inputs);
        Ok(())
    }

    /// A peer is connected. An older connection is closed by us, which hints at no failure, and its
    /// unread input is dropped.
    fn stand(
        &mut self,
        key: Key,
        (hello, speech): (&PeerHello, Speech),
        trust: Trust,
        inputs: &mut Vec<Input>,
    ) {
        let now = clock::boot_nanos();
        if let Some(older) = self.peers.handle_standing(hello.node, key, hello.directory, now) {
            self.remove(older);
        }
        self.note_plain_peer(key, hello.node);
        self.note_dialed(key);
        inputs.push(Input::PeerUp { peer: hello.node, directory: hello.directory, speech, trust });
    }

    /// Notes the speech of a connection; gives its form.
    fn note_speech(&mut self, key: Key, speech: &Speech) -> Form {
        let Some(link) = self.links.find(key) else { return Form::Fixed };
        link.abilities = speech.abilities;
        link.form
    }

    fn become_role(&mut self, key: Key, role: Role, wait: Duration) -> Result<(), Ending> {
        let Some(link) = self.links.find(key) else { return Ok(()) };
        link.connection.set_unacknowledged_max(wait).map_err(Closed::Failed)?;
        if matches!(role, Role::Peer(_)) {
            link.connection.keep_room(INFLIGHT_BYTES_MAX);
        }
        self.set_role(key, role);
        Ok(())
    }
}

fn refuse(code: RefusedCode, text: String) -> Result<(), Ending> {
    Err(Ending::Refusing(Refused { code, text }))
}
