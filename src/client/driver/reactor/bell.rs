//! Bells: a client calls the reactor's thread without a lock, also from a signal handler.

use super::Member;
use crate::net::Wake;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bell of one client. It rings until the thread has heard it.
#[derive(Clone, Debug)]
pub(in crate::client::driver) struct Bell {
    ring: Arc<Ring>,
    bit: u64,
    wake: Wake,
}

/// The bells of up to [`Ring::LEN`] members whose numbers follow each other, a bit for each.
#[derive(Debug, Default)]
pub(super) struct Ring(AtomicU64);

impl Bell {
    pub(super) fn new(ring: Arc<Ring>, member: Member, wake: Wake) -> Self {
        Self { ring, bit: 1 << (member.0 % Ring::LEN), wake }
    }

    /// A bell without a member.
    #[cfg(test)]
    pub(in crate::client::driver) fn alone(wake: Wake) -> Self {
        Self::new(Arc::default(), Member(0), wake)
    }

    /// Calls the thread. The bell of a client that has left calls the thread to the next client
    /// with its number, or in vain.
    pub(in crate::client::driver) fn ring(&self) {
        self.ring.0.fetch_or(self.bit, Ordering::SeqCst);
        // Also if the bell rings already: the thread that rang it may not have come to this line
        // yet.
        self.wake.wake();
    }
}

impl Ring {
    pub(super) const LEN: usize = u64::BITS as usize;

    /// Silences all bells; gives the numbers of their members, counted from the ring's first.
    pub(super) fn hear(&self) -> impl Iterator<Item = usize> + use<> {
        let quiet = self.0.load(Ordering::SeqCst) == 0;
        let bits = if quiet { 0 } else { self.0.swap(0, Ordering::SeqCst) };
        (0..Self::LEN).filter(move |at| bits >> at & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Key, Poller};

    #[test]
    fn each_bell_is_heard_once_however_often_it_rang() {
        let mut poller = Poller::new(1).unwrap();
        let wake = poller.wake(Key(0)).unwrap();
        let ring = Arc::new(Ring::default());
        let bell = |number| Bell::new(Arc::clone(&ring), Member(number), wake.clone());
        for number in [64 + 3, 63, 3, 0] {
            bell(number).ring();
        }
        poller.wait(None).unwrap();
        assert_eq!(ring.hear().collect::<Vec<_>>(), [0, 3, 63]);
        assert_eq!(ring.hear().next(), None);
    }
}
