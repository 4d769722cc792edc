//! `tenure chaos`: real nodes and clients in network namespaces, under cuts, stops and kills; the
//! checker of `tenure verify` judges the clients' logs.

pub mod client;
mod clients;
mod event_log;
mod nemesis;
mod network;
mod nodes;
mod older;
mod report;
mod resource;
mod rights;
mod stage;
mod upgrade;

use crate::cli::failure::{Failure, NO};
use crate::cli::scratch::Scratch;
use crate::cli::{duration, output};
use crate::lab::papers::Papers;
use crate::lab::verify::{self, Verdict};
use clap::Args;
use clients::Guise;
use nemesis::Nemesis;
use network::Network;
use report::Report;
use stage::{Stage, Waited};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure::sys::{clock, random};

/// Run a cluster of real processes under network cuts, stops and kills, and check what its clients believed.
///
/// Three nodes and some clients run in network namespaces of their own (as root, with `ip`). At the end, and at Ctrl-C,
/// all heals, every client must be served again, and the event logs are verified. The exit code is 0 if all was kept, 1 if
/// not, 3 where namespaces are not allowed. docs/developers/chaos.md says what is covered.
#[derive(Args, Debug)]
pub struct Options {
    /// For how long nemeses strike; longer if one has not struck by then
    #[arg(long = "for", value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    length: Duration,
    /// Which nemeses, by name [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    nemeses: Vec<Nemesis>,
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=64))]
    clients: u8,
    /// Directory for logs and data that is to stay [default: a new one in /var/tmp, removed if all was kept]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Decides which nemesis strikes whom and when, though not what processes make of it [default: a new one]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Over TLS: nodes and clients have certificates, which are made for it
    #[arg(long, conflicts_with = "upgrade_from")]
    tls: bool,
    /// With rights on, which change all the time: each client is a principal of its own, may now and then not take or read a lock, and
    /// what it is granted, denied and told is checked
    #[arg(long, requires = "tls")]
    rights: bool,
    /// Instead of nemeses, an upgrade under load: nodes and every second client begin with the program at this path, or of
    /// this git revision, which is built; the nodes end with this one
    #[arg(long, value_name = "PROGRAM|REVISION", conflicts_with_all = ["nemeses", "length"])]
    upgrade_from: Option<String>,
    /// Say so and exit with 0 where network namespaces are not allowed
    #[arg(long)]
    or_skip: bool,
}

pub fn run(options: &Options) -> Result<u8, Failure> {
    let network = match Network::build(nodes::NODES, usize::from(options.clients)) {
        Ok(network) => network,
        Err(failure) if options.or_skip => {
            output::print(&format!("skipped: {}\n", failure.message))?;
            return Ok(0);
        }
        Err(failure) => {
            return Err(Failure::new(failure.code, format!("skipped: {}", failure.message)));
        }
    };
    let scratch = match options.data {
        Some(_) => None,
        None => Some(Scratch::new("chaos")?),
    };
    let data = options.data.as_deref().or(scratch.as_ref().map(Scratch::path));
    let data = data.expect("one of the two is there");
    make_empty(data)?;
    let result = play(options, network, data);
    if !matches!(result, Ok(0))
        && let Some(scratch) = scratch
    {
        output::print(&format!("Logs and data stay in {}\n", scratch.path().display()))?;
        std::mem::forget(scratch);
    }
    result
}

