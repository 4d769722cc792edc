//! Access rules (L27): checked in the apply, by the rules of that index.

use super::script::{Script, all, granted, name, transfer, try_acquire, with};
use crate::base::{
    CredentialHash, Owner, RequestId, Right, Rights, SessionId, SessionKey, Subject, Token,
};
use crate::lock::level::Bounds;
use crate::lock::{
    AccessChange, AccessDone, AccessRefusal, Answer, Applied, BreakWay, Command, LockMachine,
    Names, Operation, Outcome, Rule, Settings, WaitRule,
};

const SETTINGS: Settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 3 };
const ROOT: &str = "operator/root";

pub(super) fn at_level_3() -> Script {
    parts_of(2048)
}

fn parts_of(names: usize) -> Script {
    let mut script = Script::with_bounds(Bounds { names_per_part: names, ..Bounds::LEVEL_1 });
    script.apply(&Command::Settings(SETTINGS));
    script
}

pub(super) fn rule(who: &str, rights: &str, names: &str) -> Rule {
    let names = if names.is_empty() { Names::of_cluster() } else { names.parse().unwrap() };
    Rule { who: who.parse().unwrap(), names, rights: rights.parse().unwrap() }
}

fn change_by(
    script: &mut Script,
    by: &str,
    change: AccessChange,
) -> (Result<AccessDone, AccessRefusal>, Applied) {
    let applied = script.apply(&Command::Access { by: by.parse().unwrap(), change });
    match applied.outcome.clone() {
        Some(Outcome::AccessChanged(result)) => (result, applied),
        other => panic!("{other:?}"),
    }
}

pub(super) fn change(script: &mut Script, change: AccessChange) -> Applied {
    let (result, applied) = change_by(script, ROOT, change.clone());
    result.unwrap_or_else(|why| panic!("{change:?}: {why}"));
    applied
}

pub(super) fn allow(script: &mut Script, who: &str, rights: &str, names: &str) {
    change(script, AccessChange::Allow(rule(who, rights, names)));
}

fn deny(script: &mut Script, who: &str, rights: &str, names: &str) -> Applied {
    change(script, AccessChange::Deny(rule(who, rights, names)))
}

/// Rights are on, and `root` may change them.
pub(super) fn turn_on(script: &mut Script) {
    allow(script, ROOT, "admin", "");
    change(script, AccessChange::On);
}

pub(super) fn open(script: &mut Script, client: &str, subject: &str) -> SessionId {
    let (ttl_ms, key) = (10_000, SessionKey([9; 16]));
    let (client, subject) = (client.to_owned(), subject.parse().unwrap());
    match script.apply(&Command::OpenSessionOf { ttl_ms, key, client, subject }).outcome {
        Some(Outcome::SessionOpened { session, .. }) => session,
        other => panic!("no session: {other:?}"),
    }
}

pub(super) fn denied(right: Right, lock: &str) -> Answer {
    Answer::Denied { right, name: name(lock) }
}

pub(super) fn take(lock: &str, way: BreakWay, to: Option<&str>) -> Operation {
    let (name, to) = (name(lock), to.map(str::to_owned));
    Operation::Break { name, token: Token(0), way, to, reason: String::new() }
}

#[test]
fn l27_what_no_rule_allows_is_denied_once_rights_are_on_and_nothing_before() {
    let mut script = at_level_3();
    let a = open(&mut script, "a", "client/a");
    assert_eq!(script.acquire(a, 1, "x"), granted(1));
    turn_on(&mut script);
    assert_eq!(script.acquire(a, 2, "y"), denied(Right::Acquire, "y"));
    assert_eq!(script.acquire(a, 2, "y"), denied(Right::Acquire, "y"), "a retry");
    allow(&mut script, "client/*", "acquire", "y");
    assert_eq!(script.acquire(a, 2, "y"), denied(Right::Acquire, "y"), "the answer is fixed");
    assert_eq!(script.acquire(a, 3, "y"), granted(2));
    assert_eq!(script.acquire(a, 4, "y/a"), denied(Right::Acquire, "y/a"));
    // Grants stay, and a release takes no right.
    assert_eq!(script.release(a, 5, "x", 1).0, Answer::Done);
    change(&mut script, AccessChange::Off);
    assert_eq!(script.acquire(a, 6, "x"), granted(3));
}

