//! What `serve` logs: for people, for journald, as JSON; and its level, which changes while it runs.

use crate::program::{free_ports, signal, tenure};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A node that runs alone.
struct Served {
    child: Child,
    lines: Lines<BufReader<UnixStream>>,
    directory: TempDir,
}

impl Served {
    /// Its configuration is `settings`; `prepare` changes how it is started, and is told the other end of its stderr.
    fn start(settings: &str, prepare: impl FnOnce(&mut Command, &File)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = File::from(OwnedFd::from(theirs));
        let mut command = tenure(&["serve", "--id", "1"]);
        command.arg("--cluster").arg(format!("1=127.0.0.1:{}", free_ports(1)[0]));
        command.arg("--data").arg(directory.path().join("data"));
        command.arg("--config").arg(config(&directory, settings));
        prepare(&mut command, &theirs);
        // Not our own terminal, if this test has one: SIGHUP would say that it is gone.
        let mut apart = Command::new("setsid");
        apart.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => apart.env(key, value),
                None => apart.env_remove(key),
            };
        }
        let child = apart.stdin(Stdio::null()).stderr(theirs).spawn().unwrap();
        Self { child, lines: BufReader::new(ours).lines(), directory }
    }

    /// The next line that has `part`.
    fn line(&mut self, part: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("no line has {part:?}"))
    }

    fn end(mut self) {
        signal(&self.child, "TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

fn config(directory: &TempDir, settings: &str) -> std::path::PathBuf {
    let file = directory.path().join("tenure.toml");
    std::fs::write(&file, settings).unwrap();
    file
}

#[test]
fn lines_of_json_have_keys() {
    let mut node = Served::start("log-format = \"json\"\n", |_, _| ());
    let line: Value = serde_json::from_str(&node.line("this node leads term")).unwrap();
    let keys = ["level", "target", "node", "leader", "term"].map(|key| line[key].to_string());
    assert_eq!(keys[..4], ["\"info\"", "\"raft\"", "1", "1"]);
    assert!(line["term"].is_u64(), "{line}");
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    node.end();
}

#[test]
fn last_words_are_json_too() {
    let mut node = Served::start("log-format = \"json\"\nttl-max = \"1s\"\n", |_, _| ());
    let line: Value = serde_json::from_str(&node.line("ttl-max")).unwrap();
    assert_eq!((&line["level"], &line["node"]), (&"error".into(), &1.into()));
    assert_eq!(node.child.wait().unwrap().code(), Some(2));
}

#[test]
fn journald_is_told_priorities_and_no_time() {
    let stream = |stderr: &File| {
        let of = stderr.metadata().unwrap();
        format!("{}:{}", of.dev(), of.ino())
    };
    let mut node = Served::start("", |command, stderr| {
        command.env("JOURNAL_STREAM", stream(stderr));
    });
    assert!(node.line("listens on").starts_with("<6>node 1 of 1 listens on"));
    node.end();
    // The variable is inherited by what does not write there.
    let mut node = Served::start("", |command, _| {
        command.env("JOURNAL_STREAM", "1:2");
    });
    assert!(node.line("listens on").contains("Z INFO  node 1"));
    node.end();
}

#[test]
fn the_level_changes_while_it_runs() {
    let mut node = Served::start("", |_, _| ());
    node.line("listens on");
    for level in ["debug", "trace", "info"] {
        signal(&node.child, "USR1");
        assert!(node.line("SIGUSR1").ends_with(&format!("from level {level} on")));
    }
    config(&node.directory, "log-level = \"loud\"\n");
    signal(&node.child, "HUP");
    let line = node.line("SIGHUP");
    assert!(
        line.contains("all stays as it was") && line.contains("\"loud\" is no level"),
        "{line}"
    );
    config(&node.directory, "log-level = \"warn\"\n");
    signal(&node.child, "HUP");
    assert!(node.line("SIGHUP").contains("from level warn on"));
    // Nothing at level info is said any more, its stop neither.
    signal(&node.child, "TERM");
    assert_eq!(node.lines.by_ref().map(Result::unwrap).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(node.child.wait().unwrap().code(), Some(0));
}
