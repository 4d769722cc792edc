//! The `tenure serve` processes of one cluster: how they are told of each other, and how they end. The clusters of the
//! tests add what they are about.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use tempfile::TempDir;
use tenure::sys::process;

/// The nodes, numbered from 1, and a directory with their data. Dropped all are killed.
#[derive(Debug)]
pub struct Nodes {
    directory: TempDir,
    running: Vec<Option<Child>>,
}

impl Nodes {
    /// So many nodes that do not run yet.
    pub fn new(count: usize, directory: TempDir) -> Self {
        let running = std::iter::repeat_with(|| None).take(count).collect();
        Self { directory, running }
    }

    /// A place for one more node; its id.
    #[allow(dead_code, reason = "not every cluster grows")]
    pub fn reserve(&mut self) -> usize {
        self.running.push(None);
        self.running.len()
    }

    /// All ids.
    pub fn ids(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.running.len()
    }

    /// A directory that lives as long as the cluster.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The data directory of a node.
    pub fn data(&self, id: usize) -> PathBuf {
        self.directory().join(format!("node-{id}"))
    }

    /// `tenure`, told to serve as node `id`; of which cluster, the caller adds.
    pub fn serve(&self, mut tenure: Command, id: usize) -> Command {
        tenure.args(["serve", "--id", &id.to_string(), "--data"]).arg(self.data(id));
        tenure
    }

    /// Starts a node that does not run; it ends with the thread of the caller.
    pub fn start(&mut self, id: usize, command: &mut Command) {
        assert!(!self.runs(id), "node {id} runs");
        process::die_with_parent(command);
        self.running[id - 1] = Some(command.spawn().expect("tenure can be run"));
    }

    pub fn runs(&self, id: usize) -> bool {
        self.running[id - 1].is_some()
    }

    /// The process of a node that runs.
    #[allow(dead_code, reason = "not every test sends signals")]
    #[track_caller]
    pub fn process(&self, id: usize) -> &Child {
        self.running[id - 1].as_ref().unwrap_or_else(|| panic!("node {id} does not run"))
    }

    /// `kill -9`.
    #[allow(dead_code, reason = "not every test kills")]
    pub fn kill(&mut self, id: usize) {
        self.running[id - 1].as_mut().expect("it runs").kill().expect("a child can be killed");
        self.wait(id);
    }

    /// `kill -9` of all, none of them waiting for another's end.
    pub fn kill_all(&mut self) {
        for child in self.running.iter_mut().flatten() {
            // One may have ended by itself.
            let _ = child.kill();
        }
        for mut child in self.running.iter_mut().filter_map(Option::take) {
            let _ = child.wait();
        }
    }

    /// Waits until a node has ended; how.
    pub fn wait(&mut self, id: usize) -> ExitStatus {
        let mut child = self.running[id - 1].take().unwrap_or_else(|| panic!("{id} does not run"));
        child.wait().expect("a child can be waited for")
    }

    /// How a node has ended, if it has.
    #[allow(dead_code, reason = "asked for where a wait has a bound")]
    pub fn ended(&mut self, id: usize) -> Option<ExitStatus> {
        let child = self.running[id - 1].as_mut()?;
        let status = child.try_wait().expect("a child can be asked")?;
        self.running[id - 1] = None;
        Some(status)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Members as --cluster has them, numbered from 1.
pub fn members<A: Display>(addresses: &[A]) -> String {
    let member = |(id, address)| format!("{id}={address}");
    (1..).zip(addresses).map(member).collect::<Vec<_>>().join(",")
}