#[test]
fn l27_each_of_several_names_is_asked_about() {
    let mut script = at_level_3();
    turn_on(&mut script);
    allow(&mut script, "client/a", "acquire", "jobs/");
    let a = open(&mut script, "a", "client/a");
    let (answer, _) = script.request(a, 1, all(&["jobs/1", "other"]));
    assert_eq!(answer, denied(Right::Acquire, "other"));
    assert_eq!(script.request(a, 2, all(&["jobs/1", "jobs"])).0, granted(1));
}

#[test]
fn l27_a_right_that_is_taken_away_refuses_those_who_wait_and_wakes_those_behind() {
    let mut script = at_level_3();
    turn_on(&mut script);
    for who in ["client/a", "client/b", "client/c"] {
        allow(&mut script, who, "acquire,read", "x");
    }
    let [a, b, c] = ["a", "b", "c"].map(|who| open(&mut script, who, &format!("client/{who}")));
    let shared = |lock: &str| with(lock, |acquire| acquire.mode = crate::lock::Mode::Shared);
    assert_eq!(script.request(a, 1, shared("x")).0, granted(1));
    assert_eq!(script.acquire(b, 1, "x"), Answer::Queued { ahead: 0 });
    assert_eq!(script.request(c, 1, shared("x")).0, Answer::Queued { ahead: 1 });
    let applied = deny(&mut script, "client/b", "acquire", "x");
    assert_eq!(applied.denied.len(), 1);
    assert_eq!((applied.denied[0].session, applied.denied[0].request), (b, RequestId(1)));
    assert_eq!(applied.granted.len(), 1, "the reader behind the writer");
    // Although the right is given back before the request is repeated (L17).
    allow(&mut script, "client/b", "acquire", "x");
    assert_eq!(script.acquire(b, 1, "x"), denied(Right::Acquire, "x"), "its answer is fixed");
    // Grants stay.
    let applied = deny(&mut script, "client/a", "acquire", "x");
    assert!(applied.denied.is_empty() && script.machine.is_held_by(&name("x"), Token(1)));
}

#[test]
fn l27_many_who_wait_are_refused_in_parts_and_none_of_them_is_granted_meanwhile() {
    let mut script = parts_of(4);
    turn_on(&mut script);
    allow(&mut script, "client/*", "acquire", "*");
    allow(&mut script, "client/last", "acquire", "x");
    let holder = open(&mut script, "holder", "client/holder");
    assert_eq!(script.acquire(holder, 1, "x"), granted(1));
    let waiting: Vec<SessionId> =
        (0..40).map(|n| open(&mut script, "w", &format!("client/w{n}"))).collect();
    for session in &waiting {
        script.acquire(*session, 1, "x");
    }
    let last = open(&mut script, "last", "client/last");
    script.acquire(last, 1, "x");
    let applied = deny(&mut script, "client/*", "acquire", "*");
    assert!(applied.denied.len() <= 4 && script.machine.is_unfinished());
    let (_, granted) = script.release(holder, 2, "x", 1);
    assert!(granted.is_empty(), "the first in the queue is to be refused: {granted:?}");
    let (mut refused, mut given) = (applied.denied.len(), Vec::new());
    let mut reload = 0;
    while script.machine.is_unfinished() {
        reload += 1;
        if reload % 3 == 0 {
            script.replace(|machine| {
                let loaded = LockMachine::decode(&machine.encode()).unwrap();
                assert_eq!(loaded.state_hash(), machine.state_hash());
                loaded.with_names_per_part(4)
            });
        }
        let applied = script.apply(&Command::Continue);
        assert!(applied.denied.len() <= 4);
        refused += applied.denied.len();
        given.extend(applied.granted);
    }
    assert_eq!(refused, 40);
    assert_eq!(given.iter().map(|one| one.session).collect::<Vec<_>>(), [last]);
}

