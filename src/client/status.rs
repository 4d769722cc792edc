//! Asks nodes for their own status: plain short-lived connections, no session, no quorum.

use super::blocking::{BlockingConnection, Said};
use crate::net::TlsDialer;
use crate::sys::thread;
use crate::wire::{NodeStatus, Request, ServerMessage};
use crate::{Error, Status};
use std::io;
use std::time::Duration;

/// Asks all nodes at once, each on a thread of its own; answers are in the order of `endpoints`.
pub(super) fn ask_all(
    endpoints: Vec<String>,
    tls: Option<&TlsDialer>,
    timeout: Duration,
) -> Vec<(String, Result<NodeStatus, Error>)> {
    let asked: Vec<_> = endpoints
        .into_iter()
        .map(|endpoint| {
            let (node, tls) = (endpoint.clone(), tls.cloned());
            let asking = thread::spawn("tenure-status", move || ask(&node, tls.as_ref(), timeout));
            (endpoint, asking)
        })
        .collect();
    let answer = |asking: io::Result<std::thread::JoinHandle<Result<NodeStatus, Error>>>| {
        let asking =
            asking.map_err(|error| Error::new(Status::Io, error.to_string()).because_of(error))?;
        asking.join().unwrap_or_else(|_| Err(Status::Internal.into()))
    };
    asked.into_iter().map(|(endpoint, asking)| (endpoint, answer(asking))).collect()
}

fn ask(endpoint: &str, tls: Option<&TlsDialer>, timeout: Duration) -> Result<NodeStatus, Error> {
    let (mut connection, welcomed) = BlockingConnection::dial(endpoint, tls, "status", timeout)?;
    let describe = Request::Describe { read: 1 };
    let is_understood = welcomed.speech.abilities.cover(describe.needs());
    connection.send(&if is_understood { describe } else { Request::Status { read: 1 } })?;
    // A node of 0.1.0 tells its cluster only in the welcome.
    let cluster = welcomed.welcome.cluster;
    let of_cluster =
        |status: NodeStatus| NodeStatus { cluster: status.cluster.or(cluster), ..status };
    loop {
        match connection.receive()? {
            Said::Message(ServerMessage::Described { values, .. }) => {
                return Ok(of_cluster(NodeStatus::from_values(&values)));
            }
            Said::Message(ServerMessage::Status { status, .. }) => {
                return Ok(of_cluster(status.into()));
            }
            // Pushes are skipped.
            Said::Message(_) | Said::Welcome(..) => {}
        }
    }
}
