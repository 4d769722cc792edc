//! Format 2: each name once, linear in what is held, and as careful with foreign bytes as format 1.

use super::script::{Script, acquire, name, plain, raise_level};
use super::snapshot::{busy, varied};
use crate::base::{SessionId, Term};
use crate::lock::{Acquire, Command, LockMachine, Operation};

/// The state of `script` at level 2.
fn at_level_2(mut script: Script) -> Script {
    raise_level(&mut script);
    script
}

fn all_of(first: &str, also: &[String]) -> Operation {
    let acquire = Acquire { value: vec![9; 40], ..plain(first) };
    Operation::AcquireAll { acquire, also: also.iter().map(|lock| name(lock)).collect() }
}

/// `waits` acquires of `names` locks each, of which the first is granted and the others wait.
fn crowd(waits: u64, names: usize) -> Script {
    let mut script = at_level_2(Script::default());
    let session = script.open("crowd");
    let names: Vec<String> = (0..names).map(|place| format!("{place:0>200}")).collect();
    for request in 1..=waits {
        script.request(session, request, all_of(&names[0], &names[1..]));
    }
    script
}

#[test]
fn any_state_comes_back_as_it_was() {
    for script in [busy(), varied(), crowd(20, 5)] {
        let script = at_level_2(script);
        let bytes = script.machine.encode();
        assert_eq!(bytes[..4], [2, 0, 0, 0]);
        let machine = LockMachine::decode(&bytes).expect("its own bytes");
        machine.check_invariants();
        assert_eq!(machine.encode(), bytes);
        assert_eq!(machine.state_hash(), script.machine.state_hash());
        assert_eq!(machine.state_bytes(), script.machine.state_bytes());
    }
}

#[test]
fn each_name_is_there_once() {
    let bytes = crowd(20, 32).machine.encode();
    for place in 0..32 {
        let name = format!("{place:0>200}");
        let times = bytes.windows(200).filter(|window| *window == name.as_bytes()).count();
        assert_eq!(times, 1, "{name}");
    }
}

#[test]
fn what_waits_for_many_locks_takes_as_much_for_each_of_them() {
    let size = |waits, names| crowd(waits, names).machine.encode().len();
    let one_more = |names| size(11, names) - size(10, names);
    let (few, many) = (one_more(16), one_more(32));
    assert!(many < 2 * few, "{few} bytes for 16 names, {many} for 32");
    assert!(many < 32 * 64, "{many} bytes for 32 names of 200 bytes");
}

#[test]
fn the_bytes_that_are_counted_are_no_fewer_than_those_of_the_snapshot() {
    for script in [busy(), varied(), crowd(1, 1), crowd(3, 2), crowd(40, 32)] {
        let machine = at_level_2(script).machine;
        let (counted, encoded) = (machine.state_bytes(), machine.encode().len() as u64);
        assert!(encoded <= counted, "{encoded} bytes, {counted} counted");
    }
}

#[test]
fn what_is_counted_goes_with_what_it_was_counted_for() {
    let mut script = at_level_2(varied());
    for session in [SessionId(2), SessionId(3)] {
        script.expire(session, 1);
    }
    let delays: Vec<_> = script.machine.delays().collect();
    for delayed in delays {
        let (name, token, term) = (delayed.name, delayed.token, Term(1));
        script.apply(&Command::DelayOver { name, token, term });
    }
    assert_eq!(script.machine.held_count(), 0);
    assert_eq!(script.machine.weight.bytes, 0);
}

#[test]
fn every_missing_tail_and_any_more_bytes_are_refused() {
    let mut bytes = at_level_2(varied()).machine.encode();
    for length in 0..bytes.len() {
        assert!(LockMachine::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    bytes.push(0);
    let error = LockMachine::decode(&bytes).unwrap_err().to_string();
    assert!(error.contains("1 bytes follow the last piece"), "{error}");
}

/// A flipped bit is refused, or makes another valid state; decoding and later applies never panic.
#[test]
fn no_flipped_bit_breaks_the_machine() {
    let mut script = at_level_2(varied());
    let four = script.open("four");
    script.request(four, 1, all_of("t", &["u".to_owned(), "v".to_owned()]));
    script.request(four, 2, acquire("t"));
    let bytes = script.machine.encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(mut machine) = LockMachine::decode(&damaged) {
            assert_eq!(machine.encode(), damaged, "bit {bit} is not part of the state");
            let expire = Command::Expire { session: SessionId(2), term: Term(1) };
            machine.apply(machine.applied.next(), Term(1), 0, &expire);
            machine.check_invariants();
        }
    }
}
