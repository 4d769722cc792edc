//! Admission of connections: by the hello of a peer, and by the cluster that a client knew (W8,
//! W9).

use crate::base::founding::FoundingRecord;
use crate::base::time::RHO_PPM;
use crate::base::{ClusterId, NodeId};
use crate::raft::Membership;
use crate::wire::{PeerHello, Refused, RefusedCode, Speech};

/// Why a connected peer counts as a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The membership names it, this node dialed it where the membership or its options say, or it has proved that it
    /// knows the key of the cluster.
    Vouched,
    /// The peer claims to be of this cluster, and this node has no key yet to check that.
    Untried,
}

/// The answer to an acceptable hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Admitted.
    Granted(Trust),
    /// The sender must prove that it knows the key of the cluster.
    Asked,
}

/// Checks a peer's hello: against the `configured` members until there is a founding `record`,
/// against the newest `membership` from then on.
///
/// # Errors
/// The refusal to send before closing.
pub fn check_peer(
    hello: &PeerHello,
    node: NodeId,
    configured: &[NodeId],
    founded: Option<Founded<'_>>,
) -> Result<Admission, Refused> {
    let theirs = hello.node;
    if hello.to != node {
        let text = format!("this is node {node}, not node {}: correct --cluster", hello.to);
        return refuse(RefusedCode::Node, text);
    }
    if theirs == node || theirs == NodeId(0) {
        let text = format!("node {theirs} is not another member of this cluster: correct --id");
        return refuse(RefusedCode::Node, text);
    }
    if hello.rho_ppm != RHO_PPM {
        let text = format!(
            "node {theirs} bounds clock rates by {} ppm, this node by {RHO_PPM}: run the same version",
            hello.rho_ppm
        );
        return refuse(RefusedCode::ClockRate, text);
    }
    match founded {
        Some(founded) => check_member(hello, &founded),
        None if configured.contains(&theirs) => Ok(Admission::Granted(Trust::Vouched)),
        None => refuse(
            RefusedCode::Node,
            format!(
                "node {theirs} is not another member of this cluster: correct --id or --cluster"
            ),
        ),
    }
}

/// A founded node's knowledge of its cluster.
#[derive(Clone, Copy, Debug)]
pub struct Founded<'a> {
    /// The founding record.
    pub record: &'a FoundingRecord,
    /// The newest membership, committed or not.
    pub membership: &'a Membership,
    /// Whether the peer was removed for good, by committed entries.
    pub is_removed: bool,
    /// Whether this node knows the key of the cluster.
    pub has_key: bool,
}

fn check_member(hello: &PeerHello, founded: &Founded<'_>) -> Result<Admission, Refused> {
    let Founded { record, membership, is_removed, has_key } = *founded;
    let theirs = hello.node;
    if let Some(cluster) = hello.cluster
        && cluster != record.cluster()
    {
        let text = format!(
            "node {theirs} is of cluster {cluster}, this node of {}: correct --data or --cluster",
            record.cluster()
        );
        return refuse(RefusedCode::Cluster, text);
    }
    if is_removed {
        return refuse(RefusedCode::Removed, was_removed(theirs));
    }
    match membership.member(theirs) {
        Some(member) if member.directory.is_some_and(|known| known != hello.directory) => {
            let text = format!(
                "node {theirs} is empty: the cluster knows another data directory of it; \
                 restore that directory, or remove node {theirs} and add it again under a new id"
            );
            refuse(RefusedCode::Directory, text)
        }
        Some(_) => Ok(Admission::Granted(Trust::Vouched)),
        // The peer may have been added by a change that has not arrived here. Every welcome tells
        // the cluster's id, so knowing it proves nothing.
        None if hello.cluster.is_some() && has_key => Ok(Admission::Asked),
        // The key has not arrived here either, and comes from admitted peers.
        None if hello.cluster.is_some() => Ok(Admission::Granted(Trust::Untried)),
        None => refuse(
            RefusedCode::Node,
            format!(
                "node {theirs} is not a member: add it with `tenure member add {theirs} HOST:PORT`"
            ),
        ),
    }
}

/// Checks that a peer reads the lock machine's level that is in force here: else it would have to
/// end at the first entry of that level.
///
/// # Errors
/// The refusal to send before closing.
pub fn check_level(node: NodeId, speech: &Speech, level: u32) -> Result<(), Refused> {
    if speech.level_max >= level {
        return Ok(());
    }
    let text = format!(
        "this cluster is at level {level}, and node {node} runs tenure {}, which reads up to level {}: run the version \
         of the other nodes there; a level never falls again",
        speech.version, speech.level_max
    );
    refuse(RefusedCode::Level, text)
}

/// The refusal of a removed member.
#[must_use]
pub fn was_removed(node: NodeId) -> String {
    format!(
        "node {node} was removed from this cluster: to come back it needs a new id and an empty directory \
         (`tenure member add`, then --join)"
    )
}

/// Checks the cluster that a client knew from before, if any.
///
/// # Errors
/// The refusal to send before closing.
pub fn check_client(known: Option<ClusterId>, own: Option<ClusterId>) -> Result<(), Refused> {
    match (known, own) {
        (Some(known), Some(own)) if known != own => {
            let text = format!("this is cluster {own}, not {known}: correct the endpoints");
            refuse(RefusedCode::Cluster, text)
        }
        _ => Ok(()),
    }
}

