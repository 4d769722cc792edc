//! The counter of fencing tokens, and the epoch in front of all replicated numbers (L3, L15).

use crate::base::{Index, SessionId, Token};

/// The one source of tokens: each is larger than every earlier one, whatever lock it is for (L3).
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    epoch: Epoch,
    granted: u64,
}

impl Tokens {
    /// A token that was never given out before (L4).
    pub(super) fn next(&mut self) -> Token {
        self.granted += 1;
        Token(self.epoch.stamp(self.granted))
    }

    /// The counter after `granted` tokens of `epoch`; `None` if either does not fit.
    pub(super) fn resume(epoch: u64, granted: u64) -> Option<Self> {
        let fits = epoch <= EPOCH_MAX && granted < 1 << EPOCH_SHIFT;
        fits.then_some(Self { epoch: Epoch(epoch), granted })
    }

    /// The incarnation of the cluster.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.0
    }

    /// The number of tokens given out since the cluster was founded.
    pub(super) fn granted(&self) -> u64 {
        self.granted
    }

    /// The newest token given out; `Token(0)` before the first of epoch 0.
    pub(super) fn last(&self) -> Token {
        Token(self.epoch.stamp(self.granted))
    }

    /// Below all tokens of this epoch.
    pub(super) fn floor(&self) -> Token {
        Token(self.epoch.stamp(0))
    }

    /// The id of the session that the entry at `index` creates.
    pub(super) fn session_id(&self, index: Index) -> SessionId {
        SessionId(self.epoch.stamp(index.0))
    }
}

/// The incarnation of the cluster, raised by each restore (L15); 0 for one that was never restored.
/// Below 2¹⁵, so that tokens stay below 2⁶³.
#[derive(Clone, Copy, Debug, Default)]
struct Epoch(u64);

impl Epoch {
    /// `number` with this epoch in bits 48–62.
    fn stamp(self, number: u64) -> u64 {
        assert!(self.0 <= EPOCH_MAX, "epoch {} has more than 15 bits", self.0);
        assert!(number < 1 << EPOCH_SHIFT, "{number} does not fit below the epoch");
        self.0 << EPOCH_SHIFT | number
    }
}

/// The epoch's lowest bit. 2⁴⁸ tokens of one epoch last 89 years at 100,000 grants a second.
const EPOCH_SHIFT: u32 = 48;
/// The most that a snapshot may say was granted, or applied: a counter taken from a forged snapshot would
/// soon run out. The sixteenth left over lasts five years at 100,000 grants a second.
pub(super) const COUNT_MAX: u64 = (1 << EPOCH_SHIFT) - (1 << (EPOCH_SHIFT - 4));
/// The last epoch. At one restore a day it comes after 89 years.
pub(super) const EPOCH_MAX: u64 = (1 << (63 - EPOCH_SHIFT)) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_rise_from_one_and_the_epoch_stands_in_bits_48_to_62() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.last(), Token(0));
        assert_eq!((tokens.next(), tokens.next(), tokens.last()), (Token(1), Token(2), Token(2)));
        let mut restored = Tokens::resume(3, tokens.granted()).unwrap();
        assert_eq!(restored.next(), Token((3 << 48) + 3));
        assert_eq!(restored.session_id(Index(9)), SessionId((3 << 48) + 9));
    }

    #[test]
    fn the_largest_epoch_keeps_tokens_below_two_to_the_63() {
        let mut last = Tokens::resume((1 << 15) - 1, (1 << 48) - 2).unwrap();
        assert_eq!(last.next(), Token((1 << 63) - 1));
        assert!(Tokens::resume(1 << 15, 0).is_none());
        assert!(Tokens::resume(0, 1 << 48).is_none());
    }

    #[test]
    #[should_panic(expected = "does not fit below the epoch")]
    fn a_counter_that_would_run_into_the_epoch_stops_the_machine() {
        Tokens { epoch: Epoch(0), granted: (1 << 48) - 1 }.next();
    }
}
