//! Renewals: each transmission with its own number and its own send time (safety L7).

use crate::base::Sample;
use crate::base::rng::Rng;
use crate::base::time::nanos;
use std::collections::BTreeMap;
use std::time::Duration;

/// The unacknowledged transmissions of one session, and when the next is due.
#[derive(Clone, Debug)]
pub(super) struct Renewals {
    sent: BTreeMap<u64, Sample>,
    due: u64,
    interval: Duration,
    /// A renewal is due, and withheld for lack of a sign of life.
    is_withheld: bool,
}

impl Renewals {
    /// The renewals of a session with this TTL, whose creation was sent at `start`.
    pub(super) fn new(ttl: Duration, start: &Sample) -> Self {
        let interval = ttl / RENEWALS_PER_TTL;
        let due = together(start.hint(interval), interval, 0);
        Self { sent: BTreeMap::new(), due, interval, is_withheld: false }
    }

    /// When the next transmission is due, as a reading of BOOTTIME.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Withholds a due renewal until a sign of life.
    pub(super) fn withhold(&mut self) {
        self.is_withheld = true;
    }

    /// Lets a withheld renewal leave.
    pub(super) fn resume(&mut self) {
        self.is_withheld = false;
    }

    pub(super) fn is_withheld(&self) -> bool {
        self.is_withheld
    }

    /// When the next renewal may leave by itself, a reading of BOOTTIME.
    pub(super) fn next_deadline(&self) -> u64 {
        if self.is_withheld { u64::MAX } else { self.due }
    }

    /// Makes a renewal due now, if the last is unanswered: its node may be gone.
    pub(super) fn repeat_unanswered(&mut self, now: &Sample) {
        if !self.sent.is_empty() {
            self.due = now.boot();
        }
    }

    /// Notes that transmission `number` leaves after `now` (L19).
    pub(super) fn handle_sent(&mut self, number: u64, now: &Sample, rng: &mut Rng) {
        self.sent.insert(number, *now);
        if self.sent.len() > SENT_MAX {
            // The oldest is worth least: its acknowledgement would extend least.
            self.sent.pop_first();
        }
        self.due = together(now.hint(self.interval), self.interval, rng.below(INSTANTS_EARLY));
    }

    /// The send time of `number`, once, unless a later one was acknowledged before: numbers rise with
    /// send times, so an earlier one can extend nothing.
    pub(super) fn take_acknowledged(&mut self, number: u64) -> Option<Sample> {
        let start = self.sent.remove(&number)?;
        self.sent = self.sent.split_off(&number);
        Some(start)
    }
}

/// The last but `before` of the common instants, up to `latest`, at which all clients of this
/// machine with such an interval renew: a leader, and a process with many clients, are woken once
/// for many of them. A random draw keeps them spread over these instants.
fn together(latest: u64, interval: Duration, before: u64) -> u64 {
    let step = (nanos(interval) / INSTANTS_PER_INTERVAL).max(1);
    (latest / step).saturating_sub(before) * step
}

/// So many that a leader of the largest number of sessions, all of one machine, gets some hundreds
/// in each.
const INSTANTS_PER_INTERVAL: u64 = 64;
/// Each renewal leaves early by up to so many instants: an eighth of its interval.
const INSTANTS_EARLY: u64 = 8;
/// Two may be lost before belief ends.
const RENEWALS_PER_TTL: u32 = 3;
/// The most remembered transmissions; one is sent per third of a TTL and per new home.
const SENT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn renewals() -> (Renewals, Rng) {
        (Renewals::new(Duration::from_secs(9), &Sample::at(0)), Rng::new(1))
    }

    #[test]
    fn an_acknowledgement_counts_from_the_send_of_its_own_number() {
        let (mut renewals, mut rng) = renewals();
        renewals.handle_sent(7, &Sample::at(100), &mut rng);
        renewals.handle_sent(8, &Sample::at(200), &mut rng);
        assert_eq!(renewals.take_acknowledged(7), Some(Sample::at(100)));
        assert_eq!(renewals.take_acknowledged(8), Some(Sample::at(200)));
    }

    #[test]
    fn what_was_never_sent_or_is_superseded_extends_nothing() {
        let (mut renewals, mut rng) = renewals();
        renewals.handle_sent(7, &Sample::at(100), &mut rng);
        renewals.handle_sent(8, &Sample::at(200), &mut rng);
        assert_eq!(renewals.take_acknowledged(9), None);
        assert_eq!(renewals.take_acknowledged(8), Some(Sample::at(200)));
        assert_eq!(renewals.take_acknowledged(8), None);
        assert_eq!(renewals.take_acknowledged(7), None);
    }

    #[test]
    fn remembered_send_times_are_bounded() {
        let (mut renewals, mut rng) = renewals();
        for number in 0..1000 {
            renewals.handle_sent(number, &Sample::at(number), &mut rng);
        }
        assert_eq!(renewals.sent.len(), SENT_MAX);
        assert_eq!(renewals.take_acknowledged(999), Some(Sample::at(999)));
    }

    #[test]
    fn three_are_due_in_each_ttl() {
        let (mut renewals, mut rng) = renewals();
        assert_eq!(renewals.due(), 3_000_000_000);
        renewals.handle_sent(1, &Sample::at(3_000_000_000), &mut rng);
        assert!(renewals.due() > 5_250_000_000 && renewals.due() <= 6_000_000_000);
    }

    #[test]
    fn clients_of_one_machine_renew_in_few_instants_and_not_all_in_one() {
        let mut rng = Rng::new(2);
        let mut clients: Vec<Renewals> = (0..100)
            .map(|number| Renewals::new(Duration::from_secs(9), &Sample::at(number * 10_000_000)))
            .collect();
        for number in 0..50 {
            for renewals in &mut clients {
                renewals.handle_sent(number, &Sample::at(renewals.due()), &mut rng);
            }
        }
        let instants: BTreeSet<u64> = clients.iter().map(Renewals::due).collect();
        assert!(instants.iter().all(|at| at % 46_875_000 == 0), "{instants:?}");
        let span = instants.last().unwrap() - instants.first().unwrap();
        assert!(span > 3_000_000_000, "{span} ns");
    }
}
