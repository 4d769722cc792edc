//! The state as bytes and back.

use super::script::{Script, acquire, ask, granted, name, plain, try_acquire, with};
use crate::base::limits::FRAME_BYTES_MAX;
use crate::base::{Owner, RequestId, SessionId, Term, Token};
use crate::lock::dedupe::Hold;
use crate::lock::print::Print;
use crate::lock::token::Tokens;
use crate::lock::{
    Acquire, Answer, Command, Largest, LockMachine, Mode, Operation, Outcome, Refusal, RestoreWait,
    Settings, SnapshotError, WaitRule,
};

/// Two sessions; `a` is held with a value and waited for; answers of all kinds are remembered.
pub(super) fn busy() -> Script {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 1 }));
    let (one, two) = (script.open("one"), script.open("two"));
    script.request(one, 1, Operation::Acquire(Acquire { value: vec![1, 2], ..plain("a") }));
    script.request(two, 1, Operation::Acquire(Acquire { value: vec![3], ..plain("a") }));
    script.request(two, 2, try_acquire("a"));
    script.acquire(two, 3, "b");
    script.release(two, 4, "b", 2);
    script.release(two, 5, "b", 2);
    script.withdraw(two, 7, 6);
    script.request(two, 8, Operation::Acquire(Acquire { permits: 2, ..plain("a") }));
    script
}

/// That state with readers, a semaphore, several locks in one step held and waited for, two handles on one grant,
/// the delay of a session that expired, and holders that were asked to end.
pub(super) fn varied() -> Script {
    let mut script = busy();
    let (one, two) = (SessionId(2), SessionId(3));
    let read = || with("r", |acquire| (acquire.mode, acquire.owner) = (Mode::Shared, Owner(7)));
    let take = || with("s", |acquire| (acquire.limit, acquire.permits) = (3, 2));
    let all = |first, also: &[&str]| {
        let also = also.iter().map(|lock| name(lock)).collect();
        Operation::AcquireAll { acquire: plain(first), also }
    };
    let wishes = [read(), read(), take(), take(), all("t", &["u", "v"]), all("r", &["u", "z"])];
    for (request, wish) in (20..).zip(wishes) {
        script.request(one, request, wish);
    }
    script.request(two, 20, read());
    let three = script.open("three");
    script.request(three, 1, with("w", |acquire| acquire.delay_ms = 70));
    script.acquire(two, 21, "w");
    assert_eq!(script.expire(three, 1).delayed.len(), 1);
    script.request(two, 22, ask("a", 1, None, Some("two")));
    script.request(two, 23, ask("r", 0, Some(5), None));
    script
}

fn reload(script: &mut Script) {
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn decode_error(bytes: &[u8]) -> String {
    LockMachine::decode(bytes).expect_err("it must not be taken").to_string()
}

#[test]
fn golden_bytes_of_format_1() {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 1 }));
    script.replace(|machine| machine.restored(Some(5), WaitRule::Full(Largest::OF_ALL)).unwrap());
    script.apply(&Command::RestoreOver { term: Term(1) });
    let session = script.open("ab");
    script.request(session, 1, Operation::Acquire(Acquire { value: vec![7], ..plain("x") }));
    script.acquire(session, 2, "x");
    script.request(session, 3, try_acquire("x"));
    let head = [
        "3e000000",
        "0600000000000000",
        "0500000000000000",
        "0100000000000000",
        "01",
        "96000000",
        "60ea0000",
        "01000000",
        "00",
        "0100000000000000",
        "0100000000000000",
        "0000000000000000",
    ]
    .concat();
    let session = [
        "3e000000",
        "0300000000000500",
        &"09".repeat(16),
        "02000000000000006162",
        "10270000",
        "0100000000000000",
        "0000000000000000",
        "0100000000000000",
    ]
    .concat();
    let answer = ["16000000", "0300000000000000", "02000000", "02000000000000006162"].concat();
    let expected = ["01000000", &head, &session, &answer, &bytes_of_lock()].concat();
    assert_eq!(hex(&script.machine.encode()), expected);
}

