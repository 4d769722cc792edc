//! The background load of the acts: very many held locks, and very many sessions that renew.

use super::herd::{Herd, Kind};
use super::party::{Party, name};
use super::stage::Stage;
use crate::cli::failure::{Failure, NO};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tenure::client::core::{AcquireCall, Wait};
use tenure::sys::thread;

/// Takes the locks that stay held during all acts.
pub fn hold(stage: &mut Stage<'_>, locks: u64) -> Result<Party, Failure> {
    let sessions = locks.div_ceil(LOCKS_PER_SESSION);
    let mut held = Party::new(stage, sessions, |at| format!("cruel/held/{at}"), LONG_TTL)?;
    stage.prepare(format!("{sessions} sessions take {locks} locks"), |_, ()| {
        for lock in 0..locks {
            let place = usize::try_from(lock / LOCKS_PER_SESSION).expect("few sessions");
            held.want(place, AcquireCall::lock(name("held", lock), Wait::Forever));
        }
        held.grants(usize::try_from(locks).expect("a number of locks")).map(drop)
    })?;
    Ok(held)
}

/// The sessions that renew during all acts, on a thread of their own.
#[derive(Debug)]
pub struct Crowd {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Herd, Failure>>,
}

impl Crowd {
    /// Begins, with at least so many sessions.
    pub fn start(stage: &mut Stage<'_>, sessions: u64) -> Result<Self, Failure> {
        let sessions = usize::try_from(sessions).expect("a number of sessions");
        let connections = sessions.div_ceil(SESSIONS_PER_CONNECTION);
        let sessions = sessions.div_ceil(connections);
        let kind = Kind { connections, sessions, ttl: CROWD_TTL, locks: None };
        let name = format!("{} sessions begin to renew", connections * sessions);
        let mut herd = stage.prepare(name, |stage, ()| {
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

    /// Ends the sessions; says how many were alive.
    ///
    /// # Errors
    /// Some had been lost.
    pub fn end(self) -> Result<usize, Failure> {
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

/// Half of what a session may hold.
const LOCKS_PER_SESSION: u64 = 8192;
const SESSIONS_PER_CONNECTION: usize = 1000;
const LONG_TTL: Duration = Duration::from_secs(3600);
/// The TTL of these sessions; each renews every third of it.
pub const CROWD_TTL: Duration = Duration::from_secs(60);
