//! Shares of a lock, and which of them may be held beside each other (L1): for the model and for beliefs.

use crate::lock::{Acquire, Mode};

/// How much of a lock an acquire asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// 0 = a lock, else a semaphore of this size.
    pub limit: u32,
    /// A reader, and not alone.
    pub is_shared: bool,
    /// How many permits.
    pub permits: u32,
}

impl Share {
    /// All of a lock.
    pub const WHOLE: Self = Self { limit: 0, is_shared: false, permits: 1 };

    /// The share that `acquire` asks for.
    #[must_use]
    pub fn of(acquire: &Acquire) -> Self {
        let Acquire { limit, mode, permits, .. } = *acquire;
        Self { limit, is_shared: mode == Mode::Shared, permits }
    }

    /// Whether there is a lock of which one can have so much.
    #[must_use]
    pub fn is_possible(self) -> bool {
        let is_of_lock = self.limit == 0 && self.permits == 1;
        let is_of_semaphore = !self.is_shared && self.permits >= 1 && self.permits <= self.limit;
        is_of_lock || is_of_semaphore
    }

    /// Whether one can have so much while others have `others`.
    pub fn fits_beside(self, others: impl IntoIterator<Item = Self>) -> bool {
        let mut permits = self.permits;
        for other in others {
            let both_read = self.is_shared && other.is_shared;
            if other.limit != self.limit || (self.limit == 0 && !both_read) {
                return false;
            }
            permits += other.permits;
        }
        self.limit == 0 || permits <= self.limit
    }

    /// Whether nobody else can have anything: then its token fences (safety §1).
    #[must_use]
    pub fn is_whole(self) -> bool {
        !self.fits_beside([Self { permits: 1, ..self }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: Share = Share { is_shared: true, ..Share::WHOLE };

    fn permits(permits: u32) -> Share {
        Share { limit: 3, permits, ..Share::WHOLE }
    }

    #[test]
    fn readers_are_together_and_a_writer_is_alone() {
        assert!(READER.fits_beside([READER, READER]));
        assert!(!READER.fits_beside([Share::WHOLE]));
        assert!(!Share::WHOLE.fits_beside([READER]));
        assert!(!Share::WHOLE.fits_beside([Share::WHOLE]));
        assert!(Share::WHOLE.fits_beside([]));
    }

    #[test]
    fn permits_never_exceed_the_size() {
        assert!(permits(1).fits_beside([permits(1), permits(1)]));
        assert!(!permits(2).fits_beside([permits(1), permits(1)]));
        assert!(permits(3).is_whole() && !permits(2).is_whole());
    }

    #[test]
    fn a_lock_is_of_one_kind_at_a_time() {
        assert!(!permits(1).fits_beside([READER]));
        assert!(!READER.fits_beside([permits(1)]));
        assert!(!permits(4).is_possible() && !permits(0).is_possible());
        assert!(!Share { is_shared: true, ..permits(1) }.is_possible());
    }
}
