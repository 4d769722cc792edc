//! Who may ask for what, by the kind of identity that a certificate names. Whoever has none is on a connection that is not
//! encrypted, or in this process: what is asked there, anybody may who comes that far.

use crate::base::meters::RightKind;
use crate::base::{Index, Principal, Subject};
use crate::lock::Needed;
use crate::net::Key;
use crate::node::audit::Who;
use crate::node::ending::Ending;
use crate::node::links::connection_id;
use crate::node::network::Network;
use crate::server::Server;
use crate::sys::clock;
use crate::wal::Disk;
use crate::wire::{
    Ability, Asker, FrameKind, Order, OrderAnswer, ReadAnswer, Refused, RefusedCode, Request,
    ServerMessage,
};

impl Network {
    /// Whether `request` may be asked on this connection; if not, it is answered.
    ///
    /// # Errors
    /// The connection is hung up on: a node uses no locks, and gives no orders.
    pub(super) fn is_allowed<D: Disk>(
        &mut self,
        key: Key,
        request: &Request,
        server: &Server<D>,
    ) -> Result<bool, Ending> {
        let Some(link) = self.links.link(key) else { return Ok(true) };
        // Who leads and is ready knows whether rights are on; and then the rules decide, of the very state in which it is done (safety
        // L27). Whoever does not lead answers nothing but for a snapshot, which it judges by what it gives.
        let judges = server.is_ready() || is_snapshot(request);
        let is_later = server.has_rights_on() || !judges;
        let why = match (link.principal(), request.asker()) {
            (None | Some(Principal::Operator(_)), _) | (_, Asker::Anybody) => return Ok(true),
            (Some(Principal::Node(node)), Asker::Client | Asker::Operator) => format!(
                "this is node/{node}'s, and the certificate of a node is no client's and no operator's: `tenure certs client NAME` and `tenure certs operator NAME` make those"
            ),
            (Some(Principal::Client(_) | Principal::Local(_)), Asker::Client) => return Ok(true),
            (Some(_), Asker::Operator) if is_later => return Ok(true),
            (Some(principal @ (Principal::Client(_) | Principal::Local(_))), Asker::Operator) => {
                format!(
                    "{principal} may use locks, and not operate the cluster: that takes the certificate of an operator (`tenure certs operator NAME`)"
                )
            }
        };
        let is_node = matches!(link.principal(), Some(Principal::Node(_)));
        let who = Who::at(link, self.own);
        self.turns.meters().denials[lacking(request) as usize].add(1);
        self.audit.deny(clock::boot_nanos(), &who, request, &why);
        if is_node {
            return Err(Ending::Denied(Refused { code: RefusedCode::State, text: why }));
        }
        self.deny(key, request, why);
        Ok(false)
    }

    /// On whose behalf a client asks that has said hello.
    pub(super) fn subject_of(&self, key: Key) -> Subject {
        let Some(link) = self.links.link(key) else { return Subject::Anonymous };
        link.subject(self.own)
    }

    /// Has a request answered in the audit trail once it is: one that this node decides.
    pub(super) fn note_for_audit(&mut self, key: Key, request: &Request, leads: bool) {
        let is_ours =
            leads || matches!(request, Request::Order { order: Order::Snapshot { .. }, .. });
        let (Some(link), true) = (self.links.link(key), is_ours) else { return };
        let own = self.own;
        self.audit.note(connection_id(key), || Who::at(link, own), request);
    }

    /// Tells whoever asked, in the form that it understands.
    fn deny(&mut self, key: Key, request: &Request, text: String) {
        let knows =
            self.links.link(key).is_some_and(|link| link.abilities.cover(Some(Ability::Denials)));
        let message = match request {
            Request::Order { read, .. } => {
                let answer = match knows {
                    true => OrderAnswer::Denied { text },
                    false => OrderAnswer::Refused { text },
                };
                ServerMessage::Ordered { read: *read, answer }
            }
            Request::Submit { session, request, .. } if knows => {
                ServerMessage::Denied { session: *session, request: *request, text }
            }
            Request::Submit { session, request, .. } => {
                ServerMessage::unsupported(*session, *request)
            }
            Request::Read { read, .. } => {
                let answer = ReadAnswer::Denied { text };
                ServerMessage::Read { read: *read, index: Index(0), answer }
            }
            // Nothing else is denied to those who may use locks.
            _ => return,
        };
        self.queue_understood(key, FrameKind::Server, message.needs(), &message);
    }
}

/// What is missing to whoever is denied a request by the kind of its identity.
fn lacking(request: &Request) -> RightKind {
    match (request, request.needed()) {
        (Request::Submit { operation, .. }, _) if operation.is_operators() => RightKind::Operate,
        (_, Needed::Names { rights: [right, ..], .. }) => (*right).into(),
        (_, Needed::Told(right) | Needed::Cluster(right) | Needed::OthersCluster(right)) => {
            right.into()
        }
        // To use locks at all.
        (_, Needed::Names { .. } | Needed::Nothing | Needed::Session) => RightKind::Acquire,
    }
}

fn is_snapshot(request: &Request) -> bool {
    matches!(request, Request::Order { order: Order::Snapshot { .. }, .. })
}
