//! The lock machine against a deliberately naive reference, over random logs.
//!
//! The logs hold what an unreliable network and many leaders make of clients' wishes: duplicates, retries
//! under an old or a new floor, withdrawals before their acquire, expiries of another term, closes, and
//! requests of sessions that are gone.

mod logs;
mod reference;
mod wishes;

use logs::{Before, Log, TERM, before, config, crowded, name, step};
use proptest::prelude::*;
use reference::{LockShown, Reference};
use std::collections::{BTreeMap, BTreeSet};
use tenure::base::{Index, RequestId, SessionId, Token};
use tenure::lock::{Answer, Applied, Command, LockMachine, Operation, Outcome};
use wishes::LOCKS;

/// Compares all that the machine shows with the reference.
fn check_views(machine: &LockMachine, reference: &Reference) {
    for name in LOCKS.map(name) {
        let shown = machine.lock(&name).map(|view| {
            let is_vacant = view.token == Token(0);
            assert_eq!(view.holding as usize, view.others.len() + usize::from(!is_vacant));
            assert_eq!(view.waiting as usize, view.waiters.len());
            let oldest = (view.token, view.session, view.client);
            let others = view.others.into_iter().map(|one| (one.token, one.session, one.client));
            let oldest = (!is_vacant).then_some(oldest).into_iter();
            let holders = oldest.chain(others).collect();
            let waiters = view.waiters.iter().map(|w| (w.session, w.client.clone())).collect();
            let (limit, is_delayed, is_asked) = (view.limit, view.is_delayed, view.is_asked);
            LockShown { limit, is_delayed, is_asked, holders, waiters }
        });
        assert_eq!(shown, reference.lock(&name), "lock {name}");
        assert_eq!(machine.holding(&name), reference.holding(&name), "holder of {name}");
        for client in [None, Some("client-0"), Some("client-1"), Some("stranger")] {
            let waits = machine.waits(&name, client);
            assert_eq!(waits, reference.waits(&name, client), "{client:?} for {name}");
        }
        for token in (0..12).map(Token) {
            let is_held = machine.is_held_by(&name, token);
            assert_eq!(is_held, reference.is_held_by(&name, token), "{name} by {token}");
        }
    }
    assert_eq!(machine.held_count(), reference.held_count());
    let sessions = reference.sessions();
    assert_eq!(machine.session_count(), sessions.len());
    assert!(machine.sessions().eq(sessions.iter().copied()));
    for (session, _) in sessions {
        check_session(machine, reference, session);
    }
}

fn check_session(machine: &LockMachine, reference: &Reference, session: SessionId) {
    let standing = reference.standing(session);
    let grants = standing.iter().filter(|(_, a)| matches!(a, Answer::Granted { .. })).count();
    let view = machine.session(session).expect("the reference says that it lives");
    assert_eq!(view.grants as usize, grants);
    assert_eq!(view.waiting as usize, standing.len() - grants);
    assert_eq!(machine.standing(session), standing);
    assert_eq!(machine.asked(session), reference.asked(session));
}

/// The grants that an entry tells of, in the order in which it made them.
fn grants_told(applied: &Applied) -> Vec<(SessionId, RequestId, Token)> {
    let answered = match &applied.outcome {
        Some(Outcome::Answered { session, request, answer: Answer::Granted { token } }) => {
            Some((*session, *request, *token))
        }
        _ => None,
    };
    let granted = applied.granted.iter().map(|g| (g.session, g.request, g.token));
    answered.into_iter().chain(granted).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn machine_and_reference_agree_after_every_entry(steps in prop::collection::vec(step(), 1..120)) {
        let (mut log, mut reference) = (Log::default(), Reference::default());
        for step in &steps {
            let (command, applied) = log.write(step);
            let index = Index(log.entries.len() as u64);
            prop_assert_eq!(applied, reference.apply(index, TERM, &command));
            log.machine.check_invariants();
            check_views(&log.machine, &reference);
        }
    }

    /// L3, L15, L17: what a snapshot loses, or a restore keeps, shows in a later answer or grant.
    #[test]
    fn snapshots_and_restores_go_on_as_the_reference_does(
        steps in prop::collection::vec((before(), step()), 1..120),
    ) {
        let (mut log, mut reference) = (Log::default(), Reference::default());
        for (before, step) in &steps {
            match before {
                Before::Nothing => {}
                Before::Reload => log.reload(),
                Before::Restore => {
                    log.restore();
                    reference.restore();
                }
            }
            let (command, applied) = log.write(step);
            let index = Index(log.entries.len() as u64);
            prop_assert_eq!(applied, reference.apply(index, TERM, &command));
            log.machine.check_invariants();
            check_views(&log.machine, &reference);
        }
    }

    /// Waits are examined when they begin; whoever is put before others later must not stall them.
    #[test]
    fn no_log_leads_to_a_wait_for_ever(steps in crowded()) {
        let (mut log, mut reference) = (Log::default(), Reference::default());
        for step in &steps {
            let (command, applied) = log.write(step);
            let index = Index(log.entries.len() as u64);
            prop_assert_eq!(applied, reference.apply(index, TERM, &command));
            prop_assert!(!reference.has_deadlock(), "after {:?}", command);
            log.machine.check_invariants();
        }
    }

    #[test]
    fn tokens_rise_and_a_retry_repeats_its_own(steps in prop::collection::vec(step(), 1..120)) {
        let mut log = Log::default();
        let mut newest = Token(0);
        let mut known = BTreeMap::new();
        for step in &steps {
            for (session, request, token) in grants_told(&log.write(step).1) {
                // An older token is told anew to its own session only: to a handle that was added.
                let is_entered_again = known.iter().any(|((of, _), told)| (*of, *told) == (session, token));
                match known.insert((session, request), token) {
                    Some(earlier) => prop_assert_eq!(token, earlier),
                    None if is_entered_again => {}
                    None => prop_assert!(token > newest, "{} after {}", token, newest),
                }
                newest = newest.max(token);
            }
        }
    }

    #[test]
    fn the_same_log_gives_the_same_state(steps in prop::collection::vec(step(), 1..120)) {
        let mut log = Log::default();
        let hashes: Vec<u64> = steps.iter().map(|step| {
            log.write(step);
            log.machine.state_hash()
        }).collect();
        let (mut again, mut replayed) = (LockMachine::new(), LockMachine::new());
        for ((index, command), hash) in (1..).zip(&log.entries).zip(hashes) {
            again.apply(Index(index), TERM, index, command);
            prop_assert_eq!(again.state_hash(), hash, "after entry {}", index);
            replayed.replay(Index(index), TERM, index, command);
        }
        prop_assert_eq!(replayed.encode(), again.encode());
    }
}

