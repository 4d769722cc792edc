//! `tenure access`: who may what, on real processes over TLS.

use crate::program::{Cluster, code, eventually, free_ports, run, sentence, stdout};
use crate::secured::{Papers, leader, run_as};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};

/// A cluster at the level of rights, and who is who.
pub struct Secured {
    pub papers: Papers,
    pub cluster: Cluster,
}

impl Secured {
    pub fn new() -> Self {
        Self::with(|_, _| ())
    }

    /// The same, with what `change` does to the command of each node.
    fn with(change: impl Fn(usize, &mut Command) + 'static) -> Self {
        let papers = Papers::new();
        let cluster = papers.cluster_with(change);
        let it = Self { papers, cluster };
        leader(&it.cluster, &it.papers.flags("operator-alice"));
        eventually("the level of rights", || {
            let status = it.run("operator-alice", "status", &["--json"]);
            let status: Value = serde_json::from_slice(&status.stdout).ok()?;
            status["nodes"].as_array()?.iter().all(|node| node["level"] == 3).then_some(())
        });
        it
    }

    fn run(&self, who: &str, subcommand: &str, words: &[&str]) -> Output {
        run_as(&self.cluster, &self.papers.flags(who), subcommand, words)
    }

    /// `tenure access` as whoever has this certificate.
    fn access_as(&self, who: &str, words: &[&str]) -> Output {
        let (endpoints, flags) = (self.cluster.endpoints(), self.papers.flags(who));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        run(&[&["access"], words, &["--endpoints", &endpoints], &flags].concat())
    }

    /// `tenure access` as alice.
    fn access(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.access_as("operator-alice", words);
        let said = if output.stderr.is_empty() { stdout(&output) } else { sentence(&output) };
        (code(&output), said)
    }

    #[track_caller]
    pub fn says(&self, words: &[&str], exit: i32, part: &str) {
        let (code, said) = self.access(words);
        assert!(code == Some(exit) && said.contains(part), "{words:?}: {code:?}, {said:?}");
    }
}

