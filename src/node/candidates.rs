//! Unknown peers, which must prove that they are members: challenges and their answers (W9).

use crate::base::NodeId;
use crate::net::Key;
use crate::node::ending::Ending;
use crate::node::links::Role;
use crate::node::network::Network;
use crate::server::{Candidate, Input, Server, Trust};
use crate::wal::Disk;
use crate::wire::{Challenge, FrameKind, FrameView, Proof};

impl Network {
    /// Challenges an unknown node to prove that it is a member. Until it has, its connection counts
    /// as one without a hello: it is closed when its time is over, or when there is no room.
    pub(super) fn challenge<D: Disk>(
        &mut self,
        key: Key,
        candidate: Candidate,
        server: &Server<D>,
    ) {
        let challenge = server.challenge(&candidate).to_values();
        let Some(link) = self.links.find(key) else { return };
        link.candidate = Some(Box::new(candidate));
        self.links.set_role(key, Role::Challenged);
        self.queue_understood(key, FrameKind::Challenge, Challenge::NEEDS, &challenge);
    }

    /// Handles a candidate's answer: a proof, or that it has none.
    pub(super) fn try_candidate<D: Disk>(
        &mut self,
        key: Key,
        answer: FrameView<'_>,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), Ending> {
        let candidate = self.links.find(key).and_then(|link| link.candidate.take());
        let Some(candidate) = candidate else { return Ok(()) };
        if answer.kind != FrameKind::Proof {
            return Err(Ending::Refusing(server.has_not_proved(candidate.hello.node)));
        }
        let proof = Proof::from_values(&answer.decode()?)?;
        server.check_proof(&candidate, &proof).map_err(Ending::Refusing)?;
        let Candidate { hello, speech, .. } = *candidate;
        self.welcome_peer(key, (&hello, speech), Trust::Vouched, server, inputs)
    }

    /// Answers the challenge of a dialed peer that does not know this node yet.
    pub(super) fn answer_challenge<D: Disk>(
        &mut self,
        key: Key,
        peer: NodeId,
        challenge: FrameView<'_>,
        server: &Server<D>,
    ) -> Result<(), Ending> {
        let challenge = Challenge::from_values(&challenge.decode()?)?;
        let proof = server.prove(peer, &challenge).map_err(Ending::Refusing)?;
        self.queue(key, FrameKind::Proof, &proof.to_values());
        Ok(())
    }
}
