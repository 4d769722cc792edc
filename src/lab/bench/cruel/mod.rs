//! `tenure bench --cruel`: the worst that clients may ask for within their bounds, one after the other, and what the nodes
//! and another client make of it.
//!
//! All the while very many locks are held, very many sessions renew, and a probe takes and gives back a lock of its own. Of each act is
//! told the longest turn of a node's loop, as the nodes measure it themselves, and whether leadership changed.

mod acts;
mod herd;
mod line;
mod party;
mod probe;
mod report;
mod sizes;
mod stage;
mod watch;

pub use sizes::Sizes;

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::output;
use herd::{Herd, Kind};
use party::Party;
use stage::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tenure::client::core::{AcquireCall, Wait};
use tenure::sys::{descriptors, thread};

/// How to tell what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// Plays all acts in the cluster at `to`, and tells what was seen. Sessions that are to expire have this TTL.
///
/// # Errors
/// An act could not be played, what came of it is not right, or leadership changed without being asked (1).
pub fn run(sizes: &Sizes, ttl: Duration, to: &Connection, form: Form) -> Result<(), Failure> {
    check_descriptors(sizes)?;
    let mut stage = Stage::new(sizes, ttl, to)?;
    let before = stage.leader()?;
    let played = play(&mut stage).and_then(|()| {
        stage.wait_for("all locks are free, and all sessions ended", |stage| {
            let now = stage.leader()?;
            // The probe's own may be either.
            let is_empty = now.locks <= 1 && now.sessions <= before.sessions.max(2);
            Ok(is_empty.then_some(()))
        })
    });
    output::conclude(&match form {
        Form::Text => report::to_text(&stage),
        Form::Json => report::to_json(&stage),
    })?;
    match (report::check_leaders(&stage.acts), played) {
        (Err(changed), Err(failed)) => {
            Err(Failure::new(NO, format!("{}; {}", changed.message, failed.message)))
        }
        (leaders, played) => leaders.and(played),
    }
}

fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let mut held = hold(stage)?;
    let crowd = Crowd::start(stage)?;
    let played = acts::play(stage);
    let crowd = crowd.end()?;
    played?;
    stage.check("sessions that renewed to the end", crowd);
    held.close()
}

/// Takes the locks that are held all the while.
fn hold(stage: &mut Stage<'_>) -> Result<Party, Failure> {
    let locks = stage.sizes.locks;
    let sessions = locks.div_ceil(LOCKS_PER_SESSION);
    let mut held = Party::new(stage, sessions, |at| format!("cruel/held/{at}"), LONG_TTL)?;
    stage.act(format!("{sessions} sessions take {locks} locks"), &mut held, |_, held| {
        for lock in 0..locks {
            let place = usize::try_from(lock / LOCKS_PER_SESSION).expect("few sessions");
            held.want(place, AcquireCall::lock(party::name("held", lock), Wait::Forever));
        }
        held.grants(usize::try_from(locks).expect("a number of locks")).map(drop)
    })?;
    Ok(held)
}

/// The sessions that renew all the while, in a thread of their own.
#[derive(Debug)]
struct Crowd {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Herd, Failure>>,
}

impl Crowd {
    fn start(stage: &mut Stage<'_>) -> Result<Self, Failure> {
        let sessions = usize::try_from(stage.sizes.sessions).expect("a number of sessions");
        let connections = sessions.div_ceil(SESSIONS_PER_CONNECTION);
        let sessions = sessions.div_ceil(connections);
        let kind = Kind { connections, sessions, ttl: CROWD_TTL, locks: None };
        let name = format!("{} sessions begin to renew", connections * sessions);
        let mut herd = stage.act(name, &mut (), |stage, ()| {
            Herd::open(kind, &stage.to.endpoints, &stage.leader_address()?)
        })?;
        let is_over = Arc::new(AtomicBool::new(false));
        let run = {
            let is_over = Arc::clone(&is_over);
            move || herd.run(&is_over).map(|()| herd)
        };
        let thread = thread::spawn("tenure-crowd", run).map_err(|error| {
            Failure::unavailable(format!("cannot start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(Self { is_over, thread })
    }

    /// Ends the sessions: how many had lived until then.
    fn end(self) -> Result<usize, Failure> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut herd = self.thread.join().expect("the thread of the crowd does not panic")?;
        let lost = herd.lost();
        if lost > 0 {
            let text = format!("of the sessions that renewed all the while {lost} have ended");
            return Err(Failure::new(NO, text));
        }
        herd.close()
    }
}

/// This process has a connection for each client that comes back, and some for all else.
fn check_descriptors(sizes: &Sizes) -> Result<(), Failure> {
    let needed = sizes.returning + 3 * sizes.circle + sizes.sessions / 500 + 500;
    let limit = descriptors::raise_limit();
    if limit < needed {
        return Err(Failure::usage(format!(
            "{needed} descriptors are needed and {limit} allowed: raise `ulimit -Hn`, or lower --returning"
        )));
    }
    Ok(())
}

/// Half of what a session may hold.
const LOCKS_PER_SESSION: u64 = 8192;
const SESSIONS_PER_CONNECTION: usize = 1000;
const LONG_TTL: Duration = Duration::from_secs(3600);
/// Each renews three times as often.
const CROWD_TTL: Duration = Duration::from_secs(60);
