//! `tenure serve`: one node of a cluster, until a signal.

mod config;
mod ending;
mod join;
mod starting;

use crate::cli::failure::Failure;
use crate::cli::signals::{ENDING, Signals};
use clap::Args;
use ending::ended;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;
use tenure::Status;
use tenure::base::{NodeId, Term};
use tenure::node::{Leadership, Node};
use tenure::sys::descriptors;
use tenure::sys::poll::{self, Interest, Ready};

/// Run one node of a cluster until SIGTERM or SIGINT.
///
/// If it leads, it hands leadership over before it ends. It ends by itself once it is removed from the cluster.
/// What is not given as a flag or in the environment is taken from the --config file, then from the defaults.
/// A name or an address to listen on that is not there yet is waited for. Ends with 2 if a person must mend the options
/// or the directory, with 3 if it is to be started again.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// This node's id, as in --cluster
    #[arg(long, value_name = "ID")]
    id: Option<u64>,
    /// Directory for everything that the node keeps; made if it does not exist
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen; else at this node's address in --cluster
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// All nodes: 1=host:port,2=host:port,3=host:port
    #[arg(long, value_name = "ID=HOST:PORT,…", value_parser = crate::cli::connect::parse_members)]
    cluster: Option<String>,
    /// Join the cluster of these nodes, which tell who the others are; instead of --cluster
    #[arg(long, value_name = "HOST:PORT,…", value_parser = crate::cli::connect::parse_endpoints)]
    join: Option<String>,
    /// A TOML file with these options
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How often a leader is heard [default: 30ms]
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration::parse)]
    heartbeat: Option<Duration>,
    /// Shortest silence after which a new leader is elected [default: 150ms]
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration::parse)]
    election: Option<Duration>,
    /// Length of the leader lease; the same on all nodes [default: 150ms]
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration::parse)]
    lease_duration: Option<Duration>,
    /// The longest session TTL; a restored cluster waits that long before it grants [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration::parse)]
    ttl_max: Option<Duration>,
    /// How much log is written before the state is stored and the log cut [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = crate::cli::size::parse)]
    snapshot_every: Option<u64>,
    /// Listen beyond loopback although nothing is encrypted
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    insecure: Option<bool>,
    /// Where metrics, probes and this node's status are served over HTTP, say 127.0.0.1:9401 [default: nowhere]
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
}

/// Runs it.
pub fn run(flags: Options) -> Result<(), Failure> {
    let signals = Signals::catch(ENDING)?;
    // Nothing here calls select(2), the one reason for a low soft limit.
    descriptors::raise_limit();
    let Some(node) = starting::start(&flags, &signals)? else { return Ok(()) };
    let id = node.id();
    log::info!("node {id}{} listens on {}", of_how_many(&node), node.address());
    follow(&node, &signals)?;
    node.stop(Some(STOP_WAIT)).map_err(ended)?;
    log::info!("node {id} has stopped");
    Ok(())
}

/// Ids may be larger than the number of members.
fn of_how_many(node: &Node) -> String {
    let members = node.endpoints().split(',').count();
    if node.id().0 <= members as u64 { format!(" of {members}") } else { String::new() }
}

/// Reports who leads until a signal, or the node's own end. No program here reads the leader lease, so none is asked for:
/// there is no claim to wait for when leadership moves (C3).
fn follow(node: &Node, signals: &Signals) -> Result<(), Failure> {
    let mut known = None;
    loop {
        let fd = node.leader_fd();
        // A node that ran out of descriptors is looked at again and again.
        let timeout = fd.is_none().then_some(Duration::from_millis(100));
        wait_for(&[Some(signals.fd()), fd], timeout)?;
        if is_stopped(signals) {
            return Ok(());
        }
        loop {
            match node.next_leader(Some(Duration::ZERO)) {
                Ok(Leadership { leader, term, .. }) => {
                    if known.replace((leader, term)) != Some((leader, term)) {
                        report(node.id(), leader, term);
                    }
                }
                Err(error) if error.status == Status::Again => break,
                Err(error) => return Err(ended(error)),
            }
        }
    }
}

/// Whether a signal came.
fn is_stopped(signals: &Signals) -> bool {
    let signal = signals.take().first().copied();
    if let Some(signal) = signal {
        log::info!("signal {signal}: stopping");
    }
    signal.is_some()
}

fn report(own: NodeId, leader: Option<NodeId>, term: Term) {
    match leader {
        Some(leader) if leader == own => log::info!("this node leads term {term}"),
        Some(leader) => log::info!("node {leader} leads term {term}"),
        None => log::info!("no leader is known in term {term}"),
    }
}

/// Waits until one of them is readable, at most for `timeout`.
fn wait_for(fds: &[Option<RawFd>], timeout: Option<Duration>) -> Result<(), Failure> {
    let mut set: Vec<_> =
        fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::unavailable(format!("cannot wait for events: {error}")))
}

/// How long a disk may hang before the process ends without it.
const STOP_WAIT: Duration = Duration::from_secs(5);
