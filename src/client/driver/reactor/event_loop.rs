//! The thread of a reactor: renewals, pushes, pending calls and ends of all its clients while nobody waits in them; and
//! what is due, always.

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
    /// In which order; those that are in both, or were served, are passed over.
    due: VecDeque<Member>,
    called: VecDeque<Member>,
}

/// Why a member is to be served.
#[derive(Debug, Default)]
struct Work {
    /// Of these it was said, once, that there is something.
    ready: Vec<LinkId>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Called,
    /// A thread has the client, and rings when it has done with it.
    Taken,
    /// It was taken, and its bell rang.
    Free,
}

impl EventLoop {
    pub(super) fn new(reactor: Arc<Reactor>, poller: Poller) -> Self {
        let (work, due, called) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        Self { reactor, poller, work, due, called }
    }

    /// Until the last client has left.
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
        // A bug: whatever is broken, nobody waits for ever.
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
            // In turns, so that neither holds up the other.
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

    /// It rang, or has more to do.
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

/// Members that are served before the poller is asked anew who else has something.
const SERVED_MAX: usize = 64;