#[test]
fn rights_are_given_tested_taken_and_decide() {
    let it = Secured::new();
    it.says(&["list"], 0, "rights are off");
    it.says(&["on"], 1, "nobody could change rights any more");
    it.says(&["allow", "operator/alice", "admin,operate"], 0, "is allowed");
    it.says(&["allow", "operator/alice", "admin"], 0, "is allowed already");
    it.says(&["on"], 0, "rights are on: whatever no rule allows is denied");
    it.says(&["on"], 0, "rights are on already");
    let lock = ["jobs/x", "--wait", "5s", "--", "echo", "held"];
    let denied = it.run("client-billing", "lock", &lock);
    let said = sentence(&denied);
    assert!(said.contains("client/billing lacks the right acquire for \"jobs/x\""), "{denied:?}");
    assert!(said.contains("tenure access allow client/billing acquire"), "{said}");
    it.says(&["test", "client/billing", "acquire", "jobs/x"], 1, "no");
    it.says(&["allow", "client/bill*", "acquire,read", "jobs/"], 0, "is allowed");
    it.says(&["test", "client/billing", "acquire", "jobs/x"], 0, "yes");
    it.says(&["test", "client/billing", "break", "jobs/x"], 1, "no");
    let held = it.run("client-billing", "lock", &lock);
    assert_eq!((code(&held), stdout(&held).as_str()), (Some(0), "held\n"), "{held:?}");
    for (who, words) in [("client-billing", &["list"][..]), ("client-billing", &["off"])] {
        let output = it.access_as(who, words);
        assert!(sentence(&output).contains("lacks the right admin for the cluster"), "{output:?}");
        assert_eq!(code(&output), Some(2));
    }
    let shown = it.run("operator-alice", "show", &["jobs/x"]);
    assert!(sentence(&shown).contains("operator/alice lacks the right read"), "{shown:?}");
    it.says(&["deny", "client/billing", "acquire", "jobs/x"], 1, "there was no rule for");
    it.says(&["deny", "client/billing", "acquire", "jobs/x"], 1, "client/bill* acquire,read jobs/");
    it.says(&["deny", "client/bill*", "acquire", "jobs/"], 0, "is allowed no more by that rule");
    let denied = it.run("client-billing", "lock", &lock);
    assert!(sentence(&denied).contains("lacks the right acquire"), "{denied:?}");
    it.says(&["deny", "operator/alice", "admin"], 1, "nobody could change rights any more");
    let list = it.access_as("operator-alice", &["list", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list["on"], true);
    let rules = list["rules"].as_array().unwrap();
    assert_eq!(rules[0]["principal"], "client/bill*");
    assert_eq!(
        (rules[0]["rights"][0].as_str(), &rules[0]["names"]),
        (Some("read"), &"jobs/".into())
    );
    assert_eq!((&rules[1]["names"], rules.len()), (&Value::Null, 2));
    it.says(&["off"], 0, "rights are off");
    let held = it.run("client-billing", "lock", &lock);
    assert_eq!(code(&held), Some(0), "{held:?}");
}

#[test]
fn what_is_no_rule_is_refused_before_anybody_is_asked() {
    let says = |words: &[&str], part: &str| {
        let output = run(&[&["access"], words].concat());
        let said = sentence(&output);
        assert!(code(&output) == Some(2) && said.contains(part), "{words:?}: {output:?}");
    };
    says(&["allow", "billing", "acquire", "x"], "is nobody to whom rights can be given");
    says(&["allow", "node/1", "acquire", "x"], "the certificate of a node uses no locks");
    says(&["allow", "client/a", "write", "x"], "there is no right \"write\"");
    says(&["allow", "client/a", "acquire,admin", "x"], "give them by one rule each");
    says(&["allow", "client/a", "acquire"], "name the lock");
    says(&["allow", "client/a", "admin", "x"], "name no lock");
    says(&["allow", "client/a", "acquire", "jobs/*"], "a prefix ends in \"/\"");
}

#[test]
fn rights_stay_off_without_tls() {
    let cluster = Cluster::start();
    cluster.leader();
    eventually("the level of rights", || {
        (cluster.status()["nodes"].as_array()?.iter().all(|node| node["level"] == 3)).then_some(())
    });
    let endpoints = cluster.endpoints();
    let access = |words: &[&str]| run(&[&["access"], words, &["--endpoints", &endpoints]].concat());
    let allowed = access(&["allow", "operator/alice", "admin"]);
    assert_eq!(code(&allowed), Some(0), "{allowed:?}");
    let refused = access(&["on"]);
    assert_eq!(code(&refused), Some(1), "{refused:?}");
    assert!(sentence(&refused).contains("still takes connections without TLS"), "{refused:?}");
}

/// What the rules deny, each in a way of its own: a word of the line, the right, and who is to see it.
const DENIED: [(&[&str], &str, &str); 7] = [
    (&["lock", "jobs/x", "--", "true"], "lock", "acquire"),
    (&["lock", "jobs/x", "jobs/y", "--", "true"], "lock", "acquire"),
    (&["show", "jobs/x"], "read", "read"),
    (&["watch", "jobs/x"], "read", "read"),
    (&["break", "jobs/x"], "break", "break"),
    (&["move-leader"], "move-leader", "operate"),
    (&["access", "list"], "read", "admin"),
];

#[test]
fn each_denial_has_a_line_in_the_trail_and_is_counted_once_under_the_right_that_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let trail = directory.path().to_owned();
    let ports = free_ports(3);
    let admin: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let at = admin.clone();
    let it = Secured::with(move |id, command| {
        command.arg("--audit").arg(trail.join(id.to_string())).args(["--admin", &at[id - 1]]);
    });
    it.says(&["allow", "operator/alice", "admin,operate"], 0, "is allowed");
    it.says(&["on"], 0, "rights are on");
    let count = |right: &str| -> u64 { admin.iter().map(|at| denials(at, right)).sum() };
    let rights = ["acquire", "read", "break", "operate", "admin", "session"];
    let counts = || rights.map(count);
    let flags = it.papers.flags("client-billing");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let endpoints = it.cluster.endpoints();
    for (words, action, right) in DENIED {
        let (before, mut runs) = (counts(), 0);
        let (verb, rest) = words.split_at(if words[0] == "access" { 2 } else { 1 });
        let lacks = format!("client/billing lacks the right {right}");
        // Of many in one second some have a line.
        let line = eventually("a line", || {
            let output = run(&[verb, &["--endpoints", &endpoints], &flags, rest].concat());
            assert!(sentence(&output).contains(&lacks), "{words:?}: {output:?}");
            assert!(![Some(0), Some(101)].contains(&code(&output)), "{output:?}");
            runs += 1;
            let of = |id| std::fs::read_to_string(directory.path().join(id)).unwrap_or_default();
            let all = ["1", "2", "3"].map(of).concat();
            let lines = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let mut lines = lines.filter(|line| line["action"] == action);
            lines.find(|line| {
                line["result"].as_str().unwrap().starts_with(&format!("denied: {lacks}"))
            })
        });
        let from = ["principal", "address"].map(|key| line[key].as_str().unwrap());
        assert_eq!(from, ["client/billing", "127.0.0.1"]);
        let more = |at: usize| if rights[at] == right { runs } else { 0 };
        let expected = std::array::from_fn(|at| before[at] + more(at));
        assert_eq!(counts(), expected, "{words:?}");
    }
}

/// What the node counts whose admin endpoint this is.
fn denials(address: &str, right: &str) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let name = format!("tenure_denials_total{{right=\"{right}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}
