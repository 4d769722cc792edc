//! `tenure bench`: how long locks take here, and how long until the next grant when the leader is killed.

mod costs;
mod cruel;
mod deep;
mod driven;
mod embedded;
mod failover;
mod figures;
mod generator;
mod held;
mod herd;
mod load;
mod member;
mod readings;
mod tls_costs;

pub use failover::until_next_grant;
pub use figures::Figures;

use crate::cli::connect::Connection;
use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::scratch::Scratch;
use crate::lab::interrupted;
use crate::lab::processes::{Carrier, Processes};
use crate::lab::simulate::progress;
use clap::Args;
use costs::Costs;
use figures::Measured;
use readings::Reading;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure how long acquire and release take, or how long a killed leader is missed.
///
/// Each client has a session and connections of its own, and acquires and releases a lock of its own name,
/// one cycle after the other. One client calls the library and waits in it; several are driven by one loop,
/// unless --threads or --connections says otherwise. Without --spawn it measures the cluster at --endpoints.
#[derive(Args, Debug)]
pub struct Options {
    /// Clients at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = 1..=10_000)]
    clients: i64,
    /// Threads that share so many clients of the library [default: one for each client]
    #[arg(long, value_name = "M", value_parser = 1..=10_000)]
    connections: Option<i64>,
    /// TTL of the clients' sessions; with --cruel of those that are to expire
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    ttl: Duration,
    /// A thread for each client, waiting in the library's calls
    #[arg(long)]
    threads: bool,
    /// Keep N acquires of each client under way at once, each of a name of its own, and release what is granted without waiting
    /// for the answer; with --spawn it tells what a cycle takes of the processors, too
    #[arg(long, value_name = "N", value_parser = 1..=4096, conflicts_with_all = ["threads", "connections", "handover", "held", "failover", "embedded", "cruel", "table", "herd", "tls_costs"])]
    depth: Option<i64>,
    /// Let each of these calls leave at once and alone, to compare; without, those that come together leave together
    #[arg(long, requires = "depth")]
    flush_each: bool,
    /// Cycles of all clients together [default: 3000, or 100 for each client if that is more; with --depth 100 for each acquire
    /// that is under way at once]
    #[arg(long, value_name = "K", value_parser = 1..)]
    ops: Option<i64>,
    /// Let all clients want one lock, and measure how long it is on its way from one to the next
    #[arg(long, conflicts_with_all = ["threads", "connections", "failover"])]
    handover: bool,
    /// How long each holds it then
    #[arg(long, value_name = "DURATION", default_value = "2ms", value_parser = duration::parse, requires = "handover")]
    hold: Duration,
    /// Hold N locks of sessions that then die, and measure what each costs the leader's memory, and how long its
    /// longest turn is while they expire; needs --spawn
    #[arg(long, value_name = "N", value_parser = 1..=1_000_000, conflicts_with_all = ["handover", "failover"])]
    held: Option<i64>,
    /// Kill the leader N times, and measure until the next grant; needs --spawn
    #[arg(long, value_name = "N", value_parser = 1..=1000)]
    failover: Option<i64>,
    /// Run the nodes in this process, and compare a client of the leader's own process with one that reaches the same
    /// leader over TCP; with three nodes, and with one
    #[arg(long, conflicts_with_all = ["clients", "connections", "threads", "handover", "held", "failover", "spawn"])]
    embedded: bool,
    /// Ask three nodes that are started for it for the worst that clients may ask for, one after the other, and measure
    /// the longest turn of their loops, and what another client feels; exit 1 if leadership changes by itself
    #[arg(long, group = "played", conflicts_with_all = ["clients", "connections", "threads", "handover", "held", "failover", "embedded", "ops"])]
    cruel: bool,
    /// Measure cycles a second, and the longest turn, of three nodes that are started for it, where more and more locks are
    /// held, clients wait, or sessions renew
    #[arg(long, group = "played", conflicts_with_all = ["clients", "connections", "threads", "handover", "held", "failover", "embedded", "ops"])]
    table: bool,
    #[command(flatten)]
    sizes: cruel::Sizes,
    /// Measure three `tenure serve` processes that are started for it
    #[arg(long)]
    spawn: bool,
    /// Let the clients each hold a lock, and measure how long it takes until all are served again behind the kill of the leader, and
    /// behind a restart of all nodes at once; needs --spawn
    #[arg(long, conflicts_with_all = ["handover", "failover", "held", "threads", "connections", "ops"], requires = "spawn")]
    herd: bool,
    /// Let them speak TLS, and the clients too, by certificates that are made for it
    #[arg(long, requires = "spawn")]
    tls: bool,
    /// Compare three nodes that speak TLS with three that do not, interleaved, five times: one client's acquire, the cycles of
    /// 64, and the time from the kill of a leader to the next grant
    #[arg(long, group = "played", conflicts_with_all = ["clients", "connections", "threads", "handover", "held", "failover", "embedded", "cruel", "table", "spawn"])]
    tls_costs: bool,
    /// Another `tenure` that the nodes are to run, to compare versions
    #[arg(long, value_name = "FILE", conflicts_with = "embedded")]
    program: Option<PathBuf>,
    /// Directory for what they write [default: a new one in /var/tmp, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Options {
    /// Whether nodes run in this process: they complain of each other when they are stopped at the end.
    pub fn embeds(&self) -> bool {
        self.embedded
    }

