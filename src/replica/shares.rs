//! Fair shares of sessions, per connection and per address: a rule of the leader, applied before
//! anything is logged.
//!
//! A session outlives its connection, by its TTL. So a client that opens one after the other could
//! have all sessions, for an hour. Shares are of the free sessions, so they bind only when few are
//! left, and leave some for others; and each client has a minimum that no well-meaning one exceeds.

use crate::base::limits::{SESSIONS_MAX, SESSIONS_PER_CONNECTION_MIN, SESSIONS_PER_SOURCE_MIN};
use crate::base::{ClientSource, ConnectionId, SessionId};
use std::collections::BTreeMap;

/// The openers of living sessions, or those that attached to them, as far as this leader has seen.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    sessions: BTreeMap<SessionId, Opener>,
    connections: BTreeMap<ConnectionId, usize>,
    sources: BTreeMap<ClientSource, usize>,
    /// The source that was logged last.
    logged: Option<ClientSource>,
}

/// The opener of a session: its connection and source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opener {
    pub connection: ConnectionId,
    pub source: ClientSource,
}

impl Shares {
    /// Counts a session to be created, if its opener may have one more while there are `count`.
    #[must_use]
    pub fn begin(&mut self, opener: Opener, count: usize) -> bool {
        let free = SESSIONS_MAX.saturating_sub(count);
        let Opener { connection, source } = opener;
        let of_connection = self.connections.get(&connection).copied().unwrap_or_default();
        let of_source = self.sources.get(&source).copied().unwrap_or_default();
        let has_share = of_connection < SESSIONS_PER_CONNECTION_MIN.max(free / 16)
            && of_source < SESSIONS_PER_SOURCE_MIN.max(free / 4);
        if has_share {
            self.count(opener);
        } else if self.logged.replace(source) != Some(source) {
            ::log::warn!(
                "{source} has opened {of_source} sessions, {of_connection} of them on one connection, and gets no more \
                 while only {free} of {SESSIONS_MAX} are free"
            );
        }
        has_share
    }

    /// Uncounts a session that was not created.
    pub fn give_back(&mut self, opener: Opener) {
        let Opener { connection, source } = opener;
        decrement(&mut self.connections, connection);
        decrement(&mut self.sources, source);
    }

    /// Counts a created session to its opener until it ends.
    pub fn own(&mut self, session: SessionId, opener: Opener) {
        if let Some(before) = self.sessions.insert(session, opener) {
            self.give_back(before);
        }
    }

    /// Counts an attached session of an earlier leader as if it had been opened here.
    pub fn adopt(&mut self, session: SessionId, opener: Opener) {
        if !self.sessions.contains_key(&session) {
            self.count(opener);
            self.sessions.insert(session, opener);
        }
    }

    /// Uncounts a session that has ended.
    pub fn remove(&mut self, session: SessionId) {
        if let Some(opener) = self.sessions.remove(&session) {
            self.give_back(opener);
        }
    }

    fn count(&mut self, Opener { connection, source }: Opener) {
        *self.connections.entry(connection).or_default() += 1;
        *self.sources.entry(source).or_default() += 1;
    }
}

fn decrement<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    let left = counts.get_mut(&key).map(|count| {
        *count -= 1;
        *count
    });
    if left == Some(0) {
        counts.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opener(connection: u64, source: u32) -> Opener {
        Opener { connection: ConnectionId(connection), source: ClientSource::v4(source) }
    }

    /// Opens as many as allowed, at most `most`, with `count` sessions before; gives how many.
    fn fill(shares: &mut Shares, opener: Opener, most: usize, count: usize) -> usize {
        (0..most).take_while(|opened| shares.begin(opener, count + opened)).count()
    }

    #[test]
    fn one_connection_and_one_address_leave_most_to_others() {
        let mut shares = Shares::default();
        let of_one = fill(&mut shares, opener(1, 1), SESSIONS_MAX, 0);
        assert!((10_000..SESSIONS_MAX / 16).contains(&of_one), "{of_one}");
        let mut count = of_one;
        for connection in 2..1000 {
            count += fill(&mut shares, opener(connection, 1), SESSIONS_MAX, count);
        }
        assert!((30_000..SESSIONS_MAX / 4).contains(&count), "{count} of one address");
        assert!(shares.begin(opener(2000, 2), count), "another address has its own share");
    }

    #[test]
    fn a_few_thousand_clients_behind_one_address_never_meet_their_share() {
        let mut shares = Shares::default();
        // The others have all but a few.
        let count = SESSIONS_MAX - SESSIONS_PER_SOURCE_MIN;
        for client in 0..SESSIONS_PER_SOURCE_MIN {
            assert!(shares.begin(opener(client as u64, 1), count + client), "client {client}");
        }
    }

    #[test]
    fn what_ends_or_was_not_created_counts_no_more() {
        let mut shares = Shares::default();
        let (one, full) = (opener(1, 1), SESSIONS_MAX - 1);
        assert_eq!(fill(&mut shares, one, usize::MAX, full), SESSIONS_PER_CONNECTION_MIN);
        shares.give_back(one);
        assert!(shares.begin(one, full) && !shares.begin(one, full));
        shares.own(SessionId(7), one);
        shares.adopt(SessionId(7), opener(2, 2));
        shares.remove(SessionId(7));
        shares.remove(SessionId(7));
        assert!(shares.begin(one, full) && !shares.begin(one, full));
        assert!(!shares.sources.contains_key(&ClientSource::v4(2)));
    }

    #[test]
    fn sessions_of_before_count_where_they_attach() {
        let mut shares = Shares::default();
        for session in 0..SESSIONS_PER_CONNECTION_MIN {
            shares.adopt(SessionId(session as u64 + 1), opener(1, 1));
        }
        assert!(!shares.begin(opener(1, 1), SESSIONS_MAX - 1));
    }
}
