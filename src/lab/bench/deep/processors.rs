//! What processes have taken of the processors so far, as the kernel counts it: in hundredths of a second.

use crate::cli::failure::Failure;
use crate::lab::processes::Processes;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tenure::base::NodeId;

/// Of the nodes that were started, and of this process.
#[derive(Clone, Debug)]
pub struct Processors {
    pub nodes: BTreeMap<NodeId, Node>,
    pub client: Taken,
}

/// Of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its event loop.
    pub event_loop: Duration,
    /// All its threads.
    pub whole: Duration,
}

/// In the program's own code, and in the system's on its behalf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub user: Duration,
    pub system: Duration,
}

impl Processors {
    /// Reads all of them.
    ///
    /// # Errors
    /// A node has ended.
    pub fn read(processes: Option<&Processes>) -> Result<Self, Failure> {
        let mut nodes = BTreeMap::new();
        for (node, process) in processes.into_iter().flat_map(Processes::running) {
            nodes.insert(node, Node::read(Path::new(&format!("/proc/{process}")))?);
        }
        Ok(Self { nodes, client: Taken::read(Path::new("/proc/self"))? })
    }

    /// What was taken between this reading and `later`.
    pub fn until(&self, later: &Self) -> Self {
        let nodes = later.nodes.iter().map(|(id, node)| {
            let before = self.nodes.get(id).copied().unwrap_or_default();
            (*id, node.since(before))
        });
        Self { nodes: nodes.collect(), client: later.client.since(self.client) }
    }
}

impl Node {
    fn read(process: &Path) -> Result<Self, Failure> {
        let mut event_loop = Duration::ZERO;
        let threads = std::fs::read_dir(process.join("task"));
        for thread in threads.map_err(|error| unreadable(&error))?.flatten() {
            // One that has ended meanwhile is no event loop.
            let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if name.trim_end() == LOOP {
                event_loop += Taken::read(&thread.path())?.whole();
            }
        }
        Ok(Self { event_loop, whole: Taken::read(process)?.whole() })
    }

    fn since(self, before: Self) -> Self {
        Self {
            event_loop: self.event_loop.saturating_sub(before.event_loop),
            whole: self.whole.saturating_sub(before.whole),
        }
    }
}

impl Taken {
    /// Of a process or a thread, by its directory in /proc.
    fn read(directory: &Path) -> Result<Self, Failure> {
        let line = std::fs::read_to_string(directory.join("stat"));
        let line = line.map_err(|error| unreadable(&error))?;
        Self::of_stat(&line).ok_or_else(|| {
            Failure::unavailable(format!(
                "what a process has taken of the processors is unreadable: {line}"
            ))
        })
    }

    /// utime and stime; the name before them may have spaces, and ends at the last parenthesis.
    fn of_stat(line: &str) -> Option<Self> {
        let (_, fields) = line.rsplit_once(')')?;
        let mut taken = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next = || Some(Duration::from_millis(10 * taken.next()?.ok()?));
        Some(Self { user: next()?, system: next()? })
    }

    fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }

    pub fn whole(self) -> Duration {
        self.user + self.system
    }
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::unavailable(format!("cannot read what a node has taken of the processors: {error}"))
}

/// The name of the thread in which a node does all but its files' slow work.
const LOOP: &str = "tenure-node";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_process_is_read_behind_its_name() {
        let line = "7 (a (b) c) S 1 7 7 0 -1 4194560 9 0 0 0 123 45 0 0 20 0 4 0 1 2 3";
        let (user, system) = (Duration::from_millis(1230), Duration::from_millis(450));
        assert_eq!(Taken::of_stat(line), Some(Taken { user, system }));
        assert_eq!(Taken::of_stat("7 (a) S 1"), None);
    }

    #[test]
    fn what_was_taken_meanwhile_is_the_difference_of_two_readings() {
        let reading = |millis| {
            let taken = Duration::from_millis(millis);
            let node = Node { event_loop: taken, whole: 2 * taken };
            let client = Taken { user: taken, system: taken };
            Processors { nodes: [(NodeId(1), node)].into(), client }
        };
        let between = reading(100).until(&reading(130));
        assert_eq!(between.nodes[&NodeId(1)].whole, Duration::from_millis(60));
        assert_eq!(between.client.whole(), Duration::from_millis(60));
    }
}
