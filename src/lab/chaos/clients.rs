//! The clients' processes: each place has one at a time, with a new name and a new log after each
//! kill.

use super::client::{LOCKS, WORD, crash};
use super::network::{Machine, Network};
use super::nodes::{endpoints, last_line};
use super::resource;
use super::stage;
use crate::cli::failure::Failure;
use crate::lab::environment;
use crate::lab::papers::Papers;
use crate::lab::verify::line::{Kind, Line};
use signal_hook::consts::{SIGCONT, SIGSTOP};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tenure::base::rng::Rng;
use tenure::sys::process;

/// All client processes; killed on drop.
#[derive(Debug)]
pub struct Clients {
    data: PathBuf,
    seeds: Rng,
    places: Vec<Place>,
    programs: Programs,
}

/// The programs of the clients.
#[derive(Debug)]
pub struct Programs {
    /// Programs, in turn by place.
    pub paths: Vec<PathBuf>,
    /// The certificates, for TLS.
    pub papers: Option<Papers>,
    /// The identity of each client.
    pub guise: Guise,
}

/// The identity of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guise {
    /// All are the operator.
    Operator,
    /// Each place is a principal of its own.
    Own,
}

/// A place, with one process after the other.
#[derive(Debug, Default)]
struct Place {
    child: Option<Child>,
    lives: u32,
}

impl Clients {
    /// Starts `count`, with logs below `data`, which work on the sets that are served there.
    ///
    /// # Errors
    /// No process.
    pub fn start(
        network: &Network,
        data: &Path,
        (count, programs): (usize, Programs),
        seeds: Rng,
    ) -> Result<Self, Failure> {
        let places = (0..count).map(|_| Place::default()).collect();
        let mut clients = Self { data: data.to_owned(), seeds, places, programs };
        clients.restart(network)?;
        Ok(clients)
    }

    /// Starts those that do not run.
    ///
    /// # Errors
    /// No process.
    pub fn restart(&mut self, network: &Network) -> Result<(), Failure> {
        for place in 0..self.places.len() {
            if self.places[place].child.is_none() {
                self.places[place].lives += 1;
                self.places[place].child = Some(self.spawn(network, place)?);
            }
        }
        Ok(())
    }

    fn spawn(&mut self, network: &Network, place: usize) -> Result<Child, Failure> {
        let cannot = |error| Failure::unavailable(format!("cannot start a client: {error}"));
        let words = self.data.join(format!("client-{}.log", name_of(place)));
        let words = File::options().create(true).append(true).open(words).map_err(cannot)?;
        let paths = &self.programs.paths;
        let mut command = Command::new(&paths[place % paths.len()]);
        environment::clear(&mut command);
        if let Some(papers) = &self.programs.papers {
            let own = (self.programs.guise == Guise::Own).then(|| name_of(place));
            papers.dress_client(own.as_deref(), &mut command);
        }
        network.hold(Machine::Client(place), &mut command);
        process::die_with_parent(&mut command);
        command
            .args([WORD, &endpoints(), &self.name(place)])
            .args([self.log(place), resource::socket(&self.data)])
            .arg(self.seeds.number().to_string())
            // A Ctrl-C is for us alone: we end the process in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .map_err(cannot)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The name, and log, of the process at `place`.
    #[must_use]
    pub fn name(&self, place: usize) -> String {
        format!("{}.{}", name_of(place), self.places[place].lives)
    }

    fn log(&self, place: usize) -> PathBuf {
        self.data.join(format!("{}.jsonl", self.name(place)))
    }

    /// Stops the code of one, not its clocks.
    pub fn stop(&self, place: usize) {
        if let Some(child) = &self.places[place].child {
            process::signal_child(child, SIGSTOP);
        }
    }

    /// Lets all go on.
    pub fn go_on(&self) {
        let children = self.places.iter().filter_map(|place| place.child.as_ref());
        children.for_each(|child| process::signal_child(child, SIGCONT));
    }

    /// Kills one as `kill -9` does, and the processes that it started; gives their names.
    ///
    /// # Errors
    /// The process cannot be waited for; the logs cannot be listed.
    pub fn kill(&mut self, place: usize) -> Result<Vec<String>, Failure> {
        let name = self.name(place);
        if let Some(mut child) = self.places[place].child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            ended.map_err(|error| {
                Failure::unavailable(format!("cannot wait for a killed client: {error}"))
            })?;
        }
        let mut gone = self.started_by(&name)?;
        gone.push(name);
        Ok(gone)
    }

