//! A C program and a Python program take turns at one lock, while the leader is killed again and again.

use crate::cluster::{Cluster, check_rising};
use crate::patience::until;
use crate::program::{Program, compile_c, python};
use std::process::Command;
use tenure::base::Token;
use tenure::lock::Name;
use tenure::wire::{Query, ReadAnswer};

#[test]
fn a_c_and_a_python_program_alternate_while_the_leader_is_killed_every_20_turns() {
    let mut cluster = Cluster::start();
    let turns_c = compile_c("turns", cluster.directory());
    let endpoints = cluster.endpoints();
    let arguments = [endpoints.as_str(), NAME];
    let c = Program::start("turns.c", Command::new(turns_c).args(arguments));
    // It has the lock before the other one comes: so it is known whose turn is first.
    let mut tokens = vec![held(&c.line())];
    let python = Program::start("turns.py", python("turns").args(arguments));
    let (mut holder, mut waiter) = (c, python);

    for turn in 1..TURNS {
        wait_for_one_waiter(&cluster);
        if turn % TURNS_PER_LEADER == 0 {
            cluster.kill_leader();
            wait_for_one_waiter(&cluster);
        }
        assert_eq!(waiter.spare_line(), None, "{} was granted what is held", waiter.name());
        holder.tell("go");
        std::mem::swap(&mut holder, &mut waiter);
        tokens.push(held(&holder.line()));
    }

    check_rising(&tokens);
    assert_eq!(tokens.len(), TURNS);
    // The holder's end leaves the lock to the other, which then ends too.
    assert!(holder.finish().success());
    assert!(held(&waiter.line()) > tokens[TURNS - 1]);
    assert!(waiter.finish().success());
}

/// Waits until a linearizable read shows that the other program is queued behind the holder.
fn wait_for_one_waiter(cluster: &Cluster) {
    let name = Name::try_from(NAME).expect("a name");
    until("the other program queues", || {
        let answer = cluster.admin().read(Query::Lock { name: name.clone() });
        match answer.expect("a quorum serves") {
            ReadAnswer::Lock { lock: Some(lock), .. } => (lock.waiting == 1).then_some(()),
            ReadAnswer::Lock { lock: None, .. } => panic!("nobody holds what was not released"),
            other => panic!("asked for a lock, got {other:?}"),
        }
    });
}

/// The token in "held TOKEN".
fn held(line: &str) -> Token {
    let token = line.strip_prefix("held ").and_then(|token| token.parse().ok());
    Token(token.unwrap_or_else(|| panic!("expected \"held TOKEN\", got {line:?}")))
}

const NAME: &str = "jobs/turns";
const TURNS: usize = 200;
const TURNS_PER_LEADER: usize = 20;
