//! The handshake, as far as it is the server's: what it says of itself, and whom it lets in.

use super::admission::{self, Admission, Founded};
use crate::base::time::RHO_PPM;
use crate::base::{ClusterId, NodeId};
use crate::replica::Replica;
use crate::server::Server;
use crate::wal::Disk;
use crate::wire::{Ability, ClientWelcome, PeerHello, Refused, Speech, Values, Welcomed};

impl<D: Disk> Server<D> {
    /// What to say of this node to the peer `to`.
    #[must_use]
    pub fn hello(&self, to: NodeId) -> PeerHello {
        PeerHello {
            node: self.options.node,
            to,
            directory: self.directory,
            cluster: self.cluster(),
            boot: self.options.boot,
            rho_ppm: RHO_PPM,
        }
    }

    /// Whether the hello of a peer that dialed is acceptable, and whether it is to prove that it is a member (W9).
    ///
    /// # Errors
    /// What to answer before closing.
    pub fn check_hello(&self, hello: &PeerHello, speech: &Speech) -> Result<Admission, Refused> {
        let admission = self.check_peer(hello, speech)?;
        if admission == Admission::Asked && !speech.abilities.cover(Some(Ability::Challenges)) {
            return Err(self.cannot_prove(hello.node, speech));
        }
        Ok(admission)
    }

    /// Whether the welcome of a peer that was dialed is acceptable. Whom to dial, and where, the membership says, or who
    /// started this node: nothing is to be proved.
    ///
    /// # Errors
    /// What to say before closing.
    pub fn check_welcome(&self, welcome: &PeerHello, speech: &Speech) -> Result<(), Refused> {
        self.check_peer(welcome, speech).map(|_| ())
    }

    fn check_peer(&self, hello: &PeerHello, speech: &Speech) -> Result<Admission, Refused> {
        self.options.speech.agree(speech, &format!("node {}", hello.node))?;
        let configured: Vec<NodeId> = self.options.members.iter().map(|(node, _)| *node).collect();
        let founded = self.founding.as_ref().zip(self.replica()).map(|(record, replica)| Founded {
            record,
            membership: replica.raft().membership().1,
            is_removed: replica.raft().is_removed(hello.node),
            has_key: replica.cluster_key().is_some(),
        });
        let admission = admission::check_peer(hello, self.options.node, &configured, founded)?;
        let level = self.replica().map_or(1, Replica::level_ahead);
        admission::check_level(hello.node, speech, level)?;
        Ok(admission)
    }

    /// What this build speaks.
    #[must_use]
    pub fn speech(&self) -> &Speech {
        &self.options.speech
    }

    /// A welcome as it answers a hello that can grow.
    #[must_use]
    pub fn welcome_values(&self, welcome: ClientWelcome) -> Values {
        let (speech, ancestors) = (self.options.speech.clone(), self.ancestors());
        Welcomed { welcome, speech, ancestors }.to_values()
    }

    /// Whether a client that knew `cluster` is at the right place, and what to answer it.
    ///
    /// # Errors
    /// What to answer before closing.
    pub fn welcome(
        &self,
        cluster: Option<ClusterId>,
        speech: &Speech,
    ) -> Result<ClientWelcome, Refused> {
        self.options.speech.agree(speech, "this client")?;
        let own = self.cluster();
        admission::check_client(cluster, own)?;
        Ok(ClientWelcome { node: self.options.node, cluster: own, leader: self.leader_hint() })
    }
}
