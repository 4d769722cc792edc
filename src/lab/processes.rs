//! Three `tenure serve` processes on loopback, for `bench --spawn` to measure and kill.

use crate::cli::failure::Failure;
use crate::cli::secure::{Secure, SecureClient};
use crate::cli::status::Health;
use crate::lab::environment;
use crate::lab::papers::Papers;
use crate::lab::ports;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tenure::base::NodeId;
use tenure::client::{ClusterAt, ClusterStatus};
use tenure::sys::process;

/// The processes; killed on drop.
#[derive(Debug)]
pub struct Processes {
    data: PathBuf,
    /// The program that they run; `None`: this one.
    program: Option<PathBuf>,
    members: Vec<(NodeId, String)>,
    /// The certificates, for TLS.
    papers: Option<Papers>,
    children: Vec<Option<Child>>,
}

/// Whether nodes speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Plain,
    Tls,
}

impl Processes {
    /// Starts three of `program`, or of this one, with directories and logs below `data`.
    ///
    /// # Errors
    /// No port, no process.
    pub fn start(data: &Path, program: Option<&Path>, carrier: Carrier) -> Result<Self, Failure> {
        let mut members = Vec::new();
        // Bound at once so that they differ, and closed for the processes to bind.
        for (id, listener) in (1..).zip(&ports::listeners(3)?) {
            let address = listener.local_addr().map_err(|error| cannot("find a port", &error))?;
            members.push((NodeId(id), address.to_string()));
        }
        let program = program.map(Path::to_owned);
        let papers = match carrier {
            Carrier::Plain => None,
            Carrier::Tls => Some(Papers::make(&data.join("certs"), &members)?),
        };
        let (data, children) = (data.to_owned(), Vec::new());
        let mut started = Self { data, program, members, papers, children };
        for place in 0..started.members.len() {
            let child = started.spawn(place)?;
            started.children.push(Some(child));
        }
        Ok(started)
    }

