//! `tenure serve`: one node of a cluster, until a signal.

mod config;
mod join;

use crate::cli::failure::Failure;
use crate::cli::signals::{ENDING, Signals};
use clap::Args;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;
use tenure::Status;
use tenure::node::{Leadership, Node};
use tenure::sys::poll::{self, Interest, Ready};

/// Run one node of a cluster until SIGTERM or SIGINT.
///
/// If it leads, it hands leadership over before it ends. It ends by itself once it is removed from the cluster.
/// What is not given as a flag or in the environment is taken from the --config file, then from the defaults.
#[derive(Args, Debug, Default)]
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
}

/// Runs it.
pub fn run(options: Options) -> Result<(), Failure> {
    let signals = Signals::catch(ENDING)?;
    let options = config::node_options(options)?;
    let (id, cluster) = (options.id, options.cluster.clone());
    let node = Node::start(options)?;
    log::info!("node {id} of {} listens on {}", cluster.len(), node.address());
    watch(&node, &signals)?;
    node.stop(Some(STOP_WAIT))?;
    log::info!("node {id} has stopped");
    Ok(())
}

/// Reports leadership until a signal, or the node's own end.
fn watch(node: &Node, signals: &Signals) -> Result<(), Failure> {
    let mut known: Option<Leadership> = None;
    loop {
        wait_for(&[Some(signals.fd()), node.fd()])?;
        if let Some(signal) = signals.take().first() {
            log::info!("signal {signal}: stopping");
            return Ok(());
        }
        loop {
            match node.next(Some(Duration::ZERO)) {
                Ok(now) => report(known.replace(now), now),
                Err(error) if error.status == Status::Again => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn report(before: Option<Leadership>, now: Leadership) {
    let same = before.is_some_and(|before| {
        (before.leader, before.term, before.is_leader) == (now.leader, now.term, now.is_leader)
    });
    if same {
        return;
    }
    match now.leader {
        _ if now.is_leader => {
            log::info!("this node leads term {} under leader token {}", now.term, now.token);
        }
        Some(leader) => log::info!("node {leader} leads term {}", now.term),
        None => log::info!("no leader is known in term {}", now.term),
    }
}

/// Waits until one of them is readable. A node that ran out of descriptors (`None`) is looked at each 100 ms.
fn wait_for(fds: &[Option<RawFd>]) -> Result<(), Failure> {
    let timeout = fds.contains(&None).then_some(Duration::from_millis(100));
    let mut set: Vec<_> =
        fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::unavailable(format!("cannot wait for events: {error}")))
}

/// How long a disk may hang before the process ends without it.
const STOP_WAIT: Duration = Duration::from_secs(5);
