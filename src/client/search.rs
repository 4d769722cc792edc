//! The search for a cluster's leader over plain connections: all endpoints are asked at once, and
//! their answers compared.

use super::blocking::BlockingConnection;
use super::cluster_at::ClusterAt;
use super::core::Words;
use super::endpoints;
use crate::base::NodeId;
use crate::net::TlsDialer;
use crate::sys::thread;
use crate::wire::{ClientWelcome, LeaderHint};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A search, and its findings so far.
#[derive(Debug)]
pub(super) struct Search {
    whom: ClusterAt,
    given: Vec<String>,
    words: Words,
    failures: BTreeMap<String, String>,
    /// Of the last address that gave no answer.
    refusal: Option<Error>,
    until: Instant,
}

/// A connection, and its welcome.
pub(super) type Greeted = (BlockingConnection, ClientWelcome);

type Answer = (String, Result<Greeted, Error>);

impl Search {
    /// A search among the endpoints of `whom` and the leaders that they name, for at most
    /// `timeout`.
    ///
    /// # Errors
    /// INVALID for malformed endpoints.
    pub(super) fn new(whom: ClusterAt, timeout: Duration) -> Result<Self, Error> {
        let given = endpoints::parse(&whom.endpoints)?;
        let (words, failures) = (Words::default(), BTreeMap::new());
        let until = Instant::now() + timeout;
        Ok(Self { whom, given, words, failures, refusal: None, until })
    }

    /// A connection to the leader.
    ///
    /// # Errors
    /// UNAVAILABLE: the endpoints are of several clusters, or which nodes were tried and why each failed.
    pub(super) fn run(mut self) -> Result<Greeted, Error> {
        loop {
            let mut named = BTreeSet::new();
            let mut asked = BTreeSet::new();
            let mut next: Vec<String> = self.given.clone();
            while !next.is_empty() {
                asked.extend(next.iter().cloned());
                if let Some(leader) = self.ask(&next, &mut named)? {
                    return Ok(leader);
                }
                next = named.iter().filter(|address| !asked.contains(*address)).cloned().collect();
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Asks all of `addresses` at once. Silent nodes are waited for only while no other one leads.
    fn ask(
        &mut self,
        addresses: &[String],
        named: &mut BTreeSet<String>,
    ) -> Result<Option<Greeted>, Error> {
        let wait = self.left().min(DIAL_WAIT);
        if wait.is_zero() {
            return Err(self.unreachable());
        }
        let answers = greet_all(addresses, self.whom.tls.as_ref(), wait);
        let mut until = Instant::now() + wait;
        let mut leader = None;
        for _ in addresses {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((address, answer)) = answers.recv_timeout(left) else { break };
            let Some(greeted) = self.take(&address, answer) else { continue };
            let (_, welcome) = &greeted;
            if leads(&welcome.leader, welcome.node) {
                leader = leader.or(Some(greeted));
                until = until.min(Instant::now() + STRAGGLERS_WAIT);
            } else {
                self.failures.insert(address, describe(welcome));
                let leader = welcome.leader.leader.as_ref().map(|(_, address)| address);
                if leader.is_some_and(|leader| !addresses.contains(leader)) {
                    until = until.min(Instant::now() + STRAGGLERS_WAIT);
                }
                named.extend(leader.cloned());
            }
        }
        match self.words.contradiction() {
            Some(text) => Err(Error::new(Status::Unavailable, text)),
            None => Ok(leader),
        }
    }

    /// Takes an answer; gives the connection if the node is of the expected cluster.
    fn take(&mut self, address: &str, answer: Result<Greeted, Error>) -> Option<Greeted> {
        let checked = answer.and_then(|(connection, welcome)| {
            self.whom.check(welcome.cluster)?;
            Ok((connection, welcome))
        });
        match checked {
            Ok((connection, welcome)) => {
                if let Some(cluster) = welcome.cluster {
                    self.words.note(address, cluster);
                }
                Some((connection, welcome))
            }
            Err(error) => {
                self.failures.insert(address.to_owned(), error.to_string());
                self.refusal = Some(error);
                None
            }
        }
    }

    /// The sentence has all failures; the source is one's.
    fn unreachable(&self) -> Error {
        let tried: Vec<String> =
            self.failures.iter().map(|(address, why)| format!("{address} ({why})")).collect();
        let text = format!("no leader was found; tried {}", tried.join(", "));
        let refusal = self.refusal.clone().unwrap_or(Status::Unavailable.into());
        Error { status: Status::Unavailable, ..refusal.reworded(text) }
    }
}

/// A plain connection of an operator.
pub(super) fn greet(
    endpoint: &str,
    tls: Option<&TlsDialer>,
    wait: Duration,
) -> Result<Greeted, Error> {
    let (connection, welcomed) = BlockingConnection::dial(endpoint, tls, "operator", wait)?;
    Ok((connection, welcomed.welcome))
}

pub(super) fn leads(hint: &LeaderHint, node: NodeId) -> bool {
    hint.leader.as_ref().is_some_and(|(leader, _)| *leader == node)
}

fn greet_all(addresses: &[String], tls: Option<&TlsDialer>, wait: Duration) -> Receiver<Answer> {
    let (said, answers) = channel();
    for address in addresses {
        let (to, said): (String, Sender<Answer>) = (address.clone(), said.clone());
        let tls = tls.cloned();
        // The search may have found the leader, and not listen any more.
        let ask = move || drop(said.send((to.clone(), greet(&to, tls.as_ref(), wait))));
        if let Err(error) = thread::spawn("tenure-operator", ask) {
            log::warn!("{address} is not asked: no thread ({error})");
        }
    }
    answers
}

fn describe(welcome: &ClientWelcome) -> String {
    match &welcome.leader.leader {
        Some((leader, address)) => format!("it says that node {leader} at {address} leads"),
        None => "it knows no leader".to_owned(),
    }
}

/// A node that has not welcomed us after this is passed over.
const DIAL_WAIT: Duration = Duration::from_secs(2);
/// Once a leader is found, or named, the others have this long to contradict it.
const STRAGGLERS_WAIT: Duration = Duration::from_millis(100);
/// The pause between rounds while no node leads: a fraction of an election.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;
    use std::io::{Error as IoError, ErrorKind};

    #[test]
    fn where_no_leader_is_found_all_failures_are_said_and_one_is_the_source() {
        let mut search = Search::new("a:1,b:1".into(), Duration::ZERO).unwrap();
        let refused = Error::new(Status::Unavailable, "connection refused");
        let refused = refused.because_of(IoError::from(ErrorKind::ConnectionRefused));
        search.take("a:1", Err(refused));
        let error = search.unreachable();
        assert_eq!(error.message, "no leader was found; tried a:1 (connection refused)");
        let source = error.source().and_then(|it| it.downcast_ref::<IoError>());
        assert_eq!(source.map(IoError::kind), Some(ErrorKind::ConnectionRefused));
    }
}
