//! A rolling upgrade under load: an older program and this one in one cluster, clients of both,
//! leaders of both killed, one node downgraded before the level rises, and a downgrade after it
//! refused (docs/developers/versions.md).

use super::nemesis::Nemesis;
use super::nodes::{NODES, Nodes};
use super::stage::{Stage, Waited};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::verify::history::History;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure::client::Operator;
use tenure::{Error, Status};

/// The program of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Build {
    Older,
    This,
}

/// The upgrade of a cluster.
struct Upgrade<'a> {
    stage: &'a mut Stage,
    older: &'a Path,
    this: PathBuf,
    builds: [Build; NODES],
    /// The builds whose leaders were killed while both ran.
    killed: BTreeSet<Build>,
    complaints: Vec<String>,
}

/// Upgrades a cluster that runs `older` on all nodes to this program. Gives what went wrong.
///
/// # Errors
/// A tool or a process fails, or a signal came.
pub fn play(stage: &mut Stage, older: &Path) -> Result<Vec<String>, Failure> {
    let this = std::env::current_exe()
        .map_err(|error| Failure::unavailable(format!("cannot find this program: {error}")))?;
    let (builds, killed) = ([Build::Older; NODES], BTreeSet::new());
    let complaints = Vec::new();
    let mut upgrade = Upgrade { stage, older, this, builds, killed, complaints };
    upgrade.strike()?;
    upgrade.replace(0, Build::This)?;
    upgrade.strike()?;
    upgrade.replace(0, Build::Older)?;
    upgrade.strike()?;
    upgrade.replace(0, Build::This)?;
    upgrade.kill_leaders_of_both()?;
    upgrade.replace(1, Build::This)?;
    upgrade.kill_leaders_of_both()?;
    upgrade.check_level(1);
    upgrade.replace(2, Build::This)?;
    upgrade.wait_for_level()?;
    upgrade.strike()?;
    upgrade.try_older(2)?;
    upgrade.strike()?;
    upgrade.compare_states()?;
    Ok(upgrade.complaints)
}

