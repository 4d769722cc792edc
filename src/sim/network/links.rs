//! How each directed link between two machines is: whole, cut, slow or lossy; and which machines have power.

use crate::base::rng::Rng;
use crate::sim::network::HostId;
use std::collections::{BTreeMap, BTreeSet};

/// All directed links.
#[derive(Debug)]
pub struct Links {
    rng: Rng,
    delay_nanos: (u64, u64),
    slow: BTreeMap<(HostId, HostId), u64>,
    lossy: BTreeMap<(HostId, HostId), u64>,
    cuts: BTreeMap<(HostId, HostId), u32>,
    down: BTreeSet<HostId>,
}

impl Links {
    /// Whole links whose messages take `delay_nanos`, shortest and longest.
    #[must_use]
    pub fn new(rng: Rng, delay_nanos: (u64, u64)) -> Self {
        Self {
            rng,
            delay_nanos,
            slow: BTreeMap::new(),
            lossy: BTreeMap::new(),
            cuts: BTreeMap::new(),
            down: BTreeSet::new(),
        }
    }

    /// Nothing goes from `from` to `to` any more; cuts add up.
    pub fn cut(&mut self, from: HostId, to: HostId) {
        *self.cuts.entry((from, to)).or_default() += 1;
    }

    /// Undoes one cut.
    pub fn mend(&mut self, from: HostId, to: HostId) {
        if let Some(cuts) = self.cuts.get_mut(&(from, to)) {
            *cuts -= 1;
            if *cuts == 0 {
                self.cuts.remove(&(from, to));
            }
        }
    }

    /// Messages from `from` to `to` take up to `nanos` longer.
    pub fn slow(&mut self, from: HostId, to: HostId, nanos: u64) {
        self.slow.insert((from, to), nanos);
    }

    /// One packet in `one_in` from `from` to `to` is lost, and sent again after a while; 0 is none.
    pub fn lose(&mut self, from: HostId, to: HostId, one_in: u64) {
        self.lossy.insert((from, to), one_in);
    }

    /// All links are as at the start.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.slow.clear();
        self.lossy.clear();
    }

    /// The machine has no power: it neither takes nor sends anything.
    pub fn power_off(&mut self, host: HostId) {
        self.down.insert(host);
    }

    /// The machine is back.
    pub fn power_on(&mut self, host: HostId) {
        self.down.remove(&host);
    }

    /// Whether nothing gets from `from` to `to` now.
    #[must_use]
    pub fn is_silent(&self, from: HostId, to: HostId) -> bool {
        self.cuts.contains_key(&(from, to)) || self.down.contains(&to)
    }

    /// How long the next message takes.
    pub fn draw_delay(&mut self, from: HostId, to: HostId) -> u64 {
        let (shortest, longest) = self.delay_nanos;
        let mut delay = self.rng.between(shortest, longest);
        if let Some(slow) = self.slow.get(&(from, to)) {
            delay += self.rng.below(slow + 1);
        }
        if let Some(one_in) = self.lossy.get(&(from, to)).filter(|one_in| **one_in > 0) {
            let mut wait = RETRANSMIT_NANOS;
            while wait < RETRANSMIT_NANOS_MAX && self.rng.chance(1, *one_in) {
                delay += wait;
                wait *= 2;
            }
        }
        delay
    }

    /// When what was held back is sent again after a cut has healed.
    pub fn draw_retransmission(&mut self) -> u64 {
        self.rng.below(RETRANSMIT_NANOS)
    }

    /// How long a sender waits for an acknowledgement before it gives the connection up.
    pub fn draw_patience(&mut self) -> u64 {
        self.rng.between(GIVE_UP_NANOS.0, GIVE_UP_NANOS.1)
    }
}

const RETRANSMIT_NANOS: u64 = 200_000_000;
const RETRANSMIT_NANOS_MAX: u64 = 1_600_000_000;
const GIVE_UP_NANOS: (u64, u64) = (1_000_000_000, 8_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    #[test]
    fn cuts_add_up_and_go_one_way() {
        let mut links = Links::new(Rng::new(1), (1, 1));
        links.cut(A, B);
        links.cut(A, B);
        links.mend(A, B);
        assert!(links.is_silent(A, B) && !links.is_silent(B, A));
        links.mend(A, B);
        assert!(!links.is_silent(A, B));
    }

    #[test]
    fn lost_packets_come_late_and_others_do_not() {
        let mut links = Links::new(Rng::new(1), (10, 20));
        links.lose(A, B, 3);
        let delays: Vec<u64> = (0..100).map(|_| links.draw_delay(A, B)).collect();
        let late = delays.iter().filter(|delay| **delay >= RETRANSMIT_NANOS).count();
        assert!((10..60).contains(&late), "{late}");
        assert!((0..100).all(|_| links.draw_delay(B, A) <= 20));
    }
}
