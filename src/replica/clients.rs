//! The client connections of this node, and which session each speaks for.
//!
//! A session speaks through the connection that attached last; an older one keeps its place as a
//! connection but is told nothing of the session any more.

use crate::base::limits::REQUESTS_IN_FLIGHT_MAX;
use crate::base::{ConnectionId, SessionId};
use std::collections::BTreeMap;

/// All connections, and the sessions bound to them.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: BTreeMap<SessionId, ConnectionId>,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    session: Option<SessionId>,
    in_flight: usize,
}

impl Clients {
    /// A new connection, bound to nothing.
    pub fn insert(&mut self, connection: ConnectionId) {
        self.connections.insert(connection, Connection::default());
    }

    /// The connection is gone; its session lives on and may attach elsewhere.
    pub fn remove(&mut self, connection: ConnectionId) {
        if let Some(Connection { session: Some(session), .. }) =
            self.connections.remove(&connection)
            && self.sessions.get(&session) == Some(&connection)
        {
            self.sessions.remove(&session);
        }
    }

    /// Whether the connection still stands.
    #[must_use]
    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// From now on `session` speaks through `connection`, and through no other.
    pub fn bind(&mut self, connection: ConnectionId, session: SessionId) {
        let Some(entry) = self.connections.get_mut(&connection) else { return };
        if let Some(before) = entry.session.replace(session)
            && before != session
        {
            self.sessions.remove(&before);
        }
        if let Some(older) = self.sessions.insert(session, connection)
            && older != connection
            && let Some(older) = self.connections.get_mut(&older)
        {
            *older = Connection::default();
        }
    }

    /// The session is no more.
    pub fn unbind(&mut self, session: SessionId) -> Option<ConnectionId> {
        let connection = self.sessions.remove(&session)?;
        if let Some(entry) = self.connections.get_mut(&connection) {
            *entry = Connection::default();
        }
        Some(connection)
    }

    /// This node leads no more: every session must attach where the next leader is.
    pub fn unbind_all(&mut self) {
        self.sessions.clear();
        for connection in self.connections.values_mut() {
            *connection = Connection::default();
        }
    }

    /// The session that `connection` speaks for.
    #[must_use]
    pub fn session_of(&self, connection: ConnectionId) -> Option<SessionId> {
        self.connections.get(&connection)?.session
    }

    /// The connection through which `session` speaks.
    #[must_use]
    pub fn connection_of(&self, session: SessionId) -> Option<ConnectionId> {
        self.sessions.get(&session).copied()
    }

    /// Counts a request that was taken; false if the connection has too many unanswered ones.
    #[must_use]
    pub fn begin_request(&mut self, connection: ConnectionId) -> bool {
        match self.connections.get_mut(&connection) {
            Some(entry) if entry.in_flight < REQUESTS_IN_FLIGHT_MAX => {
                entry.in_flight += 1;
                true
            }
            _ => false,
        }
    }

    /// Counts an answer.
    pub fn end_request(&mut self, connection: ConnectionId) {
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
        }
    }

    /// All connections, in order.
    pub fn all(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.connections.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnectionId = ConnectionId(1);
    const B: ConnectionId = ConnectionId(2);
    const S: SessionId = SessionId(7);

    fn two_connections() -> Clients {
        let mut clients = Clients::default();
        clients.insert(A);
        clients.insert(B);
        clients
    }

    #[test]
    fn a_session_speaks_through_the_connection_that_attached_last() {
        let mut clients = two_connections();
        clients.bind(A, S);
        clients.bind(B, S);
        assert_eq!(clients.connection_of(S), Some(B));
        assert_eq!(clients.session_of(A), None);
        clients.remove(A);
        assert_eq!(clients.connection_of(S), Some(B));
    }

    #[test]
    fn a_connection_that_opens_another_session_leaves_the_first() {
        let mut clients = two_connections();
        clients.bind(A, S);
        clients.bind(A, SessionId(8));
        assert_eq!(clients.connection_of(S), None);
        assert_eq!(clients.session_of(A), Some(SessionId(8)));
    }

    #[test]
    fn unanswered_requests_are_bounded() {
        let mut clients = two_connections();
        assert!((0..REQUESTS_IN_FLIGHT_MAX).all(|_| clients.begin_request(A)));
        assert!(!clients.begin_request(A));
        clients.end_request(A);
        assert!(clients.begin_request(A));
    }
}
