//! What clients gain within the process of an embedded leader, compared with clients over TCP to
//! the same node.

use super::figures::Figures;
use super::load::{BAR_STEP, WARM_UP, cycle};
use crate::cli::cluster::LocalCluster;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::ports::listeners;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tenure::client::Client;

/// The figures of both clients of one cluster.
#[derive(Clone, Debug)]
pub struct Compared {
    nodes: usize,
    within: Figures,
    tcp: Figures,
}

/// Measures both in clusters of [`SIZES`], each client `cycles` of its own lock.
pub fn measure(
    data: &Path,
    options: &Connection,
    cycles: u64,
    bar: &ProgressBar,
) -> Result<Vec<Compared>, Failure> {
    let compare = |nodes: usize| {
        let data = data.join(format!("cluster-of-{nodes}"));
        compare(&LocalCluster::start(&data, listeners(nodes)?)?, nodes, (options, cycles, bar))
    };
    SIZES.into_iter().map(compare).collect()
}

/// Cycles of both in turns, so that other work of the machine hits both alike.
fn compare(
    cluster: &LocalCluster,
    nodes: usize,
    (to, cycles, bar): (&Connection, u64, &ProgressBar),
) -> Result<Compared, Failure> {
    let leader = cluster.wait_for_leader(LEADER_WAIT)?;
    let led = leader.leadership().token;
    let within = Client::open_local(&leader.local()?, to.options()?)?;
    let tcp = Client::open(&leader.endpoints(), to.options()?)?;
    let mut warm = Figures::new();
    for _ in 0..WARM_UP {
        cycle(&within, WITHIN, &mut warm)?;
        cycle(&tcp, TCP, &mut warm)?;
    }
    let mut compared = Compared { nodes, within: Figures::new(), tcp: Figures::new() };
    while compared.tcp.count() < cycles {
        cycle(&within, WITHIN, &mut compared.within)?;
        cycle(&tcp, TCP, &mut compared.tcp)?;
        if compared.tcp.count().is_multiple_of(BAR_STEP) {
            bar.inc(BAR_STEP);
        }
    }
    if leader.leadership().token != led {
        return Err(Failure::unavailable("another node led for a while: measure again"));
    }
    to.close(&within);
    to.close(&tcp);
    Ok(compared)
}

impl Compared {
    /// The median cycle within the process relative to that over TCP.
    fn ratio(&self) -> f64 {
        self.within.cycle_p50_us() / self.tcp.cycle_p50_us()
    }

    fn to_value(&self) -> Value {
        json!({
            "nodes": self.nodes,
            "ops": self.tcp.count(),
            "within": self.within.to_value(),
            "tcp": self.tcp.to_value(),
            "within_to_tcp": (self.ratio() * 1000.0).round() / 1000.0,
        })
    }
}

pub fn to_text(all: &[Compared]) -> String {
    let head = ["nodes", "cycle p50 µs within the process", "over TCP", "ratio"];
    let row = |compared: &Compared| {
        vec![
            compared.nodes.to_string(),
            format!("{:.1}", compared.within.cycle_p50_us()),
            format!("{:.1}", compared.tcp.cycle_p50_us()),
            format!("{:.3}", compared.ratio()),
        ]
    };
    let rows: Vec<_> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(all.iter().map(row)).collect();
    output::table(&rows)
}

pub fn to_json(all: &[Compared]) -> String {
    let all: Vec<Value> = all.iter().map(Compared::to_value).collect();
    format!("{}\n", json!({ "embedded": all }))
}

/// Sizes of clusters: three nodes have a network between them; one has only its disk and the
/// client.
pub const SIZES: [usize; 2] = [3, 1];

const WITHIN: &str = "bench/within";
const TCP: &str = "bench/tcp";
const LEADER_WAIT: Duration = Duration::from_secs(30);
