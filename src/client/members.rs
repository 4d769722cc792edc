//! The members of a cluster, as its nodes tell them to one that was added to it.

use super::{ClusterAt, ClusterStatus, endpoints};
use crate::base::NodeId;
use crate::net::resolve_within;
use crate::{Error, Status};
use std::time::Duration;

/// The members and their addresses ("host:port"), as the leader tells them, else the node with the newest log of those
/// at the endpoints of `whom` and those that they name. Takes a few seconds if some of them do not answer.
///
/// # Errors
/// INVALID for malformed endpoints; UNAVAILABLE says which nodes were tried and why each failed.
pub fn members_told(whom: impl Into<ClusterAt>) -> Result<Vec<(NodeId, String)>, Error> {
    let whom = whom.into();
    endpoints::parse(&whom.endpoints)?;
    let cluster = ClusterStatus::ask(whom, ANSWER_WAIT);
    let Some(newest) = cluster.newest() else {
        let complaint = format!("within {ANSWER_WAIT:?}, {}", cluster.complaint());
        return Err(Error::new(Status::Unavailable, complaint));
    };
    Ok(newest.members.iter().map(|member| (member.node, member.address.clone())).collect())
}

/// If not one of the hosts of `endpoints` ("host:port,…") is known, why the first is not.
#[must_use]
pub fn unknown_hosts(endpoints: &str) -> Option<String> {
    let mut first = None;
    for endpoint in endpoints.split(',').map(str::trim) {
        match resolve_within(endpoint, LOOKUP_WAIT) {
            Ok(_) => return None,
            Err(why) => drop(first.get_or_insert(format!("{endpoint}: {why}"))),
        }
    }
    first
}

/// How long the nodes have to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Each was looked up just before.
const LOOKUP_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_nobody_could_dial_are_no_absent_cluster() {
        assert_eq!(members_told("db").unwrap_err().status, Status::Invalid);
    }
}
