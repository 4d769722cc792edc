//! Three `tenure serve` processes, of this program or of an older one, each on a machine of its own.

use super::network::{Machine, Network};
use crate::cli::failure::Failure;
use crate::cli::secure::SecureClient;
use crate::cli::status::Health;
use crate::lab::environment;
use crate::lab::papers::Papers;
use signal_hook::consts::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tenure::base::NodeId;
use tenure::client::{ClusterAt, ClusterStatus};
use tenure::sys::process;

/// How many there are.
pub const NODES: usize = 3;

/// The processes; killed on drop.
#[derive(Debug)]
pub struct Nodes {
    data: PathBuf,
    children: [Option<Child>; NODES],
    /// The program of each from its next start on.
    programs: [PathBuf; NODES],
    /// The certificates, for TLS.
    papers: Option<Papers>,
    /// The cluster, for questions to its nodes.
    whom: ClusterAt,
}

impl Nodes {
    /// Starts all, each running `program`, with directories and logs below `data`.
    ///
    /// # Errors
    /// No process.
    pub fn start(
        network: &Network,
        data: &Path,
        program: &Path,
        papers: Option<Papers>,
    ) -> Result<Self, Failure> {
        let secure = papers.as_ref().map(Papers::secure).unwrap_or_default();
        let mut nodes = Self {
            data: data.to_owned(),
            children: [const { None }; NODES],
            programs: [(); NODES].map(|()| program.to_owned()),
            papers,
            whom: SecureClient::from(secure).reach(ClusterAt::new(endpoints(), None))?,
        };
        nodes.restart(network)?;
        Ok(nodes)
    }

    /// Starts those that do not run.
    ///
    /// # Errors
    /// No process.
    pub fn restart(&mut self, network: &Network) -> Result<(), Failure> {
        for place in 0..NODES {
            if self.children[place].is_none() {
                self.children[place] = Some(self.spawn(network, place)?);
            }
        }
        Ok(())
    }

    fn spawn(&self, network: &Network, place: usize) -> Result<Child, Failure> {
        let cannot = |error| Failure::unavailable(format!("cannot start a node: {error}"));
        let id = place + 1;
        let log = self.data.join(format!("node-{id}.log"));
        let log = File::options().create(true).append(true).open(log).map_err(cannot)?;
        let members: Vec<String> =
            members().iter().map(|(id, address)| format!("{id}={address}")).collect();
        let mut command = Command::new(&self.programs[place]);
        environment::clear(&mut command);
        network.hold(Machine::Node(place), &mut command);
        process::die_with_parent(&mut command);
        command.args(["serve", "--id", &id.to_string(), "--cluster", &members.join(",")]);
        match &self.papers {
            Some(papers) => papers.dress_node(NodeId(id as u64), &mut command),
            None => drop(command.arg("--insecure")),
        }
        command
            .arg("--data")
            .arg(self.data.join(format!("node-{id}")))
            // A Ctrl-C is for us alone: we end the process in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(cannot)
    }

    /// Sets the program of a node from its next start on.
    pub fn set_program(&mut self, place: usize, program: &Path) {
        program.clone_into(&mut self.programs[place]);
    }

    /// Ends a node by SIGTERM, as an operator does, and waits.
    ///
    /// # Errors
    /// The node does not end within `patience`.
    pub fn stop_in_order(&mut self, place: usize, patience: Duration) -> Result<(), Failure> {
        self.signal(place, SIGTERM);
        let Some(mut child) = self.children[place].take() else { return Ok(()) };
        let deadline = Instant::now() + patience;
        loop {
            match child.try_wait() {
                Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
                Ok(Some(_)) => return Ok(()),
                _ => {
                    self.children[place] = Some(child);
                    let text = format!("node {} does not end when told to", place + 1);
                    return Err(Failure::unavailable(text));
                }
            }
        }
    }

    /// The last line of a node's log that contains `words`.
    #[must_use]
    pub fn logged(&self, place: usize, words: &str) -> Option<String> {
        let log = self.data.join(format!("node-{}.log", place + 1));
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.lines().rev().find(|line| line.contains(words)).map(str::to_owned)
    }

    /// The levels of the nodes that tell one.
    #[must_use]
    pub fn levels(&self) -> Vec<u32> {
        let status = ClusterStatus::ask(&self.whom, STATUS_WAIT);
        status.answered().filter_map(|node| node.level).collect()
    }

    /// Waits until all nodes are at level `wanted`, which a new cluster reaches a moment after its
    /// founding.
    ///
    /// # Errors
    /// The nodes are not at that level within [`LEVEL_WAIT`].
    pub fn wait_for_level(&self, wanted: u32) -> Result<(), Failure> {
        let deadline = Instant::now() + LEVEL_WAIT;
        loop {
            let levels = self.levels();
            if levels.len() == NODES && levels.iter().all(|level| *level >= wanted) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::unavailable(format!(
                    "the nodes are not at level {wanted}, but at {levels:?}"
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// How all are reached.
    #[must_use]
    pub fn whom(&self) -> &ClusterAt {
        &self.whom
    }

    /// Where one is reached.
    #[must_use]
    pub fn endpoint(place: usize) -> String {
        endpoint(place)
    }

    /// Whether all nodes are in one cluster with a leader.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        Health::of(&ClusterStatus::ask(&self.whom, STATUS_WAIT)) == Health::Whole
    }

    /// The place of the leader, if an answering node says that it leads.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let status = ClusterStatus::ask(&self.whom, STATUS_WAIT);
        status.leader().map(|leader| leader.node.0 as usize - 1)
    }

    /// Stops the code of one, not its clocks.
    pub fn stop(&self, place: usize) {
        self.signal(place, SIGSTOP);
    }

    /// Lets all go on.
    pub fn go_on(&self) {
        (0..NODES).for_each(|place| self.signal(place, SIGCONT));
    }

    /// Kills one as `kill -9` does.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&mut self, place: usize) -> Result<(), Failure> {
        self.signal(place, SIGKILL);
        let Some(mut child) = self.children[place].take() else { return Ok(()) };
        child.wait().map(drop).map_err(|error| {
            Failure::unavailable(format!("cannot wait for a killed node: {error}"))
        })
    }

    fn signal(&self, place: usize, signal: i32) {
        if let Some(child) = &self.children[place] {
            process::signal_child(child, signal);
        }
    }

    /// Nodes that ended although nobody killed them, with their last line.
    #[must_use]
    pub fn ended(&mut self) -> Vec<String> {
        let mut ended = Vec::new();
        for (place, slot) in self.children.iter_mut().enumerate() {
            let Some(Ok(Some(status))) = slot.as_mut().map(Child::try_wait) else { continue };
            *slot = None;
            let id = place + 1;
            let log = self.data.join(format!("node-{id}.log"));
            ended.push(format!("node {id} ended by itself ({status}): {}", last_line(&log)));
        }
        ended
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // Harmless if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// All of them.
#[must_use]
pub fn members() -> Vec<(NodeId, String)> {
    (0..NODES).map(|place| (NodeId(place as u64 + 1), endpoint(place))).collect()
}

/// Where all are reached.
#[must_use]
pub fn endpoints() -> String {
    (0..NODES).map(endpoint).collect::<Vec<_>>().join(",")
}

fn endpoint(place: usize) -> String {
    format!("{}:{PORT}", Machine::Node(place).address())
}

/// The last line of a log.
#[must_use]
pub fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or("without a word").to_owned()
}

const PORT: u16 = 7401;
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LEVEL_WAIT: Duration = Duration::from_secs(30);
/// A stopped node does not answer at all.
const STATUS_WAIT: Duration = Duration::from_millis(300);