impl Upgrade<'_> {
    /// Kills the leader, and restarts it.
    fn strike(&mut self) -> Result<(), Failure> {
        if let Some(leader) = self.stage.nodes.leader()
            && self.builds.iter().any(|build| *build != self.builds[leader])
        {
            self.killed.insert(self.builds[leader]);
        }
        self.whole(Nemesis::LeaderKill)
    }

    /// Kills leaders until those of both builds were killed while both ran.
    fn kill_leaders_of_both(&mut self) -> Result<(), Failure> {
        for _ in 0..KILLS_MAX {
            self.strike()?;
            if self.killed.len() == 2 {
                return Ok(());
            }
        }
        self.complaints.push(format!("of both builds only {:?} ever led", self.killed));
        Ok(())
    }

    fn whole(&mut self, nemesis: Nemesis) -> Result<(), Failure> {
        match self.stage.play(nemesis)? {
            Waited::Whole => self.wait_whole(),
            Waited::Cut => {
                Err(Failure::unavailable("ended by a signal in the middle of the upgrade"))
            }
        }
    }

    /// Replaces a node's program as an operator does: the node ends, and starts with the other
    /// program.
    fn replace(&mut self, place: usize, build: Build) -> Result<(), Failure> {
        output::print(&format!("         node {}: {build:?} build\n", place + 1))?;
        self.builds[place] = build;
        let program = self.program(build);
        self.stage.nodes.stop_in_order(place, STOP_WAIT)?;
        self.stage.nodes.set_program(place, &program);
        self.stage.restart_nodes()?;
        self.wait_whole()
    }

    fn program(&self, build: Build) -> PathBuf {
        match build {
            Build::Older => self.older.to_owned(),
            Build::This => self.this.clone(),
        }
    }

    fn wait_whole(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + WHOLE_WAIT;
        while !self.stage.nodes.are_whole() {
            if Instant::now() > deadline {
                let ended = self.stage.nodes.ended().join("; ");
                return Err(Failure::unavailable(format!("the cluster is not whole: {ended}")));
            }
            self.stage.pause(LOOK_EVERY)?;
        }
        Ok(())
    }

    /// Checks that all nodes that tell a level are at `level`.
    fn check_level(&mut self, level: u32) {
        let levels = self.stage.nodes.levels();
        if levels.iter().any(|said| *said != level) {
            self.complaints
                .push(format!("an older node is a member, and the levels are {levels:?}"));
        }
    }

    fn wait_for_level(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + WHOLE_WAIT;
        loop {
            let levels = self.stage.nodes.levels();
            if levels.len() == NODES && levels.iter().all(|level| *level >= 2) {
                return output::print("         the level has risen on all nodes\n");
            }
            if Instant::now() > deadline {
                self.complaints.push(format!("the level does not rise: {levels:?}"));
                return Ok(());
            }
            self.stage.pause(LOOK_EVERY)?;
        }
    }

    /// Tries the older program above its level: the others refuse it with a sentence, which it logs
    /// (a newer program would end), and go on.
    fn try_older(&mut self, place: usize) -> Result<(), Failure> {
        self.stage.nodes.stop_in_order(place, STOP_WAIT)?;
        self.stage.nodes.set_program(place, self.older);
        self.stage.restart_nodes()?;
        let deadline = Instant::now() + WHOLE_WAIT;
        let said = loop {
            if let Some(line) = self.stage.nodes.logged(place, "reads up to level") {
                break line;
            }
            if Instant::now() > deadline {
                self.complaints.push("an older node is let in above its level".to_owned());
                break "nothing".to_owned();
            }
            self.stage.pause(LOOK_EVERY)?;
        };
        output::print(&format!("         the older program says: {said}\n"))?;
        self.stage.nodes.stop_in_order(place, STOP_WAIT)?;
        self.stage.nodes.set_program(place, &self.program(Build::This));
        self.stage.restart_nodes()?;
        self.wait_whole()
    }

    /// Stops the clients until the nodes are idle, and compares the nodes' states byte by byte.
    fn compare_states(&mut self) -> Result<(), Failure> {
        for _ in 0..COMPARISONS_MAX {
            let clients = self.stage.clients.count();
            (0..clients).for_each(|place| self.stage.clients.stop(place));
            let saved = (0..NODES).map(snapshot_of).collect::<Result<Vec<_>, Failure>>();
            self.stage.clients.go_on();
            let saved = saved?;
            if saved.iter().all(|(index, _)| *index == saved[0].0) {
                if saved.iter().any(|(_, bytes)| *bytes != saved[0].1) {
                    self.complaints.push(format!("states differ at entry {}", saved[0].0));
                }
                return output::print(&format!(
                    "         three equal states of {} bytes at entry {}\n",
                    saved[0].1.len(),
                    saved[0].0
                ));
            }
            self.stage.pause(Duration::from_secs(1))?;
        }
        self.complaints.push("no three states of one entry were found to compare".to_owned());
        Ok(())
    }
}

/// The index and the bytes of a snapshot that one node makes on demand.
fn snapshot_of(place: usize) -> Result<(u64, Vec<u8>), Failure> {
    let mut operator = Operator::connect_to(&Nodes::endpoint(place), SNAPSHOT_WAIT)?;
    let snapshot = operator.snapshot(SNAPSHOT_WAIT)?;
    let bytes = snapshot.data.to_vec().map_err(|why| Error::new(Status::Io, why))?;
    Ok((snapshot.meta.index.0, bytes))
}

/// Clients that had more than one session: no nemesis struck clients, so a session was lost.
#[must_use]
pub fn sessions_lost(history: &History) -> Vec<String> {
    let mut sessions: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for wait in &history.waits {
        if let Some(session) = wait.session {
            sessions.entry(history.clients.name(wait.client)).or_default().insert(session);
        }
    }
    let lost = sessions.into_iter().filter(|(_, sessions)| sessions.len() > 1);
    lost.map(|(client, all)| format!("client {client} lost {} sessions", all.len() - 1)).collect()
}

/// The most kills until leaders of both builds were seen: which candidate wins is random.
const KILLS_MAX: usize = 20;
const STOP_WAIT: Duration = Duration::from_secs(10);
/// Only a cluster that hangs takes so long, on a busy machine too.
const WHOLE_WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const SNAPSHOT_WAIT: Duration = Duration::from_secs(2);
const COMPARISONS_MAX: usize = 10;
