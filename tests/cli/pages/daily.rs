//! docs/operations.md and docs/shell.md: three machines become a cluster with the lines that stand there; it is asked,
//! changed and saved with those that follow.

use super::text::{lines, with};
use super::{Background, done};
use crate::printed::{shell, types};
use crate::program::{code, eventually, free_ports};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tempfile::TempDir;

/// Where the lines are typed: a directory, and four ports on this machine in place of four machines.
struct Desk {
    directory: TempDir,
    ports: Vec<u16>,
    nodes: Background,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, ports: free_ports(5), nodes: Background::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn address(&self, id: usize) -> String {
        format!("127.0.0.1:{}", self.ports[id - 1])
    }

    /// With the addresses and paths of this desk, in its directory; `id` is whose directory is meant.
    fn here(&self, line: &str, id: &str) -> String {
        let (data, backup) = (self.path(&format!("data-{id}")), self.path("backup"));
        let addresses: Vec<String> = (1..=5).map(|id| self.address(id)).collect();
        let line = with(
            line,
            &[
                ("/var/lib/tenure", data.to_str().unwrap()),
                ("/backup/tenure-$(date +%F)", backup.to_str().unwrap()),
                ("/backup/tenure-2026-11-23", backup.to_str().unwrap()),
                ("10.0.0.1:7401", &addresses[0]),
                ("10.0.0.2:7401", &addresses[1]),
                ("10.0.0.3:7401", &addresses[2]),
                ("10.0.0.4:7401", &addresses[3]),
                ("10.0.1.3:7401", &addresses[4]),
                ("10.0.0.$n", "127.0.0.1"),
                ("10.0.0.4", "127.0.0.1"),
            ],
        );
        format!("cd {}; {line}", self.directory.path().display())
    }

    /// As whoever has typed the export of the page before.
    fn as_operator(&self, line: &str) -> String {
        let page = lines("operations.md", "Three nodes");
        let (export, _) = page[4].split_once("; tenure access on").expect("who asks is set there");
        let export = self.here(export, "none").replace("cd ", "export TENURE_TIMEOUT=30s; cd ");
        format!("{export}; {}", self.here(line, "none"))
    }

    fn does(&self, line: &str) -> String {
        done(&self.as_operator(line))
    }

    fn types(&self, line: &str) -> Output {
        types(&self.as_operator(line))
    }

    /// Starts a node, whose log is in a file.
    fn serves(&mut self, line: &str, id: &str) {
        let log = File::create(self.path(&format!("log-{id}"))).unwrap();
        let line =
            format!("{} --election 2s", self.here(line, id).replace("; tenure", "; exec tenure"));
        let child = shell(&line).stderr(log).spawn();
        self.nodes.0.push(child.expect("bash runs"));
    }

    /// Runs until the desk is left.
    fn begins(&mut self, line: &str) {
        let line = self.as_operator(line).replace("; tenure", "; exec tenure");
        let log = File::create(self.path("begun")).unwrap();
        let mut command = shell(&line);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.nodes.0.push(child.expect("bash runs"));
    }

    /// The first page: certificates, three nodes, rights, a lock.
    fn found(&mut self) {
        let page = lines("operations.md", "Three nodes");
        let [certs, one, two, three, on, lock] = &page[..] else { panic!("six lines: {page:?}") };
        assert!(on.starts_with("export TENURE_ENDPOINTS="), "{on}");
        done(&self.here(certs, "none"));
        for (line, id) in [(one, "1"), (two, "2"), (three, "3")] {
            self.serves(line, id);
        }
        let (_, on) = on.split_once("; ").expect("a command behind who asks");
        let said = self.does(on);
        assert!(said.contains("operator/alice is allowed everything; rights are on"), "{said}");
        assert_eq!(self.does(lock), "it is ours\n");
    }

    fn leader(&self) -> u64 {
        let leader = || {
            let output = self.types("tenure status --json");
            serde_json::from_slice::<Value>(&output.stdout).ok()?["leader"].as_u64()
        };
        eventually("one leads", leader)
    }
}

