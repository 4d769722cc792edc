//! Programs that run beside a test, and the lines that they write.

use crate::common::compiled::isolate;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// A process that does not outlive its test.
pub struct Process(Child);

/// What processes write: who, and a line.
pub struct Lines {
    sender: Option<mpsc::Sender<(String, String)>>,
    receiver: mpsc::Receiver<(String, String)>,
}

impl Lines {
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { sender: Some(sender), receiver }
    }

    /// Starts a process whose lines come under `name`.
    pub fn spawn(&self, name: &str, command: &mut Command) -> Process {
        isolate(command);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let lines = self.sender.clone().expect("before all have started");
        let name = name.to_owned();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The test may have seen enough.
                let _gone = lines.send((name.clone(), line));
            }
        });
        Process(child)
    }

    /// No more are started: when all have ended, a wait for a line fails instead of going on.
    pub fn all_started(&mut self) {
        self.sender = None;
    }

    pub fn next(&self) -> String {
        self.receiver.recv().expect("a process writes another line").1
    }

    /// The next line for which `wanted` gives something, and what.
    pub fn find<T>(&self, mut wanted: impl FnMut(&str, &str) -> Option<T>) -> T {
        let mut seen = Vec::new();
        for (name, line) in &self.receiver {
            if let Some(found) = wanted(&name, &line) {
                return found;
            }
            seen.push(format!("{name}: {line}"));
        }
        panic!("all processes have ended, and wrote only\n{}", seen.join("\n"));
    }
}

impl Process {
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub fn terminate(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

pub fn number_after(text: &str, mark: &str) -> Option<u64> {
    let (_, rest) = text.split_once(mark)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
