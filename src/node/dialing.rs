//! Dials peers: looks up their names, connects, and sends the hello.

use crate::base::NodeId;
use crate::net::resolve_elsewhere;
use crate::net::{Closed, Connection, Key};
use crate::node::commands::Command;
use crate::node::links::{OUT_BYTES_MAX, Role};
use crate::node::network::{Network, PEER_UNACKNOWLEDGED_MAX};
use crate::node::peers::{Pace, Target};
use crate::server::Server;
use crate::wal::Disk;
use crate::wire::{Form, FrameKind, Hello};
use std::net::SocketAddr;

impl Network {
    /// Dials `peer`, or has its name looked up first.
    pub(super) fn dial<D: Disk>(&mut self, peer: NodeId, server: &Server<D>, now: u64) {
        let address = match self.peers.target(peer, now) {
            Target::Address(address) => address,
            Target::Name(name) => return self.resolve(peer, name, now),
        };
        let dialed = self.begin_dial(peer, address, server);
        match dialed {
            Ok(Some(key)) => self.peers.handle_dialing(peer, key, now),
            Ok(None) => self.peers.handle_failed(peer, now, Pace::Slow, &"it cannot be watched"),
            Err(error) => self.peers.handle_failed(peer, now, Pace::Quick, &error),
        }
    }

    /// Begins to connect; the hello waits in the buffer.
    fn begin_dial<D: Disk>(
        &mut self,
        peer: NodeId,
        address: SocketAddr,
        server: &Server<D>,
    ) -> Result<Option<Key>, Closed> {
        let dialed = self.reserve.spend(|| Connection::dial(address, OUT_BYTES_MAX));
        let mut connection = dialed.map_err(Closed::Failed)?;
        let way = self.peers.take_way(peer);
        if let Some(secured) = &self.handshakes.secured {
            connection = secured.dial(connection, peer, way)?;
        }
        connection.set_unacknowledged_max(PEER_UNACKNOWLEDGED_MAX).map_err(Closed::Failed)?;
        let hello = server.hello(peer);
        match way.form {
            Form::Fixed => connection.queue(FrameKind::PeerHello, &hello)?,
            Form::Named => {
                let hello = Hello::Peer(hello, server.speech().clone());
                connection.queue(FrameKind::Hello, &hello.to_values())?;
            }
        }
        let key = self.adopt(connection, Role::Dialing(peer));
        if let Some(link) = key.and_then(|key| self.links.find(key)) {
            link.form = way.form;
        }
        Ok(key)
    }

    fn resolve(&mut self, peer: NodeId, name: String, now: u64) {
        let (commands, wake) = (self.commands.clone(), self.wake());
        let asked = name.clone();
        let lookup = resolve_elsewhere(&name, move |found| {
            // The node may have ended.
            let _ = commands.send(Command::Resolved { peer, name: asked, found });
            wake.wake();
        });
        match lookup {
            Ok(lookup) => lookup.detach(),
            Err(error) => self.peers.handle_failed(peer, now, Pace::Slow, &error),
        }
    }
}