    /// All nodes' addresses, for clients.
    #[must_use]
    pub fn endpoints(&self) -> String {
        self.members.iter().map(|(_, address)| address.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The TLS options of clients.
    #[must_use]
    pub fn secure(&self) -> Secure {
        self.papers.as_ref().map(Papers::secure).unwrap_or_default()
    }

    /// Waits until all three follow one leader and have applied all that it has committed; gives
    /// the leader.
    ///
    /// # Errors
    /// Not within 30 s, or one of them ended.
    pub fn wait_whole(&mut self) -> Result<NodeId, Failure> {
        let deadline = Instant::now() + WHOLE_WAIT;
        let whom =
            SecureClient::from(self.secure()).reach(ClusterAt::new(self.endpoints(), None))?;
        loop {
            let status = ClusterStatus::ask(&whom, STATUS_WAIT);
            if let Some(leader) = leader_of_whole(&status) {
                return Ok(leader);
            }
            self.check_running()?;
            if Instant::now() > deadline {
                let place = self.data.display();
                return Err(Failure::unavailable(format!(
                    "the three nodes were not one cluster within 30 s; see the logs in {place}"
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The address of `id`.
    #[must_use]
    pub fn address(&self, id: NodeId) -> &str {
        &self.members[self.place(id)].1
    }

    /// The resident memory of `id`, in bytes.
    ///
    /// # Errors
    /// The process does not run.
    pub fn resident_bytes(&self, id: NodeId) -> Result<u64, Failure> {
        self.memory(id, "VmRSS:")
    }

    /// The peak resident memory of `id`, in bytes.
    ///
    /// # Errors
    /// The process does not run.
    pub fn peak_bytes(&self, id: NodeId) -> Result<u64, Failure> {
        self.memory(id, "VmHWM:")
    }

    fn memory(&self, id: NodeId, line: &str) -> Result<u64, Failure> {
        let child = self.children[self.place(id)].as_ref();
        let child = child.ok_or_else(|| Failure::unavailable(format!("node {id} does not run")))?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.map_err(|error| cannot("read a node's memory", &error))?;
        let resident = status.lines().find_map(|found| found.strip_prefix(line));
        let kilobytes =
            resident.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let kilobytes =
            kilobytes.ok_or_else(|| Failure::unavailable(format!("node {id} has ended")))?;
        Ok(kilobytes * 1024)
    }

    /// The processor time of all running processes since their start, to a hundredth of a second.
    ///
    /// # Errors
    /// A process has ended.
    pub fn processor_time(&self) -> Result<Duration, Failure> {
        let mut ticks = 0;
        for child in self.children.iter().flatten() {
            let line = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
            let line = line.map_err(|error| cannot("read what a node has taken", &error))?;
            // utime and stime; the name before them may have spaces, and ends at the last parenthesis.
            let (_, fields) = line.rsplit_once(')').unwrap_or_default();
            let taken = fields.split_whitespace().skip(11).take(2);
            ticks += taken.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
        Ok(Duration::from_millis(10 * ticks))
    }

    /// Those that were started and not ended by us, and the numbers of their processes.
    pub fn running(&self) -> impl Iterator<Item = (NodeId, u32)> {
        let both = self.members.iter().zip(&self.children);
        both.filter_map(|((id, _), child)| Some((*id, child.as_ref()?.id())))
    }

    /// Sends SIGKILL to `id`, and does not wait for its end.
    pub fn kill(&mut self, id: NodeId) {
        let place = self.place(id);
        if let Some(child) = &self.children[place] {
            process::signal_child(child, signal_hook::consts::SIGKILL);
        }
    }

    /// Starts `id` again after `kill`.
    ///
    /// # Errors
    /// No process.
    pub fn restart(&mut self, id: NodeId) -> Result<(), Failure> {
        let place = self.place(id);
        if let Some(mut child) = self.children[place].take() {
            child.wait().map_err(|error| cannot("wait for a killed node", &error))?;
        }
        self.children[place] = Some(self.spawn(place)?);
        Ok(())
    }

    fn spawn(&self, place: usize) -> Result<Child, Failure> {
        let (id, _) = &self.members[place];
        let log = self.data.join(format!("node-{id}.log"));
        let log = File::options().create(true).append(true).open(&log);
        let log = log.map_err(|error| cannot("write a log of a node", &error))?;
        let program = self.program.clone().map_or_else(std::env::current_exe, Ok);
        let program = program.map_err(|error| cannot("find this program's own file", &error))?;
        let member = |(id, address): &(NodeId, String)| format!("{id}={address}");
        let cluster = self.members.iter().map(member).collect::<Vec<_>>().join(",");
        let mut command = Command::new(program);
        environment::clear(&mut command);
        process::die_with_parent(&mut command);
        command
            .args(["serve", "--id", &id.to_string(), "--cluster", &cluster, "--data"])
            .arg(self.data.join(format!("node-{id}")));
        if let Some(papers) = &self.papers {
            papers.dress_node(*id, &mut command);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| cannot("start a node", &error))
    }

    fn check_running(&mut self) -> Result<(), Failure> {
        for ((id, _), child) in self.members.iter().zip(&mut self.children) {
            let Some(Ok(Some(status))) = child.as_mut().map(Child::try_wait) else { continue };
            let log = self.data.join(format!("node-{id}.log"));
            return Err(Failure::unavailable(format!(
                "node {id} ended ({status}): {}",
                last_line(&log).unwrap_or_else(|| "without a word".to_owned())
            )));
        }
        Ok(())
    }

    fn place(&self, id: NodeId) -> usize {
        let place = self.members.iter().position(|(member, _)| *member == id);
        place.expect("the id came from this cluster")
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // Harmless if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn leader_of_whole(status: &ClusterStatus) -> Option<NodeId> {
    let leader = status.leader()?;
    let level = status.answered().all(|node| node.applied >= leader.commit);
    (Health::of(status) == Health::Whole && level).then_some(leader.node)
}

fn last_line(log: &Path) -> Option<String> {
    std::fs::read_to_string(log).ok()?.lines().last().map(str::to_owned)
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    Failure::unavailable(format!("cannot {what}: {error}"))
}

const WHOLE_WAIT: Duration = Duration::from_secs(30);
const STATUS_WAIT: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(20);
