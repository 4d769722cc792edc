//! Proof of membership, by a node that the other side does not know yet (safety W9).
//!
//! A member that slept through changes of the members does not know the new ones, though their
//! votes and appends count. The key of the cluster tells them from strangers: it is in the
//! replicated state, which strangers are not sent, and neither hello nor welcome names it.

use crate::base::NodeId;
use crate::base::cluster_key::{KEY_BYTES, Statement};
use crate::replica::Replica;
use crate::server::Server;
use crate::wal::Disk;
use crate::wire::{Challenge, PeerHello, Proof, Refused, RefusedCode, Speech};

/// A node that must prove that it is a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its hello.
    pub hello: PeerHello,
    /// Its speech.
    pub speech: Speech,
    /// The nonce of the challenge, drawn for it.
    pub nonce: [u8; KEY_BYTES],
}

impl<D: Disk> Server<D> {
    /// The challenge for `candidate`.
    #[must_use]
    pub fn challenge(&self, candidate: &Candidate) -> Challenge {
        Challenge { boot: self.options.boot, nonce: candidate.nonce }
    }

    /// Checks `candidate`'s proof, and its hello again by the present knowledge.
    ///
    /// # Errors
    /// The refusal to send before closing.
    pub fn check_proof(&self, candidate: &Candidate, proof: &Proof) -> Result<(), Refused> {
        let Candidate { hello, speech, nonce } = candidate;
        self.check_hello(hello, speech)?;
        let own = self.hello(hello.node);
        let key = self.replica().and_then(Replica::cluster_key);
        let proved = key
            .zip(statement(hello, &own, *nonce))
            .is_some_and(|(key, statement)| key.verifies(&statement, &proof.mac));
        if proved { Ok(()) } else { Err(self.has_not_proved(hello.node)) }
    }

    /// The answer to a challenge of `to`, which this node has dialed.
    ///
    /// # Errors
    /// The refusal to send before closing: this node has no key yet.
    pub fn prove(&self, to: NodeId, challenge: &Challenge) -> Result<Proof, Refused> {
        let own = self.hello(to);
        let theirs = PeerHello { node: to, to: own.node, boot: challenge.boot, ..own.clone() };
        let key = self.replica().and_then(Replica::cluster_key);
        let said = key.zip(statement(&own, &theirs, challenge.nonce));
        match said {
            Some((key, statement)) => Ok(Proof { mac: key.prove(&statement) }),
            None => refuse(format!(
                "node {to} does not know node {} yet, which has not got the key of the cluster yet to prove that it is a \
                 member: it gets it with the log; if this goes on, restart node {to} while a node that it knows runs",
                own.node
            )),
        }
    }

    /// The refusal of a node whose proof is wrong or missing.
    #[must_use]
    pub fn has_not_proved(&self, node: NodeId) -> Refused {
        let own = self.options.node;
        let text = format!(
            "node {node} is not a member that node {own} knows, and has not proved that it is one: a new node is added \
             with `tenure member add {node} HOST:PORT`, and started with --join"
        );
        Refused { code: RefusedCode::Node, text }
    }

    pub(super) fn cannot_prove(&self, node: NodeId, speech: &Speech) -> Refused {
        let own = self.options.node;
        let text = format!(
            "node {node} is not a member that node {own} knows, and tenure {} cannot prove that it is one: run the version \
             of the other nodes there; a new node is added with `tenure member add {node} HOST:PORT`",
            speech.version
        );
        Refused { code: RefusedCode::Node, text }
    }
}

/// The statement that is authenticated: `from`, of the cluster of both, speaks to `to`.
fn statement(from: &PeerHello, to: &PeerHello, nonce: [u8; KEY_BYTES]) -> Option<Statement> {
    Some(Statement {
        cluster: from.cluster?,
        from: from.node,
        directory: from.directory,
        from_boot: from.boot,
        to: to.node,
        to_boot: to.boot,
        nonce,
    })
}

fn refuse<T>(text: String) -> Result<T, Refused> {
    Err(Refused { code: RefusedCode::Node, text })
}
