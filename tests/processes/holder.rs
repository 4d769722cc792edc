//! A C program with default signal handlers keeps its lease while leaders die around it.

use crate::cluster::Cluster;
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

    for kill in 1..=KILLS {
        cluster.kill_leader();
        holder.tell("still?");
        let line = holder.line();
        let answer: Vec<&str> = line.split(' ').collect();
        let [held, remaining, state, validated, sigpipe] = answer[..] else {
            panic!("kill {kill}: {line:?}");
        };
        assert_eq!(held, token, "kill {kill}");
        assert_ne!(remaining, "0", "kill {kill}: the lease is not believed any more");
        assert_eq!(state, STATE_HELD, "kill {kill}");
        assert_eq!(validated, STATUS_OK, "kill {kill}: the server's word");
        assert_eq!(sigpipe, "1", "kill {kill}: the handler of SIGPIPE was changed");
    }

    // A write to a dead leader's connection has not killed it.
    assert!(holder.is_running());
    assert!(holder.finish().success());
}

const KILLS: usize = 20;
/// `TENURE_LEASE_STATE_HELD`.
const STATE_HELD: &str = "1";
const STATUS_OK: &str = "0";
