//! The thread of a reactor: it serves the sockets of all its clients while no thread waits in them,
//! and their deadlines always.

use super::{ALARM, Member, Reactor, WAKE, link_of};
use crate::client::core::LinkId;
use crate::client::driver::background::{Patience, Served};
use crate::net::Poller;
use crate::sys::clock;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct EventLoop {
    reactor: Arc<Reactor>,
    poller: Poller,
    /// Members with something to do, one turn of each.
    work: BTreeMap<Member, Work>,
    /// The order of service by deadline; members that are in both queues, or were served, are
    /// skipped.
    due: VecDeque<Member>,
    called: VecDeque<Member>,
}

/// The work of a member.
#[derive(Debug, Default)]
struct Work {
    /// Links that the poller has reported (edge-triggered, so once).
    ready: Vec<LinkId>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Called,
    /// A thread has the client, and rings afterwards.
    Taken,
    /// The client was taken, and its bell has rung.
    Free,
}

impl EventLoop {
    pub(super) fn new(reactor: Arc<Reactor>, poller: Poller) -> Self {
        let (work, due, called) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        Self { reactor, poller, work, due, called }
    }

    /// Runs until the last client has left.
    pub(super) fn run(mut self) {
        let run = || -> io::Result<()> {
            while !self.reactor.has_ended() {
                self.turn()?;
            }
            Ok(())
        };
        let why = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("the poll of its sockets failed: {error}"),
            Err(_) => "the thread that serves it panicked".to_owned(),
        };
        // A bug has ended the loop: no thread may wait for ever.
        for client in self.reactor.abandon() {
            client.give_up(&why);
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        self.take_ready();
        let rung = { self.reactor.book.lock().hear() };
        for member in rung {
            self.call(member);
        }
        for _ in 0..SERVED_MAX {
            self.take_due();
            // Alternating, so that neither queue starves the other.
            let served = [self.due.pop_front(), self.called.pop_front()];
            if served == [None, None] {
                break;
            }
            served.into_iter().flatten().for_each(|member| self.serve(member));
        }
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        let is_idle = self.due.is_empty() && self.called.is_empty();
        if is_idle {
            self.reactor.book.lock().arm_for_next();
        }
        self.poller.wait((!is_idle).then_some(Duration::ZERO))
    }

    fn take_ready(&mut self) {
        let keys: Vec<_> = self.poller.ready().map(|ready| ready.key).collect();
        if keys.contains(&ALARM) {
            self.reactor.book.lock().handle_alarm();
        }
        for key in keys.into_iter().filter(|key| ![WAKE, ALARM].contains(key)) {
            let (member, link) = link_of(key);
            let work = self.work.entry(member).or_default();
            if !work.ready.contains(&link) {
                work.ready.push(link);
            }
            if work.stage == Stage::Called {
                self.called.push_back(member);
            }
        }
    }

    fn take_due(&mut self) {
        let now = clock::boot_nanos();
        loop {
            let Some(member) = ({ self.reactor.book.lock().take_due(now) }) else { return };
            if self.work.entry(member).or_default().stage != Stage::Taken {
                self.due.push_back(member);
            }
        }
    }

    /// Queues a member that rang, or has more work.
    fn call(&mut self, member: Member) {
        let work = self.work.entry(member).or_default();
        if work.stage == Stage::Taken {
            work.stage = Stage::Free;
        }
        self.called.push_back(member);
    }

    fn serve(&mut self, member: Member) {
        let Some(work) = self.work.remove(&member) else { return };
        if work.stage == Stage::Taken {
            self.work.insert(member, work);
            return;
        }
        let Some(client) = ({ self.reactor.book.lock().client(member) }) else { return };
        let patience = match work.stage {
            Stage::Free => Patience::Brief,
            Stage::Called | Stage::Taken => Patience::None,
        };
        let (served, lines) = client.serve(&work.ready, patience);
        self.reactor.log.say(lines);
        match served {
            Served::All => {}
            Served::More => self.call(member),
            Served::Taken => {
                self.work.insert(member, Work { stage: Stage::Taken, ..work });
            }
            Served::Finished => self.reactor.leave(member),
        }
    }
}

/// Members served between two polls.
const SERVED_MAX: usize = 64;
