//! The client connections of this node, and the session that each is bound to.
//!
//! A session is bound to the connection that attached last; an older connection stays, but is told
//! nothing of the session any more. The requests that one connection may keep waiting are bounded,
//! so that none takes the room of the others.

use super::shares::Opener;
use crate::base::limits::{REQUEST_BYTES_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX};
use crate::base::{ClientSource, ConnectionId, SessionId, Subject};
use crate::wire::Abilities;
use std::collections::BTreeMap;
use std::ops::Bound;

/// All connections, and the sessions bound to them.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: BTreeMap<SessionId, ConnectionId>,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    subject: Subject,
    source: ClientSource,
    abilities: Abilities,
    session: Option<SessionId>,
    /// Unanswered logged requests of that session, and their bytes.
    logged: usize,
    logged_bytes: usize,
    /// Requests that wait for a round, or to be taken up.
    waiting: usize,
}

impl Connection {
    /// Binds the connection to another session, or to none.
    fn bind(&mut self, session: Option<SessionId>) {
        let Self { subject, source, abilities, waiting, .. } = std::mem::take(self);
        *self = Self { subject, source, abilities, session, waiting, ..Self::default() };
    }
}

impl Clients {
    /// Adds a connection without a session: its source, its client's abilities and identity.
    pub fn insert(
        &mut self,
        connection: ConnectionId,
        source: ClientSource,
        abilities: Abilities,
        subject: Subject,
    ) {
        let new = Connection { subject, source, abilities, ..Connection::default() };
        self.connections.insert(connection, new);
    }

    /// The identity of a connection's client, if the connection is open.
    #[must_use]
    pub fn subject(&self, connection: ConnectionId) -> Option<&Subject> {
        self.connections.get(&connection).map(|entry| &entry.subject)
    }

    /// The abilities of a connection's client.
    #[must_use]
    pub fn abilities(&self, connection: ConnectionId) -> Abilities {
        self.connections.get(&connection).map_or(Abilities::NONE, |entry| entry.abilities)
    }

    /// The connection and its source, if it is open.
    #[must_use]
    pub fn opener(&self, connection: ConnectionId) -> Option<Opener> {
        let source = self.connections.get(&connection)?.source;
        Some(Opener { connection, source })
    }

    /// Removes a closed connection; its session lives on and may attach elsewhere.
    pub fn remove(&mut self, connection: ConnectionId) {
        if let Some(Connection { session: Some(session), .. }) =
            self.connections.remove(&connection)
            && self.sessions.get(&session) == Some(&connection)
        {
            self.sessions.remove(&session);
        }
    }

    /// Whether the connection is open.
    #[must_use]
    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Binds `session` to `connection`, and to no other.
    pub fn bind(&mut self, connection: ConnectionId, session: SessionId) {
        let Some(entry) = self.connections.get_mut(&connection) else { return };
        match entry.session {
            Some(before) if before == session => {}
            before => {
                entry.bind(Some(session));
                before.map(|before| self.sessions.remove(&before));
            }
        }
        if let Some(older) = self.sessions.insert(session, connection)
            && older != connection
            && let Some(older) = self.connections.get_mut(&older)
        {
            older.bind(None);
        }
    }

    /// Unbinds a session that has ended.
    pub fn unbind(&mut self, session: SessionId) -> Option<ConnectionId> {
        let connection = self.sessions.remove(&session)?;
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.bind(None);
        }
        Some(connection)
    }

    /// Unbinds all sessions, after this node's leadership: each must attach at the next leader. Gives the connections that they had.
    pub fn unbind_all(&mut self) -> BTreeMap<SessionId, ConnectionId> {
        self.connections.values_mut().for_each(|connection| connection.bind(None));
        std::mem::take(&mut self.sessions)
    }

    /// The session that is bound to `connection`.
    #[must_use]
    pub fn session_of(&self, connection: ConnectionId) -> Option<SessionId> {
        self.connections.get(&connection)?.session
    }

    /// The connection that `session` is bound to.
    #[must_use]
    pub fn connection_of(&self, session: SessionId) -> Option<ConnectionId> {
        self.sessions.get(&session).copied()
    }

    /// Counts a logged request of `bytes`; false if the connection has too many unanswered ones.
    #[must_use]
    pub fn begin_logged(&mut self, connection: ConnectionId, bytes: usize) -> bool {
        let Some(entry) = self.connections.get_mut(&connection) else { return false };
        let (count, sum) = (entry.logged + 1, entry.logged_bytes + bytes);
        let fits = count <= REQUESTS_IN_FLIGHT_MAX && sum <= REQUEST_BYTES_IN_FLIGHT_MAX;
        if fits {
            (entry.logged, entry.logged_bytes) = (count, sum);
        }
        fits
    }

    /// Counts an answer. A request from an earlier connection of the session was not counted here.
    pub fn end_logged(&mut self, connection: ConnectionId, bytes: usize) {
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.logged = entry.logged.saturating_sub(1);
            entry.logged_bytes = entry.logged_bytes.saturating_sub(bytes);
        }
    }

    /// Counts a request that waits for a round, or to be taken up; false if the connection has too
    /// many.
    #[must_use]
    pub fn begin_waiting(&mut self, connection: ConnectionId) -> bool {
        match self.connections.get_mut(&connection) {
            Some(entry) if entry.waiting < REQUESTS_IN_FLIGHT_MAX => {
                entry.waiting += 1;
                true
            }
            _ => false,
        }
    }

    /// Counts the end of such a wait.
    pub fn end_waiting(&mut self, connection: ConnectionId) {
        if let Some(entry) = self.connections.get_mut(&connection) {
            let counted = entry.waiting.checked_sub(1);
            entry.waiting = counted.expect("what waits no more was counted when it began to");
        }
    }

    /// The connections after a bound, in order, with their abilities.
    pub fn listeners(
        &self,
        behind: Bound<ConnectionId>,
    ) -> impl Iterator<Item = (ConnectionId, Abilities)> + '_ {
        let connections = self.connections.range((behind, Bound::Unbounded));
        connections.map(|(connection, entry)| (*connection, entry.abilities))
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
        for connection in [A, B] {
            let (source, subject) = (ClientSource::default(), Subject::Anonymous);
            clients.insert(connection, source, Abilities::NONE, subject);
        }
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
    fn requests_without_an_answer_are_bounded_by_number() {
        let mut clients = two_connections();
        assert!((0..REQUESTS_IN_FLIGHT_MAX).all(|_| clients.begin_logged(A, 1)));
        assert!(!clients.begin_logged(A, 1));
        assert!(clients.begin_logged(B, 1), "another has its own");
        clients.end_logged(A, 1);
        assert!(clients.begin_logged(A, 1));
    }

    #[test]
    fn requests_without_an_answer_are_bounded_by_bytes() {
        let mut clients = two_connections();
        assert!(clients.begin_logged(A, REQUEST_BYTES_IN_FLIGHT_MAX - 10));
        assert!(!clients.begin_logged(A, 11));
        assert!(clients.begin_logged(A, 10));
        clients.end_logged(A, 10);
        assert!(clients.begin_logged(A, 10));
    }

    #[test]
    fn what_waits_is_bounded_and_counted_on_when_the_session_is_another() {
        let mut clients = two_connections();
        assert!((0..REQUESTS_IN_FLIGHT_MAX).all(|_| clients.begin_waiting(A)));
        clients.bind(A, S);
        clients.bind(B, S);
        drop(clients.unbind_all());
        assert!(!clients.begin_waiting(A));
        clients.end_waiting(A);
        assert!(clients.begin_waiting(A));
    }
}