/// Whether a transfer found nobody although somebody of that name waits: each would stall others at the head.
fn kept_out(before: &LockMachine, command: &Command, applied: &Applied) -> bool {
    let Command::Request { operation: Operation::Transfer { name, to: Some(to), .. }, .. } =
        command
    else {
        return false;
    };
    let answer = applied.outcome.as_ref();
    let is_new = matches!(answer, Some(Outcome::Answered { answer: Answer::NoWaiter, .. }));
    is_new && !applied.changes.is_empty() && before.waits(name, Some(to))
}

/// Whether an entry granted to one who waited behind others.
fn overtakes(before: &LockMachine, applied: &Applied) -> bool {
    applied.granted.first().is_some_and(|first| {
        let standing = before.standing(first.session);
        let mut own = standing.iter().filter(|(request, _)| *request == first.request);
        own.any(|(_, answer)| matches!(answer, Answer::Queued { ahead } if *ahead > 0))
            && matches!(applied.outcome, Some(Outcome::Answered { answer: Answer::Done, .. }))
    })
}

#[test]
fn the_random_logs_reach_every_answer() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::new(config());
    let mut seen = BTreeSet::new();
    for case in 0..200 {
        let steps = match case % 2 {
            0 => prop::collection::vec(step(), 120).new_tree(&mut runner).expect("a log").current(),
            _ => crowded().new_tree(&mut runner).expect("a log").current(),
        };
        let mut log = Log::default();
        for step in steps {
            let before = log.machine.clone();
            let (command, applied) = log.write(&step);
            let outcome = format!("{:?}", applied.outcome);
            let answer = outcome.split("answer: ").last().unwrap_or_default();
            seen.insert(answer.chars().take_while(|c| !" {)".contains(*c)).collect::<String>());
            seen.extend((!applied.delayed.is_empty()).then(|| "delayed".to_owned()));
            let has_several = |token| {
                let held = LOCKS.map(name).into_iter().filter(|n| log.machine.is_held_by(n, token));
                held.count() > 1
            };
            let waited = applied.granted.iter().any(|grant| has_several(grant.token));
            seen.extend(waited.then(|| "several locks after a wait".to_owned()));
            seen.extend((applied.granted.len() > 1).then(|| "several granted".to_owned()));
            seen.extend(applied.asked.iter().map(|asked| match asked.grace_ms {
                0 => "taken".to_owned(),
                _ => "asked".to_owned(),
            }));
            seen.extend((applied.changes.len() > 1).then(|| "several changes".to_owned()));
            seen.extend(
                kept_out(&before, &command, &applied).then(|| "stays in its turn".to_owned()),
            );
            seen.extend(overtakes(&before, &applied).then(|| "out of turn".to_owned()));
        }
    }
    let expected = [
        "Deadlock",
        "Done",
        "Ended",
        "Granted",
        "Held",
        "NoWaiter",
        "None",
        "NotHeld",
        "Queued",
        "Refused(BelowFloor",
        "Refused(Invalid",
        "SessionExpired",
        "Some(SessionEnded",
        "Some(SessionOpened",
        "Some(SettingsChanged(Settings",
        "Withdrawn",
        "asked",
        "delayed",
        "out of turn",
        "several changes",
        "several granted",
        "several locks after a wait",
        "stays in its turn",
        "taken",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