fn refuse<T>(code: RefusedCode, text: String) -> Result<T, Refused> {
    Err(Refused { code, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::DirectoryId;
    use crate::raft::Change;

    const MEMBERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    fn record() -> FoundingRecord {
        FoundingRecord::new(MEMBERS.map(|node| (node, DirectoryId([node.0 as u8; 16]))))
    }

    fn hello() -> PeerHello {
        PeerHello {
            node: NodeId(2),
            to: NodeId(1),
            directory: DirectoryId([2; 16]),
            cluster: Some(record().cluster()),
            boot: 5,
            rho_ppm: RHO_PPM,
        }
    }

    fn founding() -> Membership {
        let member = |node: NodeId| (node, DirectoryId([node.0 as u8; 16]), String::new());
        Membership::founding(MEMBERS.map(member))
    }

    fn code_in(hello: &PeerHello, membership: &Membership) -> Option<RefusedCode> {
        admission_in(hello, membership, false).err().map(|refused| refused.code)
    }

    fn admission_in(
        hello: &PeerHello,
        membership: &Membership,
        has_key: bool,
    ) -> Result<Admission, Refused> {
        let (record, is_removed) = (record(), membership.is_removed(hello.node));
        let founded = Founded { record: &record, membership, is_removed, has_key };
        check_peer(hello, NodeId(1), &MEMBERS, Some(founded))
    }

    fn code_of(hello: &PeerHello) -> Option<RefusedCode> {
        code_in(hello, &founding())
    }

    #[test]
    fn each_mismatch_is_refused_with_its_own_code() {
        let stranger = ClusterId([0; 16]);
        assert_eq!(code_of(&hello()), None);
        assert_eq!(code_of(&PeerHello { cluster: None, ..hello() }), None);
        assert_eq!(code_of(&PeerHello { to: NodeId(3), ..hello() }), Some(RefusedCode::Node));
        assert_eq!(code_of(&PeerHello { node: NodeId(1), ..hello() }), Some(RefusedCode::Node));
        let stranger_here = PeerHello { node: NodeId(9), cluster: None, ..hello() };
        assert_eq!(code_of(&stranger_here), Some(RefusedCode::Node));
        let unfounded =
            check_peer(&PeerHello { node: NodeId(9), ..hello() }, NodeId(1), &MEMBERS, None);
        assert_eq!(unfounded.unwrap_err().code, RefusedCode::Node);
        assert_eq!(code_of(&PeerHello { rho_ppm: 1, ..hello() }), Some(RefusedCode::ClockRate));
        let other_cluster = PeerHello { cluster: Some(stranger), ..hello() };
        assert_eq!(code_of(&other_cluster), Some(RefusedCode::Cluster));
        let emptied = PeerHello { directory: DirectoryId([7; 16]), cluster: None, ..hello() };
        assert_eq!(code_of(&emptied), Some(RefusedCode::Directory));
    }

    #[test]
    fn w8_members_are_those_of_the_newest_membership() {
        let change = |change: Change| vec![change];
        let address = "host4:1".to_owned();
        let added = founding().changed(&change(Change::AddLearner { node: NodeId(4), address }));
        let added = added.unwrap();
        let newcomer = PeerHello { node: NodeId(4), cluster: None, ..hello() };
        assert_eq!(code_in(&newcomer, &founding()), Some(RefusedCode::Node), "not added yet");
        assert_eq!(code_in(&newcomer, &added), None, "not met yet: any directory");
        let bind = Change::Bind { node: NodeId(4), directory: DirectoryId([4; 16]) };
        let bound = added.changed(&change(bind)).unwrap();
        assert_eq!(code_in(&newcomer, &bound), Some(RefusedCode::Directory), "emptied since");
        let removed = founding().changed(&change(Change::Remove { node: NodeId(2) })).unwrap();
        assert_eq!(code_in(&hello(), &removed), Some(RefusedCode::Removed));
    }

    #[test]
    fn w9_who_is_not_a_member_here_must_prove_it_once_there_is_a_key() {
        let of = |hello: &PeerHello, has_key| admission_in(hello, &founding(), has_key).unwrap();
        let unknown = PeerHello { node: NodeId(7), ..hello() };
        assert_eq!(of(&unknown, true), Admission::Asked, "added by what has not come here?");
        assert_eq!(of(&unknown, false), Admission::Granted(Trust::Untried), "nothing to try it by");
        for has_key in [false, true] {
            assert_eq!(of(&hello(), has_key), Admission::Granted(Trust::Vouched));
            let nobody = PeerHello { cluster: None, ..unknown.clone() };
            let refused = admission_in(&nobody, &founding(), has_key).unwrap_err();
            assert_eq!(refused.code, RefusedCode::Node);
        }
    }

    #[test]
    fn a_client_of_another_cluster_is_refused() {
        let own = record().cluster();
        assert_eq!(check_client(None, Some(own)), Ok(()));
        assert_eq!(check_client(Some(own), Some(own)), Ok(()));
        assert!(check_client(Some(ClusterId([0; 16])), Some(own)).is_err());
    }
}