/// The lock of the state above, with its holder and its waiter.
fn bytes_of_lock() -> String {
    let lock = [
        "25000000",
        "010000000000000078",
        "00000000",
        "0100000000000000",
        "0000000000000000",
        "0100000000000000",
    ]
    .concat();
    // Session, owner, mode, permits, delay.
    let stake = concat!("0300000000000500", "0000000000000000", "00000000", "01000000", "00000000");
    let holder = [
        "4d000000",
        "0100000000000500",
        "ec03000000000000",
        "0100000000000000",
        "0100000000000000",
        stake,
        "010000000000000007",
        "0000000000000000",
    ]
    .concat();
    let waiter = [
        "3c000000",
        "0200000000000000",
        "ed03000000000000",
        stake,
        "0000000000000000",
        "0000000000000000",
    ]
    .concat();
    [lock, holder, waiter].concat()
}

#[test]
fn golden_bytes_of_what_a_holder_was_asked() {
    let mut script = Script::default();
    let session = script.open("ab");
    script.acquire(session, 1, "x");
    script.acquire(session, 2, "x");
    script.request(session, 3, ask("x", 1, Some(7), Some("ab")));
    let heir = ["01", "0200000000000000", "6162"].concat();
    let reason = ["0300000000000000", "776879"].concat();
    let mark = ["0100000000000000", "0100000000000000", "78", "07000000", &reason, &heir].concat();
    assert_eq!(mark.len(), 2 * 0x2b);
    let expected = ["2b000000", &mark].concat();
    assert!(hex(&script.machine.encode()).ends_with(&expected));
}

#[test]
fn marks_out_of_order_are_refused() {
    let mut script = Script::default();
    let session = script.open("ab");
    for (request, lock) in [(1, "x"), (2, "y")] {
        script.acquire(session, request, lock);
        script.request(session, request + 2, ask(lock, 0, Some(7), None));
    }
    let mut bytes = script.machine.encode();
    // The last piece gets the token of the one before, which is as long.
    let piece = 4 + 8 + (8 + 1) + 4 + (8 + 3) + 1;
    let last = bytes.len() - piece + 4;
    assert_eq!(bytes[last..last + 8], 2_u64.to_le_bytes());
    bytes.copy_within(last - piece..last - piece + 8, last);
    assert!(decode_error(&bytes).contains("what 1 is asked is out of order"));
}

#[test]
fn equal_states_give_equal_bytes_whatever_led_to_them() {
    let (mut straight, mut detour) = (busy(), busy());
    let (one, two) = (SessionId(2), SessionId(3));
    // A withdrawal leaves the same state before its acquire as after it; a ticket is spent there.
    straight.expire(SessionId(1), 1);
    straight.withdraw(one, 3, 2);
    detour.acquire(one, 2, "a");
    detour.withdraw(one, 3, 2);
    for script in [&mut straight, &mut detour] {
        script.acquire(one, 4, "a");
        script.acquire(two, 9, "c");
    }
    assert_eq!(straight.machine.encode(), detour.machine.encode());
    assert_eq!(straight.machine.state_hash(), detour.machine.state_hash());
    reload(&mut straight);
    assert_eq!(straight.machine.encode(), detour.machine.encode());
}

#[test]
fn l17_answers_are_repeated_and_the_floor_holds_after_a_snapshot() {
    let mut script = busy();
    let two = SessionId(3);
    script.request_above(2, two, 9, try_acquire("a"));
    reload(&mut script);
    assert_eq!(script.request(two, 1, acquire("a")).0, Answer::Queued { ahead: 0 });
    let held = Answer::Held { client: "one".to_owned() };
    assert_eq!(script.request(two, 2, try_acquire("a")).0, held);
    assert_eq!(script.acquire(two, 3, "b"), Answer::Ended { token: Token(2) });
    assert_eq!(script.release(two, 4, "b", 2).0, Answer::Done);
    assert_eq!(script.release(two, 5, "b", 2).0, Answer::NotHeld);
    assert_eq!(script.acquire(two, 6, "a"), Answer::Withdrawn);
    let invalid = Answer::Refused(Refusal::Invalid);
    assert_eq!(script.acquire(two, 8, "a"), invalid);
    script.request_above(10, two, 10, try_acquire("a"));
    reload(&mut script);
    assert_eq!(script.acquire(two, 8, "a"), Answer::Refused(Refusal::BelowFloor));
}

