//! The examples in C.

use crate::common::compiled::{build_c, run};
use crate::examples::cluster::Cluster;
use crate::examples::process::{Lines, number_after};
use std::process::Command;
use tenure::client::{AcquireOptions, BreakOptions, Wait};

#[test]
fn a_cron_job_runs_on_one_machine_and_keeps_the_lock_for_late_clocks() {
    let cluster = Cluster::start();
    let program = build_c("bindings/c/examples/cron.c", "example-cron", &[]);
    let cron = || {
        let mut command = Command::new(&program);
        command.args(["jobs/nightly", "86400"]).env("TENURE_ENDPOINTS", &cluster.endpoints);
        command
    };
    let mut lines = Lines::new();
    let _first = lines.spawn("first", &mut cron());
    lines.all_started();
    for piece in 1..=3 {
        assert!(lines.next().starts_with(&format!("cron: piece {piece} under token ")));
    }
    assert_eq!(lines.next(), "cron: done");
    for _ in 0..2 {
        assert_eq!(run(&mut cron()), "cron: another machine does it\n");
    }
}

#[test]
fn a_cron_job_that_keeps_nothing_gives_the_lock_back() {
    let cluster = Cluster::start();
    let program = build_c("bindings/c/examples/cron.c", "example-cron-short", &[]);
    for _ in 0..2 {
        let mut command = Command::new(&program);
        command.args(["jobs/nightly", "0"]).env("TENURE_ENDPOINTS", &cluster.endpoints);
        assert!(run(&mut command).ends_with("cron: done\n"));
    }
}

#[test]
fn an_event_loop_waits_for_a_lock_has_it_and_gives_it_back_when_asked() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let program = build_c("bindings/c/examples/epoll.c", "example-epoll", &[]);
    let held = client.acquire("jobs/queue", Wait::Forever, AcquireOptions::default()).unwrap();
    let mut lines = Lines::new();
    let mut command = Command::new(program);
    command.arg("jobs/queue").env("TENURE_ENDPOINTS", &cluster.endpoints);
    let mut process = lines.spawn("loop", &mut command);
    lines.all_started();

    assert_eq!(lines.next(), "waiting");
    let before = held.token().0;
    held.release(Wait::Forever).unwrap();
    let token = number_after(&lines.next(), "has it: token ").expect("it has the lock");
    assert!(token > before, "{token} after {before}");

    client.break_lock("jobs/queue", BreakOptions::default()).unwrap();
    assert_eq!(lines.next(), "asked for it: gives it back");
    assert_eq!(lines.next(), "waiting");
    let again = number_after(&lines.next(), "has it: token ").expect("it has the lock again");
    assert!(again > token, "{again} after {token}");

    process.terminate();
    assert_eq!(lines.next(), "gave it back");
    client.acquire("jobs/queue", Wait::Forever, AcquireOptions::default()).unwrap();
}

#[test]
fn a_resource_that_remembers_tokens_refuses_a_holder_that_comes_between_read_and_write() {
    let cluster = Cluster::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("balance.txt");
    let program = build_c("bindings/c/examples/fence.c", "example-fence", &[]);
    for balance in ["15", "30"] {
        let mut command = Command::new(&program);
        let output = run(command.arg(&file).env("TENURE_ENDPOINTS", &cluster.endpoints));
        let lines = "the first holder: has read\n\
            the first holder: has added 10\n\
            the first holder: has read again\n\
            the second holder: has read\n\
            the first holder, late: refused\n\
            the second holder: has added 5\n\
            the first holder, later: refused\n";
        assert_eq!(output, lines);
        let content = std::fs::read_to_string(&file).unwrap();
        assert!(
            content.ends_with(&format!(" {balance}\n")),
            "no accepted addition is lost: {content}"
        );
    }
}
