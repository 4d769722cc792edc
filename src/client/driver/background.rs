//! The thread that serves the client while nobody waits in it: renewals, pushes, pending calls, the end.

use super::seat::timeout_until;
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
            inner.background_until = inner.next_deadline();
            timeout_until(inner.background_until)
        };
        let waited = poller.wait(timeout);
        let mut inner = shared.inner.lock();
        // Until it sleeps again it needs no wake.
        inner.background_until = 0;
        if let Err(error) = waited {
            return inner.fail(format!("the poll of its sockets failed: {error}"));
        }
        let links = poller.ready().map(|ready| ready.key).filter(|key| *key != WAKE).map(link_of);
        // A panic is in what every call returns from now on.
        let _ = inner.guarded(|inner| inner.turn(links));
    }
}

/// Links are numbered from 1.
pub(super) const WAKE: Key = Key(0);
