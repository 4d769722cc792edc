//! `tenure access`: who may what, on real processes over TLS.

use crate::program::{Cluster, code, eventually, run, sentence, stdout};
use crate::secured::{Papers, leader, run_as};
use serde_json::Value;
use std::process::Output;

struct Secured {
    papers: Papers,
    cluster: Cluster,
}

impl Secured {
    fn new() -> Self {
        let papers = Papers::new();
        let cluster = papers.cluster();
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
    fn says(&self, words: &[&str], exit: i32, part: &str) {
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
