//! The thread that serves the client while nobody waits in it: renewals, pushes, pending calls, the end; and what is due,
//! always.

use super::{Shared, link_of};
use crate::net::{Key, Poller};

/// Until the client is closed and nothing is left to do.
pub(super) fn run(shared: &Shared, mut poller: Poller) {
    loop {
        let timeout = {
            let mut inner = shared.inner.lock();
            if inner.is_finished() {
                return;
            }
            inner.reset_alarm();
            inner.poll_bound()
        };
        let waited = poller.wait(timeout);
        let mut inner = shared.inner.lock();
        inner.alarm.rest();
        if let Err(error) = waited {
            return inner.fail(format!("the poll of its sockets failed: {error}"));
        }
        let ready = poller.ready().map(|ready| ready.key);
        let links = ready.filter(|key| ![WAKE, ALARM].contains(key)).map(link_of);
        // A panic is in what every call returns from now on.
        let _ = inner.guarded(|inner| inner.turn(links));
        inner.end_waits();
    }
}

/// Links are numbered from 1.
pub(super) const WAKE: Key = Key(0);
pub(super) const ALARM: Key = Key(u64::MAX >> 1);
