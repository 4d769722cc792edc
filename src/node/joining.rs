//! Joining: how a node that was added to an existing cluster learns the members.

use crate::base::NodeId;
use crate::base::error::{Error, Status};
use crate::base::limits::MEMBERS_MAX;
use crate::node::event_loop::disk_error;
use crate::node::{FileDisk, NodeOptions};
use crate::wal::is_founded;
use std::path::Path;

/// Why a node cannot join, by the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotJoin {
    /// No node told the members, and this directory does not know them yet: try when a node of the
    /// cluster is up.
    #[error("start a node that `join` names, or name others ({0})")]
    Untold(Error),
    /// The node is no member: add it first.
    #[error(
        "node {0} is not a member of that cluster: add it first, in a program or by `tenure member add {0} HOST:PORT` (the \
         id of a node that was removed is not used again: choose another)"
    )]
    NotAdded(NodeId),
    /// The node joined earlier, and no node told its address: give it, or try when a node of the
    /// cluster is up.
    #[error(
        "no node that `join` names tells this node's address: give it with `listen`, or start one of those first"
    )]
    NoAddress,
    /// The options or the directory are wrong.
    #[error("{0}")]
    Refused(Error),
}

impl From<CannotJoin> for Error {
    fn from(why: CannotJoin) -> Self {
        let status = match &why {
            CannotJoin::Untold(_) | CannotJoin::NoAddress => Status::Unavailable,
            CannotJoin::NotAdded(_) => Status::Invalid,
            CannotJoin::Refused(error) => error.status,
        };
        Self::new(status, why.to_string())
    }
}

impl NodeOptions {
    /// These options for a node that was added to a cluster, with the members that its nodes
    /// `told`, or the error of asking. A directory that has joined already needs neither: its own
    /// log knows more. So a program may start its node in the same way for ever.
    ///
    /// # Errors
    /// INVALID for malformed endpoints, else as the variants say.
    pub fn joining(
        mut self,
        told: Result<Vec<(NodeId, String)>, Error>,
    ) -> Result<Self, CannotJoin> {
        self.join = true;
        match told {
            Ok(members) if names(&members, self.id) => self.cluster = members,
            Err(why) if why.status == Status::Invalid => return Err(CannotJoin::Refused(why)),
            told if has_joined(&self.data_dir)? => self.keep_own(told)?,
            Ok(_) => return Err(CannotJoin::NotAdded(self.id)),
            Err(why) => return Err(CannotJoin::Untold(why)),
        }
        Ok(self)
    }

    /// For a directory that has joined: its own address must be known without the others; the log
    /// names the peers to dial. The told members are kept, too: if the node was removed while down,
    /// and no member of its log is left, they know of it.
    fn keep_own(&mut self, told: Result<Vec<(NodeId, String)>, Error>) -> Result<(), CannotJoin> {
        if !names(&self.cluster, self.id) {
            let missing =
                if told.is_ok() { CannotJoin::NotAdded(self.id) } else { CannotJoin::NoAddress };
            let own = self.listen.clone().ok_or(missing)?;
            self.cluster.push((self.id, own));
        }
        for (node, address) in told.unwrap_or_default() {
            let is_known = |member: &(NodeId, String)| member.0 == node || member.1 == address;
            if self.cluster.len() < MEMBERS_MAX && !self.cluster.iter().any(is_known) {
                self.cluster.push((node, address));
            }
        }
        Ok(())
    }
}

fn names(members: &[(NodeId, String)], node: NodeId) -> bool {
    members.iter().any(|(member, _)| *member == node)
}

/// Whether the directory is a member's.
fn has_joined(data_dir: &Path) -> Result<bool, CannotJoin> {
    FileDisk::open(data_dir)
        .and_then(|mut disk| is_founded(&mut disk))
        .map_err(|error| CannotJoin::Refused(disk_error(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(members: &[(u64, &str)]) -> Vec<(NodeId, String)> {
        members.iter().map(|(id, address)| (NodeId(*id), (*address).to_owned())).collect()
    }

    fn options(data: &Path, listen: Option<&str>, members: &[(u64, &str)]) -> NodeOptions {
        let listen = listen.map(str::to_owned);
        NodeOptions { listen, ..NodeOptions::new(NodeId(4), data, cluster(members)) }
    }

    fn silence() -> Result<Vec<(NodeId, String)>, Error> {
        Err(Error::new(Status::Unavailable, "no node answered"))
    }

    fn joined() -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("founding"), b"").unwrap();
        data
    }

    #[test]
    fn a_member_begins_with_those_that_it_is_told() {
        let data = tempfile::tempdir().unwrap();
        let told = cluster(&[(1, "a:1"), (4, "d:1")]);
        let options = options(data.path(), None, &[]).joining(Ok(told.clone())).unwrap();
        assert_eq!((options.join, options.cluster), (true, told));
    }

    #[test]
    fn a_new_directory_needs_somebody_who_names_it() {
        let data = tempfile::tempdir().unwrap();
        let options = || options(data.path(), Some("d:1"), &[]);
        let stranger = options().joining(Ok(cluster(&[(1, "a:1")]))).unwrap_err();
        assert_eq!(stranger, CannotJoin::NotAdded(NodeId(4)));
        assert_eq!(Error::from(stranger).status, Status::Invalid);
        let untold = Error::from(options().joining(silence()).unwrap_err());
        assert_eq!(untold.status, Status::Unavailable);
        assert!(untold.message.contains("no node answered"), "{untold}");
    }

    #[test]
    fn a_member_whom_nobody_tells_anything_needs_its_own_address_alone() {
        let data = joined();
        let listening = options(data.path(), Some("d:1"), &[]).joining(silence()).unwrap();
        assert_eq!(listening.cluster, cluster(&[(4, "d:1")]));
        let members = [(4, "d:1"), (1, "a:1")];
        let configured = options(data.path(), None, &members).joining(silence()).unwrap();
        assert_eq!(configured.cluster, cluster(&members));
        let lost = options(data.path(), None, &[]).joining(silence()).unwrap_err();
        assert_eq!(lost, CannotJoin::NoAddress);
    }

    #[test]
    fn one_that_has_joined_and_is_named_no_more_asks_those_that_it_is_told_of() {
        let data = joined();
        let told = || Ok(cluster(&[(1, "a:1"), (5, "d:1"), (6, "f:1")]));
        let options = |listen| options(data.path(), listen, &[]);
        let removed = options(Some("d:1")).joining(told()).unwrap();
        // The member that has its address now cannot be there while it runs.
        assert_eq!(removed.cluster, cluster(&[(4, "d:1"), (1, "a:1"), (6, "f:1")]));
        let lost = options(None).joining(told()).unwrap_err();
        assert_eq!(lost, CannotJoin::NotAdded(NodeId(4)));
    }

    #[test]
    fn a_malformed_question_is_told_to_one_that_has_joined_too() {
        let data = joined();
        let malformed = Err(Error::from(Status::Invalid));
        let refused = options(data.path(), Some("d:1"), &[]).joining(malformed).unwrap_err();
        assert_eq!(Error::from(refused).status, Status::Invalid);
    }
}
