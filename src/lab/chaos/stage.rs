//! The stage of a run: the cluster, its clients and the network between them, struck, healed and
//! ended.

use super::clients::{self, Clients, Guise};
use super::event_log::EventLog;
use super::nemesis::{Nemesis, Targets};
use super::network::Network;
use super::nodes::{NODES, Nodes};
use super::resource;
use super::rights::Rights;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::signals::{ENDING, Signals};
use crate::lab::papers::Papers;
use crate::lab::verify::line::{Kind, Line};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tenure::base::rng::Rng;
use tenure::client::Access;
use tenure::lock::ACCESS_LEVEL;
use tenure::sys::clock;
use tenure::sys::poll::{self, Interest, Ready};

/// All processes and the network; a drop ends them.
#[derive(Debug)]
pub struct Stage {
    /// The changes of rights, if wanted.
    rights: Option<Rights>,
    // Dropped in this order: processes before their network.
    pub clients: Clients,
    pub nodes: Nodes,
    pub network: Network,
    pub rng: Rng,
    log: EventLog,
    signals: Signals,
    began: Instant,
    /// Failures that no event log tells.
    pub complaints: Vec<String>,
}

/// The programs of nodes and clients.
#[derive(Debug)]
pub struct Programs<'a> {
    /// The program of all nodes, and of every second client; `None`: this program.
    pub older: Option<&'a Path>,
    /// The certificates, for TLS.
    pub papers: Option<Papers>,
    pub guise: Guise,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Whole,
    /// By a signal.
    Cut,
}

impl Stage {
    /// Starts nodes and clients, with all that they write below `data`.
    ///
    /// # Errors
    /// There can be no network of namespaces, or no processes, here.
    pub fn set_up(
        network: Network,
        data: &Path,
        clients: usize,
        seed: u64,
        programs: Programs<'_>,
    ) -> Result<Self, Failure> {
        let Programs { older, papers, guise } = programs;
        let signals = Signals::catch(ENDING)?;
        let mut rng = Rng::new(seed);
        resource::serve(data, EventLog::create(&data.join("sets.jsonl"))?)?;
        let log = EventLog::create(&data.join("nemeses.jsonl"))?;
        let this = std::env::current_exe()
            .map_err(|error| Failure::unavailable(format!("cannot find this program: {error}")))?;
        let nodes = Nodes::start(&network, data, older.unwrap_or(&this), papers.clone())?;
        if guise == Guise::Own {
            // A session opened below that level has no principal for all its life.
            nodes.wait_for_level(ACCESS_LEVEL)?;
        }
        let programs = [Some(this.as_path()), older].into_iter().flatten();
        let programs = programs.map(Path::to_owned).collect();
        let programs = clients::Programs { paths: programs, papers, guise };
        let clients = Clients::start(&network, data, (clients, programs), rng.fork())?;
        let (began, complaints) = (Instant::now(), Vec::new());
        let rights = None;
        Ok(Self { rights, clients, nodes, network, rng, log, signals, began, complaints })
    }

    /// Turns rights on, and changes them from now on.
    ///
    /// # Errors
    /// Rights cannot be turned on; the log cannot be created.
    pub fn begin_rights(&mut self, data: &Path) -> Result<(), Failure> {
        let log = EventLog::create(&data.join("rights.jsonl"))?;
        let access = Access::of(self.nodes.whom().clone(), RIGHTS_WAIT);
        self.rights = Some(Rights::begin(access, self.clients.count(), log, self.rng.fork())?);
        Ok(())
    }

    /// Ends the changes, and gives all rights back.
    pub fn end_rights(&mut self) {
        let complaint = self.rights.take().and_then(Rights::end);
        self.complaints.extend(complaint);
    }

    /// Plays one nemesis, from its stroke to some calm after it.
    ///
    /// # Errors
    /// A tool or a process fails.
    pub fn play(&mut self, nemesis: Nemesis) -> Result<Waited, Failure> {
        let (least, most) = nemesis.lasts();
        let lasts = self.rng.duration(least, most);
        let name = Some(nemesis.to_string());
        self.log.write(&Line { nemesis: name, ..Line::at(Kind::Nemesis, clock::boot_nanos()) });
        self.rights.iter().for_each(Rights::strike);
        let struck = nemesis.strike(self)?;
        let at = self.began.elapsed().as_secs_f64();
        output::print(&format!("{at:7.1} s  {nemesis}: {struck}, {:.1} s\n", lasts.as_secs_f64()))?;
        let waited = self.wait(lasts)?;
        self.heal()?;
        match waited {
            Waited::Cut => Ok(Waited::Cut),
            Waited::Whole => {
                let calm = self.rng.duration(CALM.0, CALM.1);
                self.wait(calm)
            }
        }
    }