#[test]
fn l27_what_is_given_back_while_others_are_refused_is_handed_over() {
    for second in [AccessChange::Off, AccessChange::Allow(rule("client/*", "acquire", "x"))] {
        let mut script = parts_of(1);
        turn_on(&mut script);
        allow(&mut script, "client/*", "acquire", "*");
        let holder = open(&mut script, "holder", "client/holder");
        assert_eq!(script.acquire(holder, 1, "x"), granted(1));
        for n in 0..20 {
            open(&mut script, "idle", &format!("client/i{n}"));
        }
        let waits = open(&mut script, "waits", "client/waits");
        script.acquire(waits, 1, "x");
        deny(&mut script, "client/*", "acquire", "*");
        assert!(script.machine.is_unfinished());
        assert!(script.release(holder, 2, "x", 1).1.is_empty());
        change(&mut script, second);
        let mut given = Vec::new();
        while script.machine.is_unfinished() {
            given.extend(script.apply(&Command::Continue).granted);
        }
        assert_eq!(given.len(), 1, "it may have it after all");
    }
}

#[test]
fn l27_who_may_not_read_is_told_no_name_of_others() {
    let mut script = at_level_3();
    turn_on(&mut script);
    for who in ["client/a", "client/b"] {
        allow(&mut script, who, "acquire", "*");
    }
    let [a, b] = ["a", "b"].map(|who| open(&mut script, who, &format!("client/{who}")));
    assert_eq!(script.acquire(a, 1, "x"), granted(1));
    let held = |client: &str| Answer::Held { client: client.to_owned() };
    assert_eq!(script.request(b, 1, try_acquire("x")).0, held(""));
    // Whether anybody waits.
    assert_eq!(script.request(a, 2, transfer("x", 1, Some("nobody"))).0, Answer::Done);
    // The circle of a deadlock.
    let owned = |lock: &str| with(lock, |acquire| acquire.owner = Owner(1));
    script.request(a, 3, owned("y"));
    script.request(b, 3, owned("z"));
    script.request(a, 4, owned("z"));
    let Answer::Deadlock { circle } = script.request(b, 4, owned("y")).0 else { panic!() };
    let told = "b (owner 1) waits for a lock that it may not read, where somebody is before it; somebody waits for a lock that it may not read, where b (owner 1) is before it";
    assert_eq!(circle, told);
    allow(&mut script, "client/b", "read", "*");
    assert_eq!(script.request(b, 5, try_acquire("z")).0, held("b"));
    let Answer::Deadlock { circle } = script.request(b, 6, owned("y")).0 else { panic!() };
    assert!(circle.contains("a (owner 1) waits for z"), "{circle}");
}

#[test]
fn l27_a_break_takes_its_right_and_while_rights_are_off_an_operator_who_takes_at_once() {
    let ask = BreakWay::Ask { grace_ms: None };
    let mut script = at_level_3();
    let [a, b, o] = [("a", "client/a"), ("b", "client/b"), ("o", "operator/o")]
        .map(|(client, subject)| open(&mut script, client, subject));
    assert_eq!(script.acquire(a, 1, "x"), granted(1));
    let kind = denied(Right::Operate, "x");
    assert_eq!(script.request(b, 1, take("x", BreakWay::Now, None)).0, kind);
    assert_eq!(script.request(b, 2, take("x", ask, None)).0, Answer::Done);
    turn_on(&mut script);
    assert_eq!(script.request(o, 1, take("x", ask, None)).0, denied(Right::Break, "x"));
    allow(&mut script, "client/b", "break", "x");
    assert_eq!(script.request(b, 3, take("x", ask, Some("q"))).0, denied(Right::Read, "x"));
    assert_eq!(script.request(b, 4, take("x", BreakWay::Now, None)).0, Answer::Done);
}

