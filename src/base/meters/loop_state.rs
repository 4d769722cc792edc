//! State of a node's loop, as another thread sees it: whether it turns, and what it waits for.

use super::{Counter, Gauge};

/// Written at the begin and the end of each turn. Instants are readings of BOOTTIME; 0: none.
#[derive(Debug, Default)]
pub struct LoopState {
    /// Turns that have begun.
    pub turns: Counter,
    /// When the present turn began; 0 while it waits for its sockets.
    turn_began: Gauge,
    /// Since when it waits for its disk; 0 while it does not.
    sync_began: Gauge,
    /// 1 once it has ended.
    ended: Gauge,
}

/// What a loop that does not answer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Reading its directory; the loop has not begun.
    Starting,
    /// Nothing any more.
    Ended,
    /// Waiting for its disk, for so many nanoseconds.
    Syncing(u64),
    /// In one turn, for so many nanoseconds.
    Turning(u64),
    /// Waiting for its sockets.
    Waiting,
}

impl LoopState {
    /// A turn begins.
    pub fn begin_turn(&self, now: u64) {
        self.turns.add(1);
        self.turn_began.set(now);
    }

    /// The turn is over; the loop waits for its sockets.
    pub fn end_turn(&self) {
        self.turn_began.set(0);
    }

    /// A sync begins; the loop waits for its disk.
    pub fn begin_sync(&self, now: u64) {
        self.sync_began.set(now);
    }

    /// The sync is over.
    pub fn end_sync(&self) {
        self.sync_began.set(0);
    }

    /// The loop ends for good.
    pub fn end(&self) {
        self.ended.set(1);
    }

    /// What the loop is doing at `now`.
    #[must_use]
    pub fn doing(&self, now: u64) -> Doing {
        if self.ended.value() == 1 {
            return Doing::Ended;
        }
        match (self.sync_began.value(), self.turn_began.value()) {
            (0, 0) if self.turns.value() == 0 => Doing::Starting,
            (0, 0) => Doing::Waiting,
            (0, turn) => Doing::Turning(now.saturating_sub(turn)),
            (sync, _) => Doing::Syncing(now.saturating_sub(sync)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_about_is_the_innermost_of_what_it_began() {
        let state = LoopState::default();
        assert_eq!(state.doing(9), Doing::Starting);
        state.begin_turn(10);
        assert_eq!(state.doing(15), Doing::Turning(5));
        state.begin_sync(20);
        assert_eq!(state.doing(50), Doing::Syncing(30));
        state.end_sync();
        assert_eq!(state.doing(50), Doing::Turning(40));
        state.end_turn();
        assert_eq!(state.doing(60), Doing::Waiting);
        state.end();
        assert_eq!((state.doing(60), state.turns.value()), (Doing::Ended, 1));
    }
}