    fn connection_to(&self, processes: &Processes) -> Connection {
        Connection {
            endpoints: processes.endpoints(),
            cluster_id: None,
            secure: processes.secure().into(),
            ..self.connection.clone()
        }
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let starts_its_own =
        options.spawn || options.embedded || options.cruel || options.table || options.tls_costs;
    if starts_its_own && options.connection.secure.options()?.is_some() {
        return Err(Failure::usage(
            "--ca, --cert and --key are of a cluster that is there already: leave them away (--spawn --tls makes its own)",
        ));
    }
    if !starts_its_own {
        return match (options.failover, options.held) {
            (Some(_), _) => Err(Failure::usage("--failover kills nodes, so it needs --spawn too")),
            (_, Some(_)) => {
                Err(Failure::usage("--held reads a node's memory, so it needs --spawn too"))
            }
            (None, None) if options.program.is_some() => Err(Failure::usage(
                "--program is of nodes that are started, so it needs --spawn too",
            )),
            (None, None) => measure_load(options, &options.connection, None),
        };
    }
    match &options.data {
        Some(data) => {
            std::fs::create_dir_all(data).map_err(|error| {
                Failure::usage(format!("cannot make {}: {error}", data.display()))
            })?;
            measure_own(options, data)
        }
        None => {
            let scratch = Scratch::new("bench")?;
            interrupted::remove_on_signal(&scratch)?;
            measure_own(options, scratch.path())
        }
    }
}

fn measure_own(options: &Options, data: &Path) -> Result<(), Failure> {
    if options.embedded {
        return measure_embedded(options, data);
    }
    if options.tls_costs {
        let costs = tls_costs::measure(data, options)?;
        return output::conclude(&if options.json { costs.to_json() } else { costs.to_text() });
    }
    let carrier = if options.tls { Carrier::Tls } else { Carrier::Plain };
    let mut processes = Processes::start(data, options.program.as_deref(), carrier)?;
    processes.wait_whole()?;
    let connection = options.connection_to(&processes);
    let form = if options.json { cruel::Form::Json } else { cruel::Form::Text };
    if options.cruel {
        return cruel::run(&options.sizes, options.ttl, &connection, form);
    }
    if options.table {
        return cruel::tabulate(&options.sizes, &processes, &connection, form);
    }
    if let Some(locks) = options.held {
        let held = held::measure(&mut processes, &connection, locks.unsigned_abs())?;
        return output::conclude(&if options.json { held.to_json() } else { held.to_text() });
    }
    if options.herd {
        let clients = options.clients.unsigned_abs();
        let bar = progress(3 * clients);
        let herd = herd::measure(&mut processes, &connection, (clients, options.ttl), &bar)?;
        bar.finish_and_clear();
        return output::conclude(&if options.json { herd.to_json() } else { herd.to_text() });
    }
    let Some(rounds) = options.failover else {
        return measure_load(options, &connection, Some(&processes));
    };
    let bar = progress(rounds.unsigned_abs());
    let times = failover::measure(&mut processes, &connection, rounds.unsigned_abs(), &bar)?;
    bar.finish_and_clear();
    output::conclude(&if options.json {
        figures::failover_json(&times)
    } else {
        figures::failover_text(&times)
    })
}

fn measure_embedded(options: &Options, data: &Path) -> Result<(), Failure> {
    let cycles = options.ops.map_or(3000, i64::unsigned_abs);
    let bar = progress(cycles * embedded::SIZES.len() as u64);
    let compared = embedded::measure(data, &options.connection, cycles, &bar)?;
    bar.finish_and_clear();
    output::conclude(&if options.json {
        embedded::to_json(&compared)
    } else {
        embedded::to_text(&compared)
    })
}

fn measure_load(
    options: &Options,
    connection: &Connection,
    processes: Option<&Processes>,
) -> Result<(), Failure> {
    let clients = options.clients.unsigned_abs();
    let depth = options.depth.map(i64::unsigned_abs);
    let load = load::Load {
        clients,
        connections: options.connections.map_or(clients, i64::unsigned_abs).min(clients),
        ops: options.ops.map_or(3000.max(100 * clients * depth.unwrap_or(1)), i64::unsigned_abs),
        ttl: options.ttl,
    };
    let bar = progress(load.ops);
    if let Some(depth) = depth {
        let flush = if options.flush_each { deep::Flush::Each } else { deep::Flush::Together };
        let deep = deep::measure((load, depth, flush), connection, processes, &bar)?;
        bar.finish_and_clear();
        return output::conclude(&if options.json { deep.to_json() } else { deep.to_text() });
    }
    if options.handover {
        let handovers = generator::measure_handovers(&load, options.hold, connection, &bar)?;
        bar.finish_and_clear();
        let (text, json) = (handovers.to_text(), handovers.to_json());
        return output::conclude(if options.json { &json } else { &text });
    }
    let threads = options.threads || options.connections.is_some() || clients == 1;
    let before = Reading::take(connection);
    let measured = if threads {
        load::measure(&load, connection, &bar)?
    } else {
        generator::measure(&load, connection, &bar)?
    };
    bar.finish_and_clear();
    let costs = Costs::of(&before, &Reading::take(connection));
    let measured = Measured { costs, ..measured };
    output::conclude(&if options.json { measured.to_json() } else { measured.to_text() })
}
