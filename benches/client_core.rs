//! What the core of a client takes for cycles of which many are under way: acquire, grant, release and its answer, without a
//! network and a driver.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;
use tenure::base::time::RHO_PPM;
use tenure::base::{
    Ancestors, ClusterId, NodeId, RequestId, Sample, SessionId, SessionKey, Term, Token,
};
use tenure::client::core::{AcquireCall, Core, CoreAction, CoreOptions, Done, LinkId, Wait};
use tenure::lock::{Answer, Name, Operation};
use tenure::wire::{ClientWelcome, LeaderHint, Request, ServerMessage, Speech, Welcomed};

const SESSION: SessionId = SessionId(1);

/// A core with a session, and a server that grants and releases whatever it is asked for, in order.
struct Bench {
    core: Core,
    link: LinkId,
    now: Sample,
    asked: VecDeque<(RequestId, Answer)>,
    token: u64,
    names: Vec<Name>,
    /// Who waits for ever behind others, and is answered once.
    queued: u64,
}

impl Bench {
    /// With `depth` names to acquire, and `queued` acquires that stand in a queue all the while.
    fn new(depth: usize, queued: u64) -> Self {
        let second = Duration::from_secs(1);
        let options = CoreOptions {
            endpoints: vec!["n1:1".to_owned()],
            pin: None,
            client: "bench".to_owned(),
            ttl: 3600 * second,
            connect_timeout: 3600 * second,
            request_timeout: 3600 * second,
            progress: None,
            key: SessionKey([0; 16]),
            seed: 1,
        };
        let now = Sample::at(1);
        let name = |number: usize| Name::try_from(format!("bench/{number}")).expect("a name");
        let mut bench = Self {
            core: Core::new(options, &now),
            link: LinkId(0),
            now,
            asked: VecDeque::new(),
            token: 0,
            names: (0..depth).map(name).collect(),
            queued,
        };
        bench.open();
        for number in 0..queued {
            bench.acquire(depth + usize::try_from(number).expect("few"));
        }
        bench.turn();
        bench
    }

    fn open(&mut self) {
        self.drain();
        let leader = LeaderHint { term: Term(1), leader: Some((NodeId(1), "n1:1".to_owned())) };
        let welcome = ClientWelcome { node: NodeId(1), cluster: Some(ClusterId([1; 16])), leader };
        let welcomed = Welcomed { welcome, speech: Speech::own(), ancestors: Ancestors::NONE };
        self.core.handle_welcome(&self.now, self.link, welcomed);
        self.drain();
    }

    /// Does what the core says; gives back what was granted.
    fn drain(&mut self) -> usize {
        let mut granted = 0;
        loop {
            let actions = self.core.take_actions(&self.now);
            if actions.is_empty() {
                return granted;
            }
            for action in actions {
                match action {
                    CoreAction::Dial { link, .. } => self.link = link,
                    CoreAction::Send { request, .. } => self.hear(request),
                    CoreAction::Decided { result: Ok(Done::Acquired { lease, .. }), .. } => {
                        granted += 1;
                        black_box(self.core.release(&self.now, lease));
                    }
                    _ => {}
                }
            }
        }
    }

    fn hear(&mut self, request: Request) {
        match request {
            Request::OpenSession { number, ttl_ms, .. } => {
                let opened = ServerMessage::SessionOpened {
                    number,
                    session: SESSION,
                    ttl_ms,
                    rho_ppm: RHO_PPM,
                };
                self.core.handle_message(&self.now, self.link, opened);
            }
            Request::Submit { request, operation: Operation::Acquire(_), .. } => {
                let answer = if self.queued > 0 {
                    self.queued -= 1;
                    Answer::Queued { ahead: 1 }
                } else {
                    self.token += 1;
                    Answer::Granted { token: Token(self.token) }
                };
                self.asked.push_back((request, answer));
            }
            Request::Submit { request, .. } => self.asked.push_back((request, Answer::Done)),
            _ => {}
        }
    }

    fn acquire(&mut self, number: usize) {
        let name = self.names.get(number).cloned();
        let name =
            name.unwrap_or_else(|| Name::try_from(format!("queued/{number}")).expect("a name"));
        self.core.acquire(&self.now, AcquireCall::lock(name, Wait::Forever));
    }

    /// All that was asked is answered, and what is granted is released; how much was granted.
    fn turn(&mut self) -> usize {
        let mut granted = self.drain();
        for (request, answer) in std::mem::take(&mut self.asked) {
            let answered = ServerMessage::Answered { session: SESSION, request, answer };
            self.core.handle_message(&self.now, self.link, answered);
        }
        granted += self.drain();
        granted
    }

    /// A cycle of each name.
    fn cycles(&mut self) {
        for number in 0..self.names.len() {
            self.acquire(number);
        }
        let mut granted = 0;
        while granted < self.names.len() {
            granted += self.turn();
        }
    }
}

fn cycles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("client_core");
    for (depth, queued) in [(1, 0), (128, 0), (128, 1000), (1024, 0)] {
        let mut bench = Bench::new(depth, queued);
        group.throughput(Throughput::Elements(depth as u64));
        group.bench_function(format!("{depth}_at_once_{queued}_queued"), |bencher| {
            bencher.iter(|| bench.cycles());
        });
    }
    group.finish();
}

criterion_group!(benches, cycles);
criterion_main!(benches);
