//! `tenure demo`: what a lock service is for, shown on a real cluster in this process, and judged.

mod act_one;
mod act_two;
pub mod holder;
mod pulse;
mod stage;
mod store;
mod timeline;
mod verdict;
mod workers;

use crate::cli::cluster::LocalCluster;
use crate::cli::failure::Failure;
use crate::cli::scratch::Scratch;
use crate::lab::ink::{Ink, Style};
use crate::lab::interrupted;
use crate::lab::ports::listeners;
use clap::Args;
use stage::Stage;
use std::time::{Duration, Instant};
use workers::Beliefs;

/// Show a cluster at work: contended locks, a killed leader, a stale holder refused; in about 20 s.
///
/// Three nodes run in this process on loopback, with real data directories in /var/tmp. The exit code is 0
/// if what the workers logged holds what Tenure promises, 1 if not.
#[derive(Args, Debug)]
pub struct Options {}

pub fn run(_: &Options) -> Result<u8, Failure> {
    let stage = Stage::new(Style::of_stdout());
    let scratch = Scratch::new("demo")?;
    interrupted::remove_on_signal(&scratch)?;
    let begun = Instant::now();
    let mut cluster = LocalCluster::start(scratch.path(), listeners(3)?)?;
    wait_for_leader(&cluster)?;
    introduce(&stage, &cluster, &scratch, begun.elapsed())?;

    let beliefs = Beliefs::default();
    let figures = act_one::play(&stage, &mut cluster, &beliefs)?;
    let outcome = act_two::play(&stage, &cluster, &beliefs)?;

    stage.title("How long it took")?;
    stage.say("Latencies of one client during act one, the killed leader included:")?;
    stage.block(&figures.to_text())?;
    let verdict = verdict::judge(&beliefs.all(), outcome);
    stage.title("Verdict")?;
    let ink = if verdict.exit_code() == 0 { Ink::GREEN } else { Ink::RED };
    stage.say(&stage.style().paint(ink, &verdict.to_string()))?;
    Ok(verdict.exit_code())
}

fn introduce(
    stage: &Stage,
    cluster: &LocalCluster,
    scratch: &Scratch,
    took: Duration,
) -> Result<(), Failure> {
    stage.title("Tenure")?;
    stage.say("Three nodes in this process, each with its own data directory:")?;
    let leader = cluster.leader();
    for (id, address, _) in cluster.nodes() {
        let role = if Some(id) == leader { "   leader" } else { "" };
        let data = scratch.path().join(format!("node-{id}"));
        stage.say(&format!("  node {id}   {address}   {}{role}", data.display()))?;
    }
    stage.say(&format!("From nothing to a leader it took {} ms.", took.as_millis()))
}

/// Waits until one of the nodes leads.
fn wait_for_leader(cluster: &LocalCluster) -> Result<(), Failure> {
    let deadline = Instant::now() + LEADER_WAIT;
    while cluster.leader().is_none() {
        if Instant::now() > deadline {
            return Err(Failure::unavailable(
                "the three nodes elected no leader within 30 s; is this machine overloaded?",
            ));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

const LEADER_WAIT: Duration = Duration::from_secs(30);
