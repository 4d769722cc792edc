//! Who may connect: the hello of a peer and the cluster that a client knew.

use crate::base::founding::FoundingRecord;
use crate::base::time::RHO_PPM;
use crate::base::{ClusterId, NodeId};
use crate::wire::{PeerHello, Refused, RefusedCode};

/// Checks a peer's hello against what this node knows. `record` is the founding, once there is one.
///
/// # Errors
/// What to answer before closing.
pub fn check_peer(
    hello: &PeerHello,
    node: NodeId,
    members: &[NodeId],
    record: Option<&FoundingRecord>,
) -> Result<(), Refused> {
    let theirs = hello.node;
    if hello.to != node {
        let text = format!("this is node {node}, not node {}: correct --cluster", hello.to);
        return refuse(RefusedCode::Node, text);
    }
    if theirs == node || !members.contains(&theirs) {
        let text = format!(
            "node {theirs} is not another member of this cluster: correct --id or --cluster"
        );
        return refuse(RefusedCode::Node, text);
    }
    if hello.rho_ppm != RHO_PPM {
        let text = format!(
            "node {theirs} bounds clock rates by {} ppm, this node by {RHO_PPM}: run the same version",
            hello.rho_ppm
        );
        return refuse(RefusedCode::ClockRate, text);
    }
    let Some(record) = record else { return Ok(()) };
    if let Some(cluster) = hello.cluster
        && cluster != record.cluster()
    {
        let text = format!(
            "node {theirs} is of cluster {cluster}, this node of {}: correct --data or --cluster",
            record.cluster()
        );
        return refuse(RefusedCode::Cluster, text);
    }
    if record.directory(theirs) != Some(hello.directory) {
        let text = format!(
            "node {theirs} is empty: the cluster was founded with another data directory of it; \
             restore that directory, or remove node {theirs} and add it again under a new id"
        );
        return refuse(RefusedCode::Directory, text);
    }
    Ok(())
}

/// Checks the cluster that a client knew from before, if any.
///
/// # Errors
/// What to answer before closing.
pub fn check_client(known: Option<ClusterId>, own: Option<ClusterId>) -> Result<(), Refused> {
    match (known, own) {
        (Some(known), Some(own)) if known != own => {
            let text = format!("this is cluster {own}, not {known}: correct the endpoints");
            refuse(RefusedCode::Cluster, text)
        }
        _ => Ok(()),
    }
}

fn refuse(code: RefusedCode, text: String) -> Result<(), Refused> {
    Err(Refused { code, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::DirectoryId;

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

    fn code_of(hello: &PeerHello) -> Option<RefusedCode> {
        check_peer(hello, NodeId(1), &MEMBERS, Some(&record())).err().map(|refused| refused.code)
    }

    #[test]
    fn each_mismatch_is_refused_with_its_own_code() {
        let stranger = ClusterId([0; 16]);
        assert_eq!(code_of(&hello()), None);
        assert_eq!(code_of(&PeerHello { cluster: None, ..hello() }), None);
        assert_eq!(code_of(&PeerHello { to: NodeId(3), ..hello() }), Some(RefusedCode::Node));
        assert_eq!(code_of(&PeerHello { node: NodeId(1), ..hello() }), Some(RefusedCode::Node));
        assert_eq!(code_of(&PeerHello { node: NodeId(9), ..hello() }), Some(RefusedCode::Node));
        assert_eq!(code_of(&PeerHello { rho_ppm: 1, ..hello() }), Some(RefusedCode::ClockRate));
        let other_cluster = PeerHello { cluster: Some(stranger), ..hello() };
        assert_eq!(code_of(&other_cluster), Some(RefusedCode::Cluster));
        let emptied = PeerHello { directory: DirectoryId([7; 16]), cluster: None, ..hello() };
        assert_eq!(code_of(&emptied), Some(RefusedCode::Directory));
    }

    #[test]
    fn a_client_of_another_cluster_is_refused() {
        let own = record().cluster();
        assert_eq!(check_client(None, Some(own)), Ok(()));
        assert_eq!(check_client(Some(own), Some(own)), Ok(()));
        assert!(check_client(Some(ClusterId([0; 16])), Some(own)).is_err());
    }
}
