//! A member in a list of members: its vote, its role, and how far its log is.

use crate::base::{Index, NodeId};
use crate::client::ClusterStatus;
use crate::{Error, Status};
use serde_json::{Value, json};

/// A member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Where the other nodes and clients reach it.
    pub address: String,
    /// The suffrage: "voter", "learner" (no vote), or on the way: "joining", "demoting", "leaving".
    pub seat: String,
    /// The present role by its own status: "leader", "follower", …, "unreachable".
    pub role: String,
    /// The last entry of its log, as far as the leader knows; `None` without a leader, and for a
    /// member that it has not heard.
    pub matched: Option<u64>,
    /// How many entries of the leader's log it lacks, as far as the leader knows.
    pub behind: Option<u64>,
}

impl Member {
    /// All members, by the node with the newest log of `cluster`.
    ///
    /// # Errors
    /// UNAVAILABLE: no node answered, or they are of several clusters.
    #[doc(hidden)]
    pub fn all_of(cluster: &ClusterStatus) -> Result<Vec<Self>, Error> {
        let Some(newest) = cluster.newest() else {
            return Err(Error::new(Status::Unavailable, cluster.complaint()));
        };
        let behind = |matched: Option<Index>| Some(newest.last.0.saturating_sub(matched?.0));
        let members = newest.members.iter().map(|member| Self {
            id: member.node,
            address: member.address.clone(),
            seat: member.seat.name().to_owned(),
            role: cluster.role_of(member.node),
            matched: member.matched.map(|index| index.0),
            behind: behind(member.matched),
        });
        Ok(members.collect())
    }

    /// Whether it has a vote, or is on the way to one.
    #[must_use]
    pub fn votes(&self) -> bool {
        self.seat == "voter" || self.seat == "joining"
    }

    /// Members as JSON, as in `describe`.
    #[must_use]
    pub fn to_json(members: &[Self]) -> Value {
        let member = |member: &Self| {
            json!({
                "id": member.id.0,
                "address": member.address,
                "seat": member.seat,
                "role": member.role,
                "matched": member.matched,
                "behind": member.behind,
            })
        };
        json!({"members": members.iter().map(member).collect::<Vec<_>>()})
    }
}