/// Sets up, strikes, heals, and judges.
fn play(options: &Options, network: Network, data: &Path) -> Result<u8, Failure> {
    let seed = options.seed.unwrap_or_else(random::seed);
    output::print(&format!(
        "Three nodes and {} clients{}{}, seed {seed}, logs in {}\n",
        options.clients,
        if options.tls { " over TLS" } else { "" },
        if options.rights { " with rights on" } else { "" },
        data.display()
    ))?;
    let clients = usize::from(options.clients);
    let older = options.upgrade_from.as_deref().map(older::program).transpose()?;
    let (papers, guise) = (papers(options, data)?, guise(options));
    let programs = stage::Programs { older: older.as_deref(), papers, guise };
    let mut stage = Stage::set_up(network, data, clients, seed, programs)?;
    let left = stage.wait_served()?;
    if !left.is_empty() {
        return Err(Failure::unavailable(format!(
            "the cluster did not begin to work: {}",
            left.join("; ")
        )));
    }
    if options.rights {
        stage.begin_rights(data)?;
    }
    let from = clock::boot_nanos();
    let mut complaints = Vec::new();
    let nemeses = match &older {
        Some(older) => {
            complaints.extend(upgrade::play(&mut stage, older)?);
            BTreeMap::new()
        }
        None => strike(options, &mut stage)?,
    };
    let span = (from, clock::boot_nanos());
    stage.end_rights();
    output::print("Healed; waiting until every client was granted every lock again\n")?;
    let left = stage.wait_served()?;
    complaints.extend(left.into_iter().map(|left| format!("not served after healing: {left}")));
    complaints.extend(stage.end());
    let verdict = verify::judge(&stage::logs(data)?, OVERTAKEN_MAX)?;
    let (history, uses) = (&verdict.history, &verdict.uses);
    if older.is_some() {
        complaints.extend(upgrade::sessions_lost(&verdict.history));
    }
    let report = Report { history, uses, nemeses: &nemeses, clients, span, guise };
    if older.is_none() {
        complaints.extend(report.zeros());
    }
    output::conclude(&format!("\n{}\n{}", report.to_text(), verdict.to_text()))?;
    conclude(&verdict, &complaints)
}

/// Certificates of nodes, and of the operator or of each client, if TLS is wanted.
fn papers(options: &Options, data: &Path) -> Result<Option<Papers>, Failure> {
    if !options.tls {
        return Ok(None);
    }
    let papers = Papers::make(&data.join("certs"), &nodes::members())?;
    if options.rights {
        let mut places = 0..usize::from(options.clients);
        places.try_for_each(|place| papers.add_client(&clients::name_of(place)))?;
    }
    Ok(Some(papers))
}

fn guise(options: &Options) -> Guise {
    if options.rights { Guise::Own } else { Guise::Operator }
}

/// Strikes with each nemesis once per round, in an order drawn for the round, until time is over
/// and each has struck. Gives when each struck.
fn strike(options: &Options, stage: &mut Stage) -> Result<BTreeMap<Nemesis, Vec<u64>>, Failure> {
    let wanted = match options.nemeses.is_empty() {
        true => nemesis::ALL.iter().map(|(nemesis, _)| *nemesis).collect(),
        false => options.nemeses.clone(),
    };
    let mut struck: BTreeMap<Nemesis, Vec<u64>> =
        wanted.iter().map(|nemesis| (*nemesis, Vec::new())).collect();
    let deadline = Instant::now() + options.length;
    let mut round = Vec::new();
    while Instant::now() < deadline || struck.values().any(Vec::is_empty) {
        if round.is_empty() {
            round = struck.keys().copied().collect();
        }
        let nemesis = round.swap_remove(stage.rng.below(round.len() as u64) as usize);
        let at = clock::boot_nanos();
        let waited = stage.play(nemesis)?;
        struck.entry(nemesis).or_default().push(at);
        if waited == Waited::Cut {
            break;
        }
    }
    Ok(struck)
}

fn conclude(verdict: &Verdict, complaints: &[String]) -> Result<u8, Failure> {
    for complaint in complaints {
        output::conclude(&format!("FAILED: {complaint}\n"))?;
    }
    Ok(if verdict.is_kept() && complaints.is_empty() { 0 } else { NO })
}

/// Makes `data`, which must be empty: logs of another run would be judged with ours.
fn make_empty(data: &Path) -> Result<(), Failure> {
    let place = data.display();
    std::fs::create_dir_all(data)
        .map_err(|error| Failure::usage(format!("cannot make {place}: {error}")))?;
    match std::fs::read_dir(data).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Failure::usage(format!("{place} is not empty; give a new directory with --data")))
        }
        Err(error) => Err(Failure::usage(format!("cannot read {place}: {error}"))),
    }
}

/// After healing, a client may back off for some seconds, in which others are served 20 times a
/// second.
const OVERTAKEN_MAX: u64 = 500;
