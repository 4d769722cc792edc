//! A C program with default signal handlers keeps its lease while leaders die around it.

use crate::cluster::Cluster;
use crate::patience::until;
use crate::program::{Program, compile_c};
use std::process::Command;

#[test]
fn a_c_program_holds_one_lease_through_20_leader_kills() {
    let mut cluster = Cluster::start();
    let program = compile_c("holder", cluster.directory());
    let endpoints = cluster.endpoints();
    let mut holder =
        Program::start("holder.c", Command::new(program).args([&endpoints, "jobs/held"]));
    let first = holder.line();
    let token = first.strip_prefix("held ").expect("it tells its token").to_owned();

    let mut remaining = u64::MAX;
    for kill in 1..=KILLS {
        cluster.kill_leader();
        remaining = ask(&mut holder, &token, kill);
    }
    // By the word of the last leader, not only by what was left from the first.
    until("the lease is renewed after the last kill", || {
        let before = std::mem::replace(&mut remaining, ask(&mut holder, &token, KILLS));
        (remaining > before).then_some(())
    });

    // A write to a dead leader's connection has not killed it.
    assert!(holder.is_running());
    assert!(holder.finish().success());
}

/// Asks whether the lease stands, here and at the server; what remains of it.
fn ask(holder: &mut Program, token: &str, kill: usize) -> u64 {
    holder.tell("still?");
    let line = holder.line();
    let answer: Vec<&str> = line.split(' ').collect();
    let [held, remaining, state, validated, sigpipe] = answer[..] else {
        panic!("kill {kill}: {line:?}");
    };
    assert_eq!(held, token, "kill {kill}");
    assert_eq!(state, STATE_HELD, "kill {kill}");
    assert_eq!(validated, STATUS_OK, "kill {kill}: the server's word");
    assert_eq!(sigpipe, "1", "kill {kill}: the handler of SIGPIPE was changed");
    let remaining = remaining.parse().expect("nanoseconds");
    assert!(remaining > 0, "kill {kill}: the lease is not believed any more");
    remaining
}

const KILLS: usize = 20;
/// `TENURE_LEASE_STATE_HELD`.
const STATE_HELD: &str = "1";
const STATUS_OK: &str = "0";