    /// The names of all processes that `client` ever started, by their logs.
    fn started_by(&self, client: &str) -> Result<Vec<String>, Failure> {
        let logs = stage::logs(&self.data)?;
        let names = logs.iter().filter_map(|log| log.file_stem()?.to_str());
        Ok(names.filter(|name| crash::is_of(name, client)).map(str::to_owned).collect())
    }

    /// Processes that ended although nobody killed them, with their last line.
    #[must_use]
    pub fn ended(&mut self) -> Vec<String> {
        let mut ended = Vec::new();
        for (place, slot) in self.places.iter_mut().enumerate() {
            let Some(Ok(Some(status))) = slot.child.as_mut().map(Child::try_wait) else { continue };
            slot.child = None;
            let name = name_of(place);
            let words = last_line(&self.data.join(format!("client-{name}.log")));
            ended.push(format!("client {name} ended by itself ({status}): {words}"));
        }
        ended
    }

    /// Tells all to end, and waits; gives those that did not end within `patience`, or failed.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> Vec<String> {
        for place in &mut self.places {
            // The end of their input tells them.
            drop(place.child.as_mut().and_then(|child| child.stdin.take()));
        }
        let deadline = Instant::now() + patience;
        let mut complaints = Vec::new();
        for (place, slot) in self.places.iter_mut().enumerate() {
            let Some(child) = &mut slot.child else { continue };
            let mut ended = child.try_wait();
            while matches!(ended, Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(LOOK_EVERY);
                ended = child.try_wait();
            }
            let name = name_of(place);
            match ended {
                Ok(Some(status)) if status.success() => {}
                Ok(Some(status)) => complaints.push(format!("client {name} failed ({status})")),
                _ => complaints.push(format!("client {name} did not end when told to")),
            }
        }
        complaints
    }

    /// The outstanding grants: each client must be granted each lock beyond the present end of its
    /// log.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn wishes(&self) -> Result<Wishes, Failure> {
        let mut tails = Vec::new();
        for place in 0..self.places.len() {
            let path = self.log(place);
            // A process that has just started has no log yet.
            let from = std::fs::metadata(&path).map_or(0, |log| log.len());
            tails.push(Tail { name: self.name(place), path, from, left: LOCKS.into() });
        }
        Ok(Wishes(tails))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for child in self.places.iter_mut().filter_map(|place| place.child.as_mut()) {
            // Harmless if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Each client and the locks that it must be granted.
#[derive(Debug)]
pub struct Wishes(Vec<Tail>);

/// The unread part of one log.
#[derive(Debug)]
struct Tail {
    name: String,
    path: PathBuf,
    from: u64,
    left: BTreeSet<&'static str>,
}

impl Wishes {
    /// Reads on, and drops what was granted.
    pub fn read_on(&mut self) {
        self.0.iter_mut().for_each(Tail::read_on);
    }

    /// The outstanding grants; empty: all were granted.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let waits = |tail: &Tail| {
            let locks: Vec<&str> = tail.left.iter().copied().collect();
            (!locks.is_empty())
                .then(|| format!("client {} waits for {}", tail.name, locks.join(", ")))
        };
        self.0.iter().filter_map(waits).collect()
    }
}

impl Tail {
    fn read_on(&mut self) {
        // The log is being written: the next look finds the rest.
        let Ok(text) = read_from(&self.path, self.from) else { return };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.from += whole as u64;
        for line in text[..whole].lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            if line.event == Kind::Granted {
                let granted =
                    |lock: &str| line.lock.iter().chain(&line.also).any(|name| name == lock);
                self.left.retain(|lock| !granted(lock));
            }
        }
    }
}

fn read_from(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// The client of a name in the logs: "c2" for "c2.5" and for "c2.5-1".
#[must_use]
pub fn client_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(client, _)| client)
}

/// The name of the client at `place`, whichever its process.
#[must_use]
pub fn name_of(place: usize) -> String {
    format!("c{}", place + 1)
}

const LOOK_EVERY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lives_are_of_one_client() {
        assert_eq!((client_of("c2.5"), client_of("c2.5-1")), ("c2", "c2"));
        assert_eq!(name_of(1), "c2");
    }

    #[test]
    fn a_tail_reads_whole_lines_and_each_once() {
        let path =
            std::env::temp_dir().join(format!("tenure-tail-{}", tenure::sys::random::seed()));
        let granted = r#"{"event":"granted","lock":"set"}"#;
        std::fs::write(&path, format!("old\n{granted}\n{granted}")).unwrap();
        let left = ["set", "pool"].into();
        let mut tail = Tail { name: "c1.1".into(), path: path.clone(), from: 4, left };
        tail.read_on();
        std::fs::remove_file(path).unwrap();
        assert_eq!((tail.from, tail.left), (5 + granted.len() as u64, ["pool"].into()));
    }
}
