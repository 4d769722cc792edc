//! The server's part of handshakes: its hellos and welcomes, and the admission of peers and
//! clients.

use super::admission::{self, Admission, Founded};
use crate::base::time::RHO_PPM;
use crate::base::{ClusterId, NodeId};
use crate::replica::Replica;
use crate::server::Server;
use crate::wal::Disk;
use crate::wire::{Ability, ClientWelcome, PeerHello, Refused, Speech, Values, Welcomed};

impl<D: Disk> Server<D> {
    /// The hello to the peer `to`.
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

    /// Checks the hello of a peer that dialed, and whether it must prove that it is a member (W9).
    ///
    /// # Errors
    /// The refusal to send before closing.
    pub fn check_hello(&self, hello: &PeerHello, speech: &Speech) -> Result<Admission, Refused> {
        let admission = self.check_peer(hello, speech)?;
        if admission == Admission::Asked && !speech.abilities.cover(Some(Ability::Challenges)) {
            return Err(self.cannot_prove(hello.node, speech));
        }
        Ok(admission)
    }

    /// Checks the welcome of a peer that was dialed. Its address is from the membership, or from
    /// this node's options: no proof is needed.
    ///
    /// # Errors
    /// The refusal to send before closing.
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

    /// The speech of this build.
    #[must_use]
    pub fn speech(&self) -> &Speech {
        &self.options.speech
    }

    /// A welcome in the form that answers an extensible hello.
    #[must_use]
    pub fn welcome_values(&self, welcome: ClientWelcome) -> Values {
        let (speech, ancestors) = (self.options.speech.clone(), self.ancestors());
        Welcomed { welcome, speech, ancestors }.to_values()
    }

    /// The welcome for a client that knew `cluster`.
    ///
    /// # Errors
    /// The refusal of a client that knew another cluster.
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
