//! `--join`: asks nodes of a cluster for its members, on behalf of a node that was added to it.

use super::ending::ended;
use super::starting::NotStarted;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::typed;
use tenure::client::{ClusterAt, members_told, unknown_hosts};
use tenure::node::{CannotJoin, NodeOptions};

/// `options` with the members that the nodes of `whom` name. A directory that has joined already
/// asks no node, so --join can stay in a unit file for ever.
pub fn told_by(whom: &ClusterAt, options: NodeOptions) -> Result<NodeOptions, NotStarted> {
    let endpoints = whom.endpoints.as_str();
    let (told, listen) = (members_told(whom), options.listen.clone());
    options.joining(told).map_err(|why| match (&why, unknown_hosts(endpoints)) {
        (CannotJoin::Untold(_) | CannotJoin::NoAddress, Some(error)) => {
            NotStarted::NotYet(format!("none of the hosts that --join names is known: {error}"))
        }
        _ => NotStarted::Failed(in_flags(why, endpoints, listen.as_deref())),
    })
}

/// The library's reasons, with the command line's names of the options.
fn in_flags(why: CannotJoin, endpoints: &str, listen: Option<&str>) -> Failure {
    match why {
        CannotJoin::Untold(why) => {
            Failure::unavailable(format!("start a node that --join names, or name others ({why})"))
        }
        CannotJoin::NoAddress => Failure::unavailable(
            "no node that --join names tells this node's address: give it with --listen HOST:PORT, or start \
             one of those first",
        ),
        CannotJoin::NotAdded(node) => {
            let (id, address) = (node.to_string(), listen.unwrap_or("HOST:PORT"));
            let add = typed::command("member add", &Connection::to(endpoints), &[&id, address]);
            let text = format!(
                "node {id} is not a member of that cluster: run `{add}` first (the id of a node that was removed is \
                 not used again: choose another)"
            );
            Failure { message: text, ..ended(tenure::Error::from(why)) }
        }
        why => ended(tenure::Error::from(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::NodeId;
    use tenure::{Error, Status};

    #[test]
    fn what_the_user_can_do_is_said_in_flags_and_a_stranger_is_an_error_of_usage() {
        let silent = Error::from(Status::Unavailable);
        for (why, code, words) in [
            (CannotJoin::Untold(silent), 3, "--join"),
            (CannotJoin::NoAddress, 3, "--listen HOST:PORT"),
            (CannotJoin::NotAdded(NodeId(4)), 2, "`tenure member add --endpoints a:1 4 b:2`"),
            (CannotJoin::Refused(Status::Io.into()), 3, "reading or writing failed"),
        ] {
            let failure = in_flags(why, "a:1", Some("b:2"));
            assert_eq!(failure.code, code);
            assert!(failure.message.contains(words), "{}", failure.message);
        }
    }
}