    /// Heals: nothing is cut, stopped or dead any more.
    fn heal(&mut self) -> Result<(), Failure> {
        self.network.heal()?;
        self.nodes.go_on();
        self.clients.go_on();
        // Before the restarts, which fill the places of those that were killed.
        self.complaints.extend(self.nodes.ended());
        self.complaints.extend(self.clients.ended());
        self.nodes.restart(&self.network)?;
        self.clients.restart(&self.network)?;
        self.log.write(&Line::at(Kind::Healed, clock::boot_nanos()));
        self.rights.iter().for_each(Rights::heal);
        Ok(())
    }

    /// Starts the nodes that do not run.
    ///
    /// # Errors
    /// No process.
    pub fn restart_nodes(&mut self) -> Result<(), Failure> {
        self.nodes.restart(&self.network)
    }

    /// Waits for a moment.
    ///
    /// # Errors
    /// A signal came.
    pub fn pause(&self, long: Duration) -> Result<(), Failure> {
        match self.wait(long)? {
            Waited::Whole => Ok(()),
            Waited::Cut => Err(Failure::unavailable("ended by a signal")),
        }
    }

    /// Kills a client and its processes, and logs their end, which their own logs cannot.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill_client(&mut self, place: usize) -> Result<(), Failure> {
        for name in self.clients.kill(place)? {
            let client = Some(name);
            self.log.write(&Line { client, ..Line::at(Kind::Gone, clock::boot_nanos()) });
        }
        Ok(())
    }

    /// Draws targets: the leader, or any node if there is none yet; another node; a client.
    pub fn targets(&mut self) -> Targets {
        let deadline = Instant::now() + LEADER_WAIT;
        let mut leader = self.nodes.leader();
        while leader.is_none() && Instant::now() < deadline {
            leader = self.nodes.leader();
        }
        let leader = leader.unwrap_or_else(|| self.rng.below(NODES as u64) as usize);
        let step = self.rng.between(1, NODES as u64 - 1) as usize;
        let client = self.rng.below(self.clients.count() as u64) as usize;
        Targets { leader, follower: (leader + step) % NODES, client }
    }

    /// Waits until the cluster is whole and each client was granted each lock from now on, up to
    /// [`SERVED_WAIT`]. Gives the outstanding grants.
    ///
    /// # Errors
    /// A signal; a log cannot be read.
    pub fn wait_served(&mut self) -> Result<Vec<String>, Failure> {
        let deadline = Instant::now() + SERVED_WAIT;
        let mut wishes = self.clients.wishes()?;
        loop {
            wishes.read_on();
            let mut left = wishes.left();
            if left.is_empty() && !self.nodes.are_whole() {
                left.push("the three nodes are not one cluster".to_owned());
            }
            self.complaints.extend(self.nodes.ended());
            self.complaints.extend(self.clients.ended());
            // A process that ended by itself is not restarted, and would be waited for in vain.
            let is_over = !self.complaints.is_empty() || Instant::now() > deadline;
            if left.is_empty() || is_over {
                return Ok(left);
            }
            if self.wait(LOOK_EVERY)? == Waited::Cut {
                return Err(Failure::unavailable(format!(
                    "ended by a signal while {}",
                    left.join("; ")
                )));
            }
        }
    }

    /// Waits for `long`, or until a signal.
    fn wait(&self, long: Duration) -> Result<Waited, Failure> {
        let end = Instant::now() + long;
        loop {
            if !self.signals.take().is_empty() {
                return Ok(Waited::Cut);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Waited::Whole);
            }
            let mut set = [(self.signals.fd(), Interest::Read, Ready::default())];
            poll::wait(&mut set, Some(left)).map_err(|error| {
                Failure::unavailable(format!("cannot wait for signals: {error}"))
            })?;
        }
    }

    /// Ends clients, then nodes. Gives the complaints.
    #[must_use]
    pub fn end(self) -> Vec<String> {
        let mut complaints = self.complaints;
        complaints.extend(self.clients.finish(END_WAIT));
        complaints
    }
}

/// All event logs below `data`.
///
/// # Errors
/// The directory cannot be read.
pub fn logs(data: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error| Failure::unavailable(format!("cannot read {}: {error}", data.display()));
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(data).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            logs.push(path);
        }
    }
    logs.sort();
    Ok(logs)
}

const CALM: (Duration, Duration) = (Duration::from_millis(1000), Duration::from_millis(2000));
/// An election takes some hundred milliseconds.
const LEADER_WAIT: Duration = Duration::from_secs(5);
/// Only a cluster that hangs takes so long.
const SERVED_WAIT: Duration = Duration::from_secs(120);
/// The timeout of an order about rights: cut-off or stopped leaders do not answer.
const RIGHTS_WAIT: Duration = Duration::from_secs(2);
const END_WAIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
