//! Permission by the kind of identity in a certificate. A client without an identity is on a
//! plaintext connection, or in this process, and may ask for anything as long as rights are off.

use crate::base::meters::RightKind;
use crate::base::{Index, Principal, Subject};
use crate::lock::Needed;
use crate::net::Key;
use crate::node::audit::Who;
use crate::node::ending::Ending;
use crate::node::links::{Link, connection_id};
use crate::node::network::Network;
use crate::server::Server;
use crate::wal::Disk;
use crate::wire::{
    Ability, Asker, FrameKind, Order, OrderAnswer, ReadAnswer, Refused, RefusedCode, Request,
    ServerMessage,
};

impl Network {
    /// Whether `request` is allowed on this connection; if not, the denial is sent.
    ///
    /// # Errors
    /// The connection is closed: a node uses no locks, and gives no orders.
    pub(super) fn is_allowed<D: Disk>(
        &mut self,
        key: Key,
        request: &Request,
        server: &Server<D>,
    ) -> Result<bool, Ending> {
        let Some(link) = self.links.link(key) else { return Ok(true) };
        // A ready leader knows whether rights are on; then the rules decide, by the state in which
        // the request is carried out (safety L27). A follower answers nothing but snapshots, which
        // it judges by the snapshot's own state.
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
        self.audit.deny(self.now, &who, request, &why);
        if is_node {
            return Err(Ending::Denied(Refused { code: RefusedCode::State, text: why }));
        }
        self.deny(key, request, why);
        Ok(false)
    }

    /// Whether whoever is connected may use locks, as far as its identity says: what [`Self::is_allowed`] says of requests
    /// that no operator must make, none of which is noted for the audit trail.
    pub(super) fn is_client(&self, key: Key) -> bool {
        let principal = self.links.link(key).and_then(Link::principal);
        !matches!(principal, Some(Principal::Node(_)))
    }

    /// The identity of a welcomed client.
    pub(super) fn subject_of(&self, key: Key) -> Subject {
        let Some(link) = self.links.link(key) else { return Subject::Anonymous };
        link.subject(self.own)
    }

    /// Notes a request for the audit trail, if this node decides it.
    pub(super) fn note_for_audit(&mut self, key: Key, request: &Request, leads: bool) {
        let is_ours =
            leads || matches!(request, Request::Order { order: Order::Snapshot { .. }, .. });
        let (Some(link), true) = (self.links.link(key), is_ours) else { return };
        let own = self.own;
        self.audit.note(connection_id(key), || Who::at(link, own), request);
    }

    /// Sends a denial, in a form that the client understands.
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
            // No other request is denied by the kind of identity.
            _ => return,
        };
        self.queue_understood(key, FrameKind::Server, message.needs(), &message);
    }
}

/// The right that is lacking for a request denied by the kind of identity.
fn lacking(request: &Request) -> RightKind {
    match (request, request.needed()) {
        (Request::Submit { operation, .. }, _) if operation.is_operators() => RightKind::Operate,
        (_, Needed::Names { rights: [right, ..], .. }) => (*right).into(),
        (_, Needed::Told(right) | Needed::Cluster(right) | Needed::OthersCluster(right)) => {
            right.into()
        }
        // The right to use locks at all.
        (_, Needed::Names { .. } | Needed::Nothing | Needed::Session) => RightKind::Acquire,
    }
}

fn is_snapshot(request: &Request) -> bool {
    matches!(request, Request::Order { order: Order::Snapshot { .. }, .. })
}
