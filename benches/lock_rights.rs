//! What rights cost an apply: the same acquires and releases by machines with rights off and on, in turns of one run, so that whatever
//! else the machine does slows all of them alike. `cargo bench --bench lock_rights`

use std::hint::black_box;
use std::time::Instant;
use tenure::base::{Index, Owner, RequestId, Rights, SessionId, SessionKey, Subject, Term, Token};
use tenure::lock::{
    AccessChange, Acquire, Command, LockMachine, Mode, Name, Names, Operation, Outcome, Rule,
    Settings,
};

/// A machine with sessions that take and give back locks one after the other.
struct Bench {
    machine: LockMachine,
    index: u64,
    request: u64,
    token: u64,
    sessions: Vec<SessionId>,
    names: Vec<Name>,
    cycle: usize,
}

impl Bench {
    /// So many sessions of `client/team/billing`, and locks that are held beside; every other rule is of somebody or something else.
    fn new(sessions: usize, held: usize, rules: &Rules) -> Self {
        let names: Vec<Name> = (0..NAMES).map(|number| name(number * 2 + 1)).collect();
        let (machine, zero) = (LockMachine::new(), 0);
        let (index, request, token, cycle) = (zero, zero, zero, 0);
        let mut bench = Self { machine, index, request, token, sessions: Vec::new(), names, cycle };
        let settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 3 };
        bench.apply(&Command::Settings(settings));
        rules.write(&mut bench);
        for number in 0..held {
            if number % 10_000 == 0 {
                bench.open();
            }
            let session = *bench.sessions.last().expect("one was opened");
            bench.acquire(session, &name(number * 2));
        }
        bench.sessions.clear();
        (0..sessions).for_each(|_| bench.open());
        bench
    }

    fn apply(&mut self, command: &Command) -> Option<Outcome> {
        self.index += 1;
        self.machine.apply(Index(self.index), Term(1), 0, command).outcome
    }

    fn change(&mut self, change: AccessChange) {
        let by = "operator/root".parse().expect("a subject");
        match self.apply(&Command::Access { by, change }) {
            Some(Outcome::AccessChanged(Ok(_))) => {}
            other => panic!("the rules are not changed: {other:?}"),
        }
    }

    fn allow(&mut self, who: &str, rights: &str, names: &str) {
        let names = if names.is_empty() {
            Names::of_cluster()
        } else {
            names.parse().expect("a pattern of names")
        };
        let who = who.parse().expect("a pattern of subjects");
        let rights: Rights = rights.parse().expect("rights");
        self.change(AccessChange::Allow(Rule { who, names, rights }));
    }

    fn open(&mut self) {
        let subject: Subject = "client/team/billing".parse().expect("a subject");
        let (key, client) = (SessionKey([0; 16]), "host:1".to_owned());
        let open = Command::OpenSessionOf { ttl_ms: 10_000, key, client, subject };
        match self.apply(&open) {
            Some(Outcome::SessionOpened { session, .. }) => self.sessions.push(session),
            other => panic!("no session: {other:?}"),
        }
    }

    fn submit(&mut self, session: SessionId, operation: Operation) -> Option<Outcome> {
        self.request += 1;
        let request = RequestId(self.request);
        self.apply(&Command::Request { session, request, floor: request, operation })
    }

    fn acquire(&mut self, session: SessionId, name: &Name) {
        let acquire = Acquire {
            name: name.clone(),
            value: Vec::new(),
            mode: Mode::Exclusive,
            limit: 0,
            permits: 1,
            owner: Owner(0),
            delay_ms: 0,
            try_only: false,
        };
        self.token += 1;
        black_box(self.submit(session, Operation::Acquire(acquire)));
    }

    fn cycles(&mut self, count: usize) {
        for _ in 0..count {
            self.cycle += 1;
            let session = self.sessions[self.cycle * STRIDE % self.sessions.len()];
            let name = self.names[self.cycle * STRIDE % NAMES].clone();
            self.acquire(session, &name);
            let release = Operation::Release { name, token: Token(self.token) };
            black_box(self.submit(session, release));
        }
    }
}

/// What stands, and whether it is in force.
enum Rules {
    Off,
    /// One for everybody and everything.
    One,
    /// So many of this subject for others' names, of others for these, and the one that allows.
    Many(usize),
}

impl Rules {
    fn write(&self, bench: &mut Bench) {
        bench.allow("operator/root", "admin", "");
        match self {
            Self::Off => return,
            Self::One => bench.allow("*", "acquire,read,break", "*"),
            Self::Many(count) => {
                for number in 0..*count / 2 {
                    bench.allow("client/team/*", "acquire", &format!("reports/{number}/"));
                    bench.allow(&format!("client/other-{number}/*"), "acquire", "jobs/");
                }
                bench.allow("client/team/billing", "acquire,read", "jobs/");
            }
        }
        bench.change(AccessChange::On);
    }
}

fn name(number: usize) -> Name {
    Name::try_from(format!("jobs/{number:07}")).expect("a valid name")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds of an acquire with its release, median of all batches; each batch of one machine between those of the others.
fn measure(sessions: usize, held: usize) -> Vec<f64> {
    let all = [Rules::Off, Rules::One, Rules::Many(100), Rules::Many(4_000), Rules::Off];
    let mut machines: Vec<Bench> =
        all.iter().map(|rules| Bench::new(sessions, held, rules)).collect();
    let mut times = vec![Vec::new(); machines.len()];
    for batch in 0..BATCHES {
        for place in 0..machines.len() {
            // In another order each time: none has always the same before it.
            let place = (place * 2 + batch) % machines.len();
            let began = Instant::now();
            machines[place].cycles(BATCH);
            times[place].push(began.elapsed().as_nanos() as f64 / BATCH as f64);
        }
    }
    assert!(machines.iter().all(|bench| bench.machine.held_count() == held), "all was given back");
    times.into_iter().map(median).collect()
}

fn main() {
    println!(
        "{:<24}{:>9}{:>16}{:>16}{:>16}{:>16}",
        "", "off", "one rule", "100", "4,000", "off again"
    );
    for (sessions, held) in [(1, 0), (1, 100_000), (10_000, 100_000)] {
        let medians = measure(sessions, held);
        let cell = |nanos: &f64| format!("{nanos:.0} ns {:.3}", nanos / medians[0]);
        let cells: Vec<String> = medians[1..].iter().map(cell).collect();
        print!("{:<24}{:>6.0} ns", format!("{sessions} sessions, {held} held"), medians[0]);
        println!("{:>16}{:>16}{:>16}{:>16}", cells[0], cells[1], cells[2], cells[3]);
    }
}

/// Prime to both numbers below, so that neither sessions nor names come in an order that a cache foresees.
const STRIDE: usize = 38_197;
const NAMES: usize = 100_000;
const BATCH: usize = 500;
const BATCHES: usize = 601;