#[test]
fn l27_rights_are_changed_by_whoever_has_admin_and_never_so_that_nobody_has() {
    let mut script = at_level_3();
    let by =
        |script: &mut Script, who: &str, change: AccessChange| change_by(script, who, change).0;
    let on = AccessChange::On;
    assert_eq!(by(&mut script, ROOT, on.clone()), Err(AccessRefusal::NobodyIsAdmin));
    for who in ["local/1", "local/*"] {
        allow(&mut script, who, "admin", "");
        assert_eq!(by(&mut script, ROOT, on.clone()), Err(AccessRefusal::NobodyIsAdmin), "{who}");
    }
    assert!(matches!(by(&mut script, "client/a", on.clone()), Err(AccessRefusal::Denied(_))));
    allow(&mut script, "operator/al*", "admin,operate", "");
    assert_eq!(by(&mut script, ROOT, on.clone()), Ok(AccessDone::Changed));
    assert_eq!(by(&mut script, "operator/alice", on), Ok(AccessDone::Already));
    let off = AccessChange::Off;
    let Err(AccessRefusal::Denied(denial)) = by(&mut script, ROOT, off.clone()) else { panic!() };
    let said = "operator/root lacks the right admin for the cluster: whoever has admin can give it (`tenure access allow operator/root admin`)";
    assert_eq!(denial.to_string(), said);
    let last = AccessChange::Deny(rule("operator/al*", "admin", ""));
    assert_eq!(by(&mut script, "operator/alice", last.clone()), Err(AccessRefusal::NobodyIsAdmin));
    let only = AccessChange::Deny(rule("operator/al*", "operate", ""));
    assert!(by(&mut script, "operator/alice", only).is_ok());
    assert_eq!(by(&mut script, "operator/alice", off), Ok(AccessDone::Changed));
    assert!(by(&mut script, "operator/alice", last).is_ok());
}

#[test]
fn l27_deny_says_what_there_was_and_what_still_allows() {
    let mut script = at_level_3();
    allow(&mut script, "client/a", "acquire", "jobs/x");
    allow(&mut script, "client/*", "acquire", "jobs/");
    let deny = |script: &mut Script, who: &str, rights: &str, names: &str| {
        change_by(script, ROOT, AccessChange::Deny(rule(who, rights, names))).0.unwrap()
    };
    let acquire = Rights::of([Right::Acquire]);
    let still = Some(rule("client/*", "acquire", "jobs/"));
    let (taken, absent) = (acquire, Rights::of([Right::Read]));
    let done = AccessDone::Denied { taken, absent, still: still.clone() };
    assert_eq!(deny(&mut script, "client/a", "acquire,read", "jobs/x"), done);
    let none = AccessDone::Denied { taken: Rights::NONE, absent: acquire, still };
    assert_eq!(deny(&mut script, "client/a", "acquire", "jobs/x"), none);
    let all = AccessDone::Denied { taken: acquire, absent: Rights::NONE, still: None };
    assert_eq!(deny(&mut script, "client/*", "acquire", "jobs/"), all);
}

#[test]
fn l27_a_session_belongs_to_whoever_opened_it() {
    let mut script = at_level_3();
    let a = open(&mut script, "a", "client/a");
    let nobody = script.open("nobody");
    let may = |script: &Script, session, who: &str| {
        script.machine.may_attach(session, &who.parse::<Subject>().unwrap())
    };
    assert!(may(&script, a, "client/a") && !may(&script, a, "client/b"));
    assert!(!may(&script, a, "operator/root") && may(&script, nobody, "client/b"));
    assert!(may(&script, a, "anonymous"), "the way back to plaintext");
    turn_on(&mut script);
    assert!(!may(&script, a, "anonymous") && may(&script, a, "client/a"));
    assert_eq!(script.acquire(nobody, 1, "x"), denied(Right::Acquire, "x"));
    allow(&mut script, "anonymous", "acquire", "x");
    assert_eq!(script.acquire(nobody, 2, "x"), granted(1));
}