#[test]
fn l3_tokens_go_on_after_a_snapshot_although_none_stands() {
    let mut script = Script::default();
    let session = script.open("client");
    assert_eq!(script.acquire(session, 1, "a"), granted(1));
    script.release(session, 2, "a", 1);
    reload(&mut script);
    assert_eq!(script.acquire(session, 3, "a"), granted(2));
}

#[test]
fn l5_waiters_keep_their_order_and_their_values() {
    let mut script = busy();
    let (one, two) = (SessionId(2), SessionId(3));
    reload(&mut script);
    let (_, handed) = script.release(one, 2, "a", 1);
    assert_eq!(handed.first().map(|grant| (grant.session, grant.token)), Some((two, Token(3))));
    let view = script.machine.lock(&name("a")).expect("held");
    assert_eq!((view.value, view.since_unix_ms), (vec![3], 1012));
}

#[test]
fn a_state_larger_than_any_frame_is_encoded_in_pieces() {
    let mut script = Script::default();
    let holder = script.open("holder");
    script.acquire(holder, 1, "a");
    let waiter = script.open(&"w".repeat(255));
    for request in 1..=300 {
        let acquire = Acquire { value: vec![7; 4096], ..plain("a") };
        script.request(waiter, request, Operation::Acquire(acquire));
    }
    let bytes = script.machine.encode();
    assert!(bytes.len() > FRAME_BYTES_MAX);
    assert_eq!(LockMachine::decode(&bytes).expect("its own bytes").encode(), bytes);
}

#[test]
fn another_format_is_refused_by_its_number() {
    let mut bytes = busy().machine.encode();
    for format in [0, 4] {
        bytes[0] = format;
        let error = SnapshotError::Format { format: u32::from(format), format_max: 3 };
        assert_eq!(LockMachine::decode(&bytes).unwrap_err(), error);
    }
}

#[test]
fn a_snapshot_has_the_format_of_the_level_in_force() {
    let mut script = busy();
    let at_level_1 = script.machine.encode();
    assert_eq!(at_level_1[..4], [1, 0, 0, 0]);
    script.apply(&Command::Settings(Settings { lease_ms: 0, ttl_ms_max: 0, level: 2 }));
    let at_level_2 = script.machine.encode();
    assert_eq!(at_level_2[..4], [2, 0, 0, 0]);
    assert_eq!(LockMachine::decode(&at_level_2).expect("its own bytes").level(), 2);
    LockMachine::decode_up_to(&at_level_1, 1).expect("what an older build reads");
    let older = LockMachine::decode_up_to(&at_level_2, 1).unwrap_err();
    assert_eq!(older, SnapshotError::Format { format: 2, format_max: 1 });
}

#[test]
fn every_missing_tail_and_any_more_bytes_are_refused() {
    let mut bytes = varied().machine.encode();
    for length in 0..bytes.len() {
        decode_error(&bytes[..length]);
    }
    bytes.push(0);
    assert!(decode_error(&bytes).contains("1 bytes follow the last piece"));
}

