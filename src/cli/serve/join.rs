//! `--join`: the members as nodes of the cluster tell them, for a node that was added to it.

use crate::cli::duration;
use crate::cli::failure::Failure;
use std::path::Path;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::ClusterStatus;
use tenure::node::{FileDisk, NodeOptions};
use tenure::wal::is_founded;
use tenure::wire::NodeStatus;

/// `options` with the members that the nodes at `endpoints` name. A directory that has joined already needs none of
/// them: its own log says more. So --join can stay in a unit file for ever.
pub fn told_by(endpoints: &str, mut options: NodeOptions) -> Result<NodeOptions, Failure> {
    options.join = true;
    let stage = Stage::of(&options.data_dir)?;
    let cluster = ClusterStatus::ask(endpoints, ANSWER_WAIT);
    let told = cluster.newest().ok_or_else(|| cluster.complaint());
    let members = told.map(|newest| members(newest, options.id));
    match (members, stage) {
        (Ok(Some(members)), _) => options.cluster = members,
        (_, Stage::Joined) => keep_own(&mut options)?,
        (Ok(None), Stage::New) => return Err(not_added(options.id)),
        (Err(complaint), Stage::New) => {
            let wait = duration::show(ANSWER_WAIT);
            let advice = format!(
                "start a node that --join names, or name others (within {wait}, {complaint})"
            );
            return Err(Failure::unavailable(advice));
        }
    }
    Ok(options)
}

/// How far a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has joined nothing yet.
    New,
    /// It is a member's.
    Joined,
}

impl Stage {
    fn of(data_dir: &Path) -> Result<Self, Failure> {
        let founded = FileDisk::open(data_dir).and_then(|mut disk| is_founded(&mut disk));
        let founded = founded.map_err(|error| Failure::unavailable(error.to_string()))?;
        Ok(if founded { Self::Joined } else { Self::New })
    }
}

/// All members, if `own` is one of them.
fn members(newest: &NodeStatus, own: NodeId) -> Option<Vec<(NodeId, String)>> {
    let members = newest.members.iter().map(|member| (member.node, member.address.clone()));
    let members: Vec<_> = members.collect();
    members.iter().any(|(node, _)| *node == own).then_some(members)
}

/// Its own address must be known without the others; whom to dial its log says.
fn keep_own(options: &mut NodeOptions) -> Result<(), Failure> {
    if options.cluster.iter().any(|(node, _)| *node == options.id) {
        return Ok(());
    }
    let Some(own) = options.listen.clone() else {
        return Err(Failure::unavailable(
            "no node that --join names tells where this one is reached: say it with --listen HOST:PORT, or start \
             one of those first",
        ));
    };
    options.cluster.push((options.id, own));
    Ok(())
}

fn not_added(id: NodeId) -> Failure {
    Failure::usage(format!(
        "node {id} is not a member of that cluster: run `tenure member add {id} HOST:PORT` first (the id of a node \
         that was removed is not used again: choose another)"
    ))
}

/// How long the nodes have to tell who the members are.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: Option<&str>, cluster: &[(u64, &str)]) -> NodeOptions {
        let cluster = cluster.iter().map(|(id, address)| (NodeId(*id), (*address).to_owned()));
        let mut options = NodeOptions::new(NodeId(4), "unused", cluster.collect());
        options.listen = listen.map(str::to_owned);
        options
    }

    #[test]
    fn a_member_whom_nobody_tells_anything_needs_its_own_address_alone() {
        let mut listening = options(Some("127.0.0.1:7404"), &[]);
        keep_own(&mut listening).unwrap();
        assert_eq!(listening.cluster, [(NodeId(4), "127.0.0.1:7404".to_owned())]);
        let mut configured = options(None, &[(4, "127.0.0.1:7404"), (1, "127.0.0.1:7401")]);
        keep_own(&mut configured).unwrap();
        assert_eq!(configured.cluster.len(), 2);
        let refused = keep_own(&mut options(None, &[])).unwrap_err();
        assert!(refused.message.contains("--listen"), "{}", refused.message);
    }

    #[test]
    fn a_directory_without_a_founding_record_is_new() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(Stage::of(data.path()), Ok(Stage::New));
        std::fs::write(data.path().join("founding"), b"").unwrap();
        assert_eq!(Stage::of(data.path()), Ok(Stage::Joined));
    }
}
