//! A log being written: each call appends one entry, applies it, and checks every invariant.

use crate::base::{Index, Owner, RequestId, SessionId, SessionKey, Term, Token};
use crate::lock::level::Bounds;
use crate::lock::{
    Acquire, Answer, Applied, BreakWay, Command, Granted, LockMachine, Mode, Name, Operation,
    Outcome,
};

/// A machine and the index that its log has reached. The entries' term is 1.
#[derive(Default)]
pub(super) struct Script {
    pub(super) machine: LockMachine,
    index: u64,
}

impl Script {
    pub(super) fn with_bounds(bounds: Bounds) -> Self {
        Self { machine: LockMachine::with_bounds(bounds), index: 0 }
    }

    /// Another machine that goes on where the log of `script` is.
    pub(super) fn at(machine: LockMachine, script: &Script) -> Self {
        Self { machine, index: script.index }
    }

    /// Goes on behind `index` of the log.
    pub(super) fn past(self, index: u64) -> Self {
        Self { index, ..self }
    }

    pub(super) fn apply(&mut self, command: &Command) -> Applied {
        self.index += 1;
        let unix_ms = 1000 + self.index;
        let applied = self.machine.apply(Index(self.index), Term(1), unix_ms, command);
        self.machine.check_invariants();
        applied
    }

    pub(super) fn open(&mut self, client: &str) -> SessionId {
        match self.apply(&open_session(client)).outcome {
            Some(Outcome::SessionOpened { session, .. }) => session,
            other => panic!("no session: {other:?}"),
        }
    }

    /// One request under the floor 1: nothing is forgotten.
    pub(super) fn request(
        &mut self,
        session: SessionId,
        request: u64,
        operation: Operation,
    ) -> (Answer, Vec<Granted>) {
        self.request_above(1, session, request, operation)
    }

    pub(super) fn request_above(
        &mut self,
        floor: u64,
        session: SessionId,
        request: u64,
        operation: Operation,
    ) -> (Answer, Vec<Granted>) {
        let (floor, request) = (RequestId(floor), RequestId(request));
        let applied = self.apply(&Command::Request { session, request, floor, operation });
        (answer_of(&applied, session, request), applied.granted)
    }

    /// As `request`; all effects of the entry.
    pub(super) fn submit(
        &mut self,
        session: SessionId,
        request: u64,
        operation: Operation,
    ) -> (Answer, Applied) {
        let (floor, request) = (RequestId(1), RequestId(request));
        let applied = self.apply(&Command::Request { session, request, floor, operation });
        (answer_of(&applied, session, request), applied)
    }

    pub(super) fn acquire(&mut self, session: SessionId, request: u64, lock: &str) -> Answer {
        self.request(session, request, acquire(lock)).0
    }

    pub(super) fn release(
        &mut self,
        session: SessionId,
        request: u64,
        lock: &str,
        token: u64,
    ) -> (Answer, Vec<Granted>) {
        self.request(session, request, release(lock, token))
    }

    pub(super) fn withdraw(
        &mut self,
        session: SessionId,
        request: u64,
        acquire: u64,
    ) -> (Answer, Vec<Granted>) {
        self.request(session, request, Operation::Withdraw { acquire: RequestId(acquire) })
    }

    pub(super) fn close(&mut self, session: SessionId, request: u64) -> Applied {
        let (floor, request) = (RequestId(1), RequestId(request));
        let operation = Operation::Close;
        self.apply(&Command::Request { session, request, floor, operation })
    }

    /// Puts another machine in the place of the present one; its log goes on.
    pub(super) fn replace(&mut self, make: impl FnOnce(LockMachine) -> LockMachine) {
        self.machine = make(std::mem::take(&mut self.machine));
        self.machine.check_invariants();
    }

    pub(super) fn expire(&mut self, session: SessionId, term: u64) -> Applied {
        self.apply(&Command::Expire { session, term: Term(term) })
    }

    /// The token that holds `lock`, 0 if it is vacant.
    pub(super) fn holder(&self, lock: &str) -> u64 {
        self.machine.lock(&name(lock)).map_or(0, |view| view.token.0)
    }
}

fn answer_of(applied: &Applied, session: SessionId, request: RequestId) -> Answer {
    match &applied.outcome {
        Some(Outcome::Answered { session: to, request: answered, answer }) => {
            assert_eq!((*to, *answered), (session, request));
            answer.clone()
        }
        other => panic!("no answer: {other:?}"),
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::try_from(text).expect("a valid name")
}

pub(super) fn open_session(client: &str) -> Command {
    let key = SessionKey([9; 16]);
    Command::OpenSession { ttl_ms: 10_000, key, client: client.to_owned() }
}

pub(super) fn plain(lock: &str) -> Acquire {
    Acquire {
        name: name(lock),
        value: Vec::new(),
        mode: Mode::Exclusive,
        limit: 0,
        permits: 1,
        owner: Owner(0),
        delay_ms: 0,
        try_only: false,
    }
}

pub(super) fn acquire(lock: &str) -> Operation {
    Operation::Acquire(plain(lock))
}

pub(super) fn try_acquire(lock: &str) -> Operation {
    Operation::Acquire(Acquire { try_only: true, ..plain(lock) })
}

pub(super) fn release(lock: &str, token: u64) -> Operation {
    Operation::Release { name: name(lock), token: Token(token) }
}

pub(super) fn transfer(lock: &str, token: u64, to: Option<&str>) -> Operation {
    Operation::Transfer { name: name(lock), token: Token(token), to: to.map(str::to_owned) }
}

/// Asks the holder of `lock` under `token` to end within `grace_ms`, for `to`.
pub(super) fn ask(lock: &str, token: u64, grace_ms: Option<u32>, to: Option<&str>) -> Operation {
    let (name, token, to) = (name(lock), Token(token), to.map(str::to_owned));
    let (way, reason) = (BreakWay::Ask { grace_ms }, "why".to_owned());
    Operation::Break { name, token, way, to, reason }
}

pub(super) fn take(lock: &str, token: u64, to: Option<&str>) -> Operation {
    let (name, token, to) = (name(lock), Token(token), to.map(str::to_owned));
    Operation::Break { name, token, way: BreakWay::Now, to, reason: "now".to_owned() }
}

/// Several locks in one step, for one acquire alone.
pub(super) fn all(locks: &[&str]) -> Operation {
    let also = locks[1..].iter().map(|lock| name(lock)).collect();
    Operation::AcquireAll { acquire: plain(locks[0]), also }
}

pub(super) fn granted(token: u64) -> Answer {
    Answer::Granted { token: Token(token) }
}

pub(super) fn handed_to(session: SessionId, request: u64, token: u64) -> Granted {
    Granted { session, request: RequestId(request), token: Token(token) }
}

/// An acquire of `lock` with the options that `change` sets.
pub(super) fn with(lock: &str, change: impl FnOnce(&mut Acquire)) -> Operation {
    let mut acquire = plain(lock);
    change(&mut acquire);
    Operation::Acquire(acquire)
}

/// Raises the level to 2.
pub(super) fn raise_level(script: &mut Script) {
    raise_to(script, 2);
}

pub(super) fn raise_to(script: &mut Script, level: u32) {
    let settings = crate::lock::Settings { lease_ms: 150, ttl_ms_max: 60_000, level };
    script.apply(&Command::Settings(settings));
}