/// A flipped bit is refused, or makes another valid state; decoding and later applies never panic.
#[test]
fn no_flipped_bit_breaks_the_machine() {
    let bytes = varied().machine.encode();
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

/// A state that `spoil` has changed is refused with a sentence that contains `why`.
#[track_caller]
fn assert_refused(spoil: impl FnOnce(&mut LockMachine), why: &str) {
    let mut script = busy();
    spoil(&mut script.machine);
    let error = decode_error(&script.machine.encode());
    assert!(error.contains(why), "{error}");
}

#[test]
fn states_that_no_log_leads_to_are_refused() {
    let spoiled_level = |machine: &mut LockMachine| {
        machine.settings.as_mut().expect("set").level = 4;
    };
    assert_refused(spoiled_level, "has format 4");
    let one = SessionId(2);
    let spoil = move |machine: &mut LockMachine| drop(machine.sessions.remove(&one));
    assert_refused(spoil, "session 2 is not alive");
    let spoil = |machine: &mut LockMachine| machine.applied.0 = 2;
    assert_refused(spoil, "session 3 is not in 1 … 2");
    let spoil = |machine: &mut LockMachine| {
        machine.tokens = Tokens::resume(0, 0).expect("fits");
    };
    assert_refused(spoil, "token 1 is not in 0 … 0");
    let spoil = |machine: &mut LockMachine| {
        machine.restoring = Some(RestoreWait { ms: 1 });
    };
    assert_refused(spoil, "1 locks are held while restoring");
    let spoil = move |machine: &mut LockMachine| {
        machine.sessions.get_mut(&one).expect("alive").ttl_ms = 1;
    };
    assert_refused(spoil, "session 2 has a TTL of 1 ms");
}

/// A state that `spoil` has changed is found, and reported by exactly this sentence.
#[track_caller]
fn assert_found(spoil: impl FnOnce(&mut LockMachine), why: &str) {
    let mut machine = busy().machine;
    assert_eq!(machine.examine(), Ok(()));
    spoil(&mut machine);
    assert_eq!(machine.examine(), Err(why.to_owned()));
}

#[test]
fn o1_an_owner_that_the_session_does_not_know_is_found() {
    let owner = |machine: &mut LockMachine| {
        let answers = &mut machine.sessions.get_mut(&SessionId(2)).expect("alive").answers;
        let request = answers.grants().requests().next().expect("it holds a");
        let hold = answers.end_grant(request);
        answers.note_grant(request, hold, Owner(3));
    };
    assert_found(owner, "owner 0 holds \"a\", its session: Some(Owner(3))");
}

#[test]
fn o1_sides_that_do_not_agree_in_number_are_found() {
    let grant = |machine: &mut LockMachine| {
        let slot = machine.locks.find(&name("a")).expect("held");
        let session = machine.sessions.get_mut(&SessionId(2)).expect("alive");
        let hold = Hold { slot, token: Token(9), print: Print::UNKNOWN, bytes: 0 };
        session.answers.note_grant(RequestId(9), hold, Owner(0));
    };
    assert_found(grant, "sessions know 2 grants, and locks 1 handles");
    let queue = |machine: &mut LockMachine| {
        let slot = machine.locks.find(&name("a")).expect("held");
        machine.locks[slot].change(|rest| rest.queue.pop()).expect("it waits");
    };
    assert_found(queue, "sessions know 1 places, and queues 0 waiters");
}

#[test]
fn o1_more_than_the_bounds_allow_is_found() {
    let sessions = |machine: &mut LockMachine| machine.bounds.sessions = 1;
    assert_found(sessions, "there are 2 sessions");
    let locks = |machine: &mut LockMachine| machine.bounds.locks = 0;
    assert_found(locks, "1 locks are held");
    let waiters = |machine: &mut LockMachine| machine.bounds.waiters_per_lock = 0;
    assert_found(waiters, "1 wait for \"a\"");
    let mut machine = busy().machine;
    (machine.bounds.sessions, machine.bounds.locks, machine.bounds.waiters_per_lock) = (2, 1, 1);
    assert_eq!(machine.examine(), Ok(()), "as many as that are allowed");
}

#[test]
fn a_session_that_ends_after_a_snapshot_frees_what_it_held() {
    let mut script = busy();
    reload(&mut script);
    let applied = script.expire(SessionId(2), 1);
    assert_eq!(applied.outcome, Some(Outcome::SessionEnded { session: SessionId(2) }));
    assert_eq!(applied.granted.first().map(|grant| grant.request), Some(RequestId(1)));
}