#[test]
fn l27_below_level_3_there_are_no_rights_and_sessions_are_nobodys() {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { level: 2, ..SETTINGS }));
    let (result, _) = change_by(&mut script, ROOT, AccessChange::Allow(rule(ROOT, "admin", "")));
    assert_eq!(result, Err(AccessRefusal::Level(2)));
    let a = open(&mut script, "a", "client/a");
    assert_eq!(script.machine.subject_of(a), Some(&Subject::Anonymous));
    let command = Command::Access { by: Subject::Anonymous, change: AccessChange::Off };
    assert_eq!(command.level(), 3);
}

#[test]
fn l27_rules_credentials_and_whose_sessions_are_are_in_the_state_and_its_snapshots() {
    let mut script = at_level_3();
    let plain = script.machine.state_hash();
    turn_on(&mut script);
    allow(&mut script, "client/*", "acquire,read", "jobs/");
    let (principal, hash) = ("client/a".parse().unwrap(), CredentialHash([7; 32]));
    change(&mut script, AccessChange::CreateCredential { principal, hash });
    let a = open(&mut script, "a", "client/a");
    script.acquire(a, 1, "no");
    script.open("nobody");
    assert_ne!(script.machine.state_hash(), plain);
    let bytes = script.machine.encode();
    assert_eq!(bytes[..4], 3_u32.to_le_bytes());
    assert!(bytes.len() as u64 <= script.machine.state_bytes());
    let loaded = LockMachine::decode(&bytes).unwrap();
    assert_eq!(loaded.state_hash(), script.machine.state_hash());
    assert_eq!(loaded.encode(), bytes);
    assert_eq!(loaded.subject_of(a), Some(&"client/a".parse().unwrap()));
    assert_eq!(loaded.credentials().get(&"client/a".parse().unwrap()), Some(&hash));
    assert_eq!(loaded.rules(None, 9).len(), 2);
    for cut in 0..bytes.len() {
        assert!(LockMachine::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // A restore ends sessions, and keeps rules.
    let restored = loaded.restored(None, WaitRule::Waived).unwrap();
    restored.check_invariants();
    assert!(restored.has_rights_on() && restored.rules(None, 9).len() == 2);
    assert_eq!(LockMachine::decode(&restored.encode()).unwrap().rules(None, 9).len(), 2);
}

#[test]
fn l27_rules_and_credentials_are_bounded_and_what_is_there_is_none_more() {
    let mut script = at_level_3();
    let most = crate::base::limits::ACCESS_RULES_MAX;
    for n in 0..most {
        let rule = rule("client/a", "read", &format!("n{n}"));
        let command = Command::Access { by: Subject::Anonymous, change: AccessChange::Allow(rule) };
        script.machine.apply(crate::base::Index(10 + n as u64), crate::base::Term(1), 0, &command);
    }
    script.machine.check_invariants();
    let mut script = script.past(20_000);
    let (result, _) = change_by(&mut script, ROOT, AccessChange::Allow(rule("*", "read", "*")));
    assert_eq!(result, Err(AccessRefusal::Full(most)));
    let (principal, hash) = ("client/a".parse().unwrap(), CredentialHash([7; 32]));
    let create = AccessChange::CreateCredential { principal, hash };
    assert_eq!(change_by(&mut script, ROOT, create).0, Err(AccessRefusal::Full(most)));
    allow(&mut script, "client/a", "acquire", "n7");
    deny(&mut script, "client/a", "read", "n8");
    allow(&mut script, "*", "read", "*");
}
