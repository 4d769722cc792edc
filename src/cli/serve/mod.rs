//! `tenure serve`: one node of a cluster, until a signal.

mod config;
mod ending;
mod join;
mod orders;
mod starting;
mod supervisor;

use crate::cli::failure::Failure;
use crate::cli::log;
use crate::cli::secure::{Secure, Tls};
use clap::Args;
pub use config::check_listen;
pub use ending::ended;
use orders::{Order, Orders};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use supervisor::Supervisor;
use tenure::Status;
use tenure::base::{NodeId, Term};
use tenure::node::{Leadership, Node, NodeOptions};
use tenure::sys::descriptors;
use tenure::sys::poll::{self, Interest, Ready};

/// Run one node of a cluster until SIGTERM or SIGINT.
///
/// A leader hands leadership over before it ends. A node that is removed from the cluster ends by itself.
/// A flag wins over the environment, the environment over the --config file, the file over the defaults.
/// A node waits for a name or an address to listen on that is not there yet. Exit code 2: a person must mend the options
/// or the directory; 3: start the node again.
/// SIGHUP reads certificates and the log level of the configuration again; each SIGUSR1 raises the log level by one, from the
/// last back to the first. Changed certificate files are also read without a signal, some seconds later.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// The id of this node, as in --cluster
    #[arg(long, value_name = "ID")]
    id: Option<u64>,
    /// The directory for all data of the node; made if there is none
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address to listen on, if it is not this node's address in --cluster
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// All nodes: 1=host:port,2=host:port,3=host:port
    #[arg(long, value_name = "ID=HOST:PORT,…", value_parser = crate::cli::connect::parse_members)]
    cluster: Option<String>,
    /// Join the cluster of these nodes, which name the other members; in place of --cluster
    #[arg(long, value_name = "HOST:PORT,…", value_parser = crate::cli::connect::parse_endpoints)]
    join: Option<String>,
    /// A TOML file with these options
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Time between two heartbeats of a leader [default: 30ms]
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
    /// Size of the log at which a snapshot is stored and the log cut [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = crate::cli::size::parse)]
    snapshot_every: Option<u64>,
    #[command(flatten)]
    secure: Secure,
    /// The authority of clients and operators, if it is not --ca
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Certificates that authorities have revoked
    #[arg(long, value_name = "FILE")]
    crl: Option<PathBuf>,
    /// Whether this node speaks TLS; required as soon as --cert is given, else off
    #[arg(long, value_name = "WHETHER")]
    tls: Option<Tls>,
    /// The audit file: a JSON object a line for each order, each lock broken, and each denial, with its subject
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Listen beyond loopback although nothing is encrypted
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    insecure: Option<bool>,
    /// The address of metrics, probes and this node's status: HTTP on loopback, HTTPS elsewhere, say 127.0.0.1:9401
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// The form of log lines: text for people and journald, or one JSON object each [default: text]
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<log::Format>,
    /// The least severe level that is logged: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<config::Level>,
}

impl Options {
    /// The file of --config.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// These options with the file `path`.
    #[must_use]
    pub fn with_config(self, path: &Path) -> Self {
        Self { config: Some(path.to_owned()), ..self }
    }
}

/// The options that a node would be started with. Only the options are checked: no file is opened,
/// no name looked up.
///
/// # Errors
/// A node would be refused with these options.
pub fn check(flags: Options) -> Result<NodeOptions, Failure> {
    let (options, _) = config::node_options(flags)?;
    options.check().map_err(ended)?;
    Ok(options)
}

pub fn run(flags: Options) -> Result<(), Failure> {
    let mut supervisor = Supervisor::of_this_process();
    let ended = serve(&flags, &mut supervisor);
    if let Err(failure) = &ended {
        supervisor.tell_end(&failure.message);
    }
    ended
}

fn serve(flags: &Options, supervisor: &mut Supervisor) -> Result<(), Failure> {
    let orders = Orders::catch(flags, supervisor.is_there())?;
    // A low soft limit exists only for select(2), which nothing here calls.
    descriptors::raise_limit();
    let Some(node) = starting::start(flags, &orders, supervisor)? else { return Ok(()) };
    let id = node.id();
    ::log::info!("node {id}{} listens on {}", of_how_many(&node), node.address());
    supervisor.tell_ready(&node);
    follow(&node, &orders, supervisor)?;
    node.stop(Some(STOP_WAIT)).map_err(ended)?;
    ::log::info!("node {id} has stopped");
    Ok(())
}

/// " of N" for the log line, if the node's id is one of 1 to N; ids may be larger than the number
/// of members.
fn of_how_many(node: &Node) -> String {
    let members = node.endpoints().split(',').count();
    if node.id().0 <= members as u64 { format!(" of {members}") } else { String::new() }
}

/// Reports leader changes until a signal, or the node's own end. No claim of the leader lease is
/// asked for, since no program here reads one: so a move of leadership need not wait for the end of
/// a claim (C3).
fn follow(node: &Node, orders: &Orders, supervisor: &mut Supervisor) -> Result<(), Failure> {
    let mut known = None;
    loop {
        let fd = node.leader_fd();
        // Without a descriptor the node is polled.
        let again = fd.is_none().then_some(Duration::from_millis(100));
        let timeout = again.into_iter().chain(supervisor.next_look()).min();
        wait_for(&[Some(orders.fd()), fd], timeout)?;
        match orders.heed() {
            Order::None => {}
            Order::Reload => {
                supervisor.tell_reloading();
                orders.reload(node);
                supervisor.tell_reloaded();
            }
            Order::Stop => {
                supervisor.tell_stopping();
                return Ok(());
            }
        }
        supervisor.watch(node);
        loop {
            match node.next_leader(Some(Duration::ZERO)) {
                Ok(leadership) => {
                    let Leadership { leader, term, .. } = leadership;
                    if known.replace((leader, term)) != Some((leader, term)) {
                        report(node.id(), leader, term);
                        supervisor.tell_leader(node.id(), &leadership);
                    }
                }
                Err(error) if error.status == Status::Again => break,
                Err(error) => return Err(ended(error)),
            }
        }
    }
}

fn report(own: NodeId, leader: Option<NodeId>, term: Term) {
    match leader {
        Some(leader) if leader == own => {
            ::log::info!(leader = own.0, term = term.0; "this node leads term {term}")
        }
        Some(leader) => {
            ::log::info!(leader = leader.0, term = term.0; "node {leader} leads term {term}")
        }
        None => ::log::info!(term = term.0; "no leader is known in term {term}"),
    }
}

/// Waits until one of `fds` is readable, for `timeout` at most.
fn wait_for(fds: &[Option<RawFd>], timeout: Option<Duration>) -> Result<(), Failure> {
    let mut set: Vec<_> =
        fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::unavailable(format!("cannot wait for events: {error}")))
}

/// How long the process waits for a hanging disk before it exits.
const STOP_WAIT: Duration = Duration::from_secs(5);
