//! Many clients, each with a lock and a connection to every node, through a kill of the leader and
//! a restart of all nodes: the time until each is served again, elections, and lost leases.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::processes::Processes;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenure::base::NodeId;
use tenure::client::{
    AcquireOptions, Client, ClusterAt, ClusterStatus, Lease, LeaseState, Pending, Wait,
};

/// The measurement.
#[derive(Clone, Debug)]
pub struct Herd {
    clients: u64,
    /// The time until all were connected and held their locks.
    opened: Duration,
    killed: Passage,
    restarted: Passage,
}

/// The measurements of one event.
#[derive(Clone, Copy, Debug, Default)]
struct Passage {
    /// The time until the first client was granted another lock, then half of them, and the last.
    first: Duration,
    half: Duration,
    last: Duration,
    /// By how much the term rose.
    elections: u64,
    /// Leases that were lost.
    lost: usize,
}

/// The clients, each with its lease.
struct Clients {
    all: Vec<(Client, Lease)>,
}

/// Measures it with `count` clients, whose sessions last `ttl`.
pub fn measure(
    processes: &mut Processes,
    to: &Connection,
    (count, ttl): (u64, Duration),
    bar: &ProgressBar,
) -> Result<Herd, Failure> {
    processes.wait_whole()?;
    let begun = Instant::now();
    let clients = Clients::open(to, (count, ttl), bar)?;
    let opened = begun.elapsed();
    let leader = processes.wait_whole()?;
    let killed = clients.pass(to, "killed", bar, || {
        processes.kill(leader);
        Ok(())
    })?;
    processes.restart(leader)?;
    processes.wait_whole()?;
    let restarted = clients.pass(to, "restarted", bar, || {
        let all = [1, 2, 3].map(NodeId);
        all.into_iter().for_each(|id| processes.kill(id));
        all.into_iter().try_for_each(|id| processes.restart(id))
    })?;
    clients.all.iter().for_each(|(client, _)| to.close(client));
    Ok(Herd { clients: count, opened, killed, restarted })
}

impl Clients {
    fn open(
        to: &Connection,
        (count, ttl): (u64, Duration),
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for number in 0..count {
            let options = to.options()?.ttl(ttl).name(format!("herd-{number}"));
            let client = Client::open(&to.endpoints, options)?;
            let name = format!("bench/herd/{number}");
            let lease = client.acquire(&name, PATIENCE, AcquireOptions::default())?;
            all.push((client, lease));
            bar.inc(1);
        }
        Ok(Self { all })
    }

    /// All ask for another lock while `event` happens.
    fn pass(
        &self,
        to: &Connection,
        what: &str,
        bar: &ProgressBar,
        event: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Passage, Failure> {
        let before = term(to)?;
        let begun = Instant::now();
        event()?;
        let ask = |(number, (client, _)): (usize, &(Client, Lease))| {
            client.acquire_start(
                &format!("bench/herd/{what}/{number}"),
                PATIENCE,
                AcquireOptions::default(),
            )
        };
        let asked: Result<Vec<Pending>, _> = self.all.iter().enumerate().map(ask).collect();
        let (mut times, mut leases) = (Vec::new(), Vec::new());
        for pending in asked? {
            leases.push(pending.take(PATIENCE)?);
            times.push(begun.elapsed());
            bar.inc(1);
        }
        let lost = self.all.iter().filter(|(_, lease)| lease.state() != LeaseState::Held).count();
        let elections = term(to)?.saturating_sub(before);
        let at = |place: usize| times.get(place).copied().unwrap_or_default();
        let (half, last) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
        Ok(Passage { first: at(0), half, last, elections, lost })
    }
}

/// The highest term of all nodes.
fn term(to: &Connection) -> Result<u64, Failure> {
    let whom: ClusterAt = to.at()?;
    let status = ClusterStatus::ask(&whom, to.timeout);
    let terms = status.nodes.iter().filter_map(|node| node.state.as_ref().ok());
    let highest = terms.map(|status| status.term.0).max();
    highest.ok_or_else(|| Failure::unavailable("no node says its term"))
}

impl Herd {
    #[must_use]
    pub fn to_text(&self) -> String {
        let head = ["", "first s", "half s", "last s", "elections", "leases lost"];
        let rows = [("kill of the leader", self.killed), ("restart of all three", self.restarted)];
        let rows = rows.map(|(what, passage)| {
            let Passage { first, half, last, elections, lost } = passage;
            let seconds = [first, half, last].map(|time| format!("{:.2}", time.as_secs_f64()));
            let mut row = vec![what.to_owned()];
            row.extend(seconds);
            row.extend([elections.to_string(), lost.to_string()]);
            row
        });
        let table: Vec<_> = std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect();
        format!(
            "{} clients, each with a lock and a connection to every node after {:.1} s; until each has another grant:\n{}",
            self.clients,
            self.opened.as_secs_f64(),
            output::table(&table)
        )
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        let of = |passage: &Passage| {
            let Passage { first, half, last, elections, lost } = passage;
            json!({
                "first_s": first.as_secs_f64(),
                "half_s": half.as_secs_f64(),
                "last_s": last.as_secs_f64(),
                "elections": elections,
                "lost": lost,
            })
        };
        let value: Value = json!({
            "clients": self.clients,
            "opened_s": self.opened.as_secs_f64(),
            "killed": of(&self.killed),
            "restarted": of(&self.restarted),
        });
        format!("{value}\n")
    }
}

const PATIENCE: Wait = Wait::For(Duration::from_secs(120));
