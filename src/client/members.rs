//! The members of a cluster, asked by a node that was added to it.

use super::{ClusterAt, ClusterStatus, endpoints};
use crate::base::NodeId;
use crate::net::resolve_within;
use crate::{Error, Status};
use std::time::Duration;

/// The members and their addresses ("host:port"), by the leader, else by the node with the newest
/// log among the endpoints of `whom` and the members that they name. Takes a few seconds if some of
/// them do not answer.
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

/// Why the first host of `endpoints` ("host:port,…") cannot be looked up, if none can.
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

/// The timeout of the nodes' answers.
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