#[test]
fn three_machines_are_a_cluster_after_six_lines_and_four_questions_have_an_answer() {
    let mut desk = Desk::new();
    desk.found();
    let questions = lines("operations.md", "Four questions");
    let [well, leads, holds, happened] = &questions[..] else { panic!("four: {questions:?}") };
    eventually("it is well", || (code(&desk.types(well)) == Some(0)).then_some(()));
    let said = desk.does(well);
    assert!(
        said.starts_with("node 1 leads in term ") || said.starts_with("node 1 follows node "),
        "{said}"
    );
    let said = desk.does(leads);
    let line = format!("node {} leads since 20", desk.leader());
    assert!(said.lines().any(|said| said.starts_with(&line) && said.contains(" UTC (")), "{said}");
    desk.begins("tenure lock jobs/nightly --client night-shift");
    eventually("it is shown", || {
        let said = desk.does(holds);
        (said.contains("jobs/nightly") && said.contains("night-shift")).then_some(())
    });
    desk.does("tenure break jobs/nightly --reason 'what happened last night'");
    // journald keeps what a node says on stderr; here a file does.
    assert!(happened.starts_with("journalctl -u tenure "), "{happened}");
    let told = || {
        (1..=3)
            .map(|id| fs::read_to_string(desk.path(&format!("log-{id}"))).unwrap())
            .collect::<String>()
    };
    eventually("the log has who did it, and why", || {
        let is_audit = |line: &str| {
            line.contains("operator/alice") && line.contains("what happened last night")
        };
        told().lines().any(is_audit).then_some(())
    });
    let led = format!("node {} leads term ", desk.leader());
    let told = told();
    assert!(told.contains(&led) || told.contains("this node leads term "), "{told}");
    let rights = lines("security.md", "Rights");
    let [admin, team, on] = &rights[..] else { panic!("three lines: {rights:?}") };
    assert!(desk.does(admin).ends_with("is allowed already\n"), "`--admin` has done so");
    assert!(desk.does(team).ends_with("is allowed\n"));
    assert_eq!(desk.does(on), "rights are on already\n");
}

#[test]
fn the_lines_on_members_leadership_and_backup_do_what_they_say() {
    let mut desk = Desk::new();
    desk.found();
    let add = lines("operations.md", "Add a node");
    let [added, certified, serve, list, promote] = &add[..] else { panic!("five lines: {add:?}") };
    desk.does(added);
    desk.does(certified);
    desk.serves(serve, "4");
    eventually("node 4 has the log", || (code(&desk.types(promote)) == Some(0)).then_some(()));
    assert!(desk.does(list).contains(&desk.address(4)));

    let moving = lines("operations.md", "Move leadership");
    let [to_two] = &moving[..] else { panic!("one line: {moving:?}") };
    eventually("node 2 leads", || {
        let _ = desk.types(to_two);
        (desk.leader() == 2).then_some(())
    });
    let moved = lines("operations.md", "Move a node to another address");
    let [_, moves, _] = &moved[..] else { panic!("three lines: {moved:?}") };
    desk.does(moves);
    assert!(desk.does(list).contains(&desk.address(5)));
    let removed = lines("operations.md", "Remove a node");
    let [remove] = &removed[..] else { panic!("one line: {removed:?}") };
    desk.does(remove);
    assert!(!desk.does(list).contains(&desk.address(5)));

    let backup = lines("operations.md", "Backup");
    let [save, inspect] = &backup[..] else { panic!("two lines: {backup:?}") };
    desk.does(save);
    assert!(desk.does(inspect).contains("intact"));
}

#[test]
fn the_lines_on_certificates_make_and_show_them() {
    let desk = Desk::new();
    let page = lines("operations.md", "TLS");
    let [node, client, operator, show] = &page[..] else { panic!("four lines: {page:?}") };
    done(&desk.here("tenure certs ca", "none"));
    [node, client, operator].iter().for_each(|line| drop(done(&desk.here(line, "none"))));
    let said = done(&desk.here(show, "none"));
    for part in ["node/1", "10.0.0.1", "db1.example"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn the_lines_of_the_shell_run_what_they_name() {
    let mut desk = Desk::new();
    desk.found();
    for script in ["nightly.sh", "migrate.sh", "read.sh", "build.sh", "scheduler"] {
        let path = desk.path(script);
        fs::write(&path, "#!/bin/sh\necho \"$TENURE_LOCK with $TENURE_TOKEN\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for line in lines("shell.md", "Locks from the shell") {
        let said = desk.does(&line);
        let name = line
            .split(' ')
            .find(|word| word.contains('/') || ["config", "licences", "scheduler"].contains(word));
        assert!(said.starts_with(name.expect("a name")), "{line}: {said}");
    }
    let taking = lines("shell.md", "Taking a lock from its holder");
    let [breaks, hands_over] = &taking[..] else { panic!("two lines: {taking:?}") };
    desk.begins("tenure lock jobs/nightly");
    eventually("it is held", || {
        (code(&desk.types("tenure show jobs/nightly")) == Some(0)).then_some(())
    });
    desk.does(breaks);
    desk.begins("tenure elect scheduler --value one --client worker-1 -- sleep 1000");
    eventually("one leads", || desk.does("tenure show").contains("worker-1").then_some(()));
    desk.begins("tenure elect scheduler --value two --client worker-2 -- sleep 1000");
    eventually("two waits", || {
        desk.does("tenure show scheduler").contains("worker-2").then_some(())
    });
    desk.does(hands_over);
    let said = desk.does("tenure show scheduler");
    assert!(said.contains("worker-2") && !said.contains("worker-1"), "{said}");
}
