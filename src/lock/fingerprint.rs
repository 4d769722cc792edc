//! A hash of the whole state, for comparing replicas (O2).

use super::asked::Mark;
use super::dedupe::{Answers, Fixed};
use super::delay::Delay;
use super::locks::Locks;
use super::machine::LockMachine;
use super::orders::Order;
use super::parts::Ending;
use super::stake::Stake;
use crate::base::Subject;
use crate::base::locks::{BreakWay, Rule};

impl LockMachine {
    /// A 64-bit hash of the whole state: equal logs give equal hashes (O2).
    ///
    /// Takes time linear in the state at each call; stable over machines and processes of one
    /// version. Resists accidents, not adversaries.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut hash = Fingerprint::default();
        hash.number(self.applied.0);
        self.hash_rest(hash)
    }

    /// The hash without the applied index, which even an entry without effect raises.
    #[cfg(test)]
    pub(super) fn state_hash_without_applied(&self) -> u64 {
        self.hash_rest(Fingerprint::default())
    }

    fn hash_rest(&self, mut hash: Fingerprint) -> u64 {
        hash.number(self.tokens.last().0);
        hash.length(usize::from(self.settings.is_some()));
        if let Some(settings) = &self.settings {
            let fields = [settings.lease_ms, settings.ttl_ms_max, settings.level];
            fields.iter().for_each(|field| hash.number(u64::from(*field)));
        }
        hash.length(usize::from(self.cluster_key.is_some()));
        if let Some(key) = &self.cluster_key {
            hash.bytes(&key.0);
        }
        hash.length(usize::from(self.restoring.is_some()));
        hash.number(self.restoring.map_or(0, |wait| wait.ms));
        hash.bytes(&self.ancestors.to_bytes());
        self.hash_sessions(&mut hash);
        self.hash_locks(&mut hash);
        self.hash_asked(&mut hash);
        self.hash_unfinished(&mut hash);
        self.hash_access(&mut hash);
        hash.finish()
    }

    fn hash_sessions(&self, hash: &mut Fingerprint) {
        hash.length(self.sessions.len());
        for (id, session) in &self.sessions {
            hash.number(id.0);
            hash.bytes(&session.key.0);
            hash.bytes(session.client.as_bytes());
            if session.subject != Subject::Anonymous {
                hash.bytes(session.subject.to_string().as_bytes());
            }
            hash.number(u64::from(session.ttl_ms));
            hash.answers(&session.answers, &self.locks);
        }
    }

    fn hash_unfinished(&self, hash: &mut Fingerprint) {
        hash.length(self.endings.len());
        for (id, ending) in &self.endings {
            let Ending { client, ttl_ms, way, answers, .. } = &**ending;
            hash.number(id.0);
            hash.bytes(client.as_bytes());
            hash.number(u64::from(*ttl_ms));
            hash.number(*way as u64);
            hash.answers(answers, &self.locks);
        }
        hash.length(self.unfinished.len());
        self.unfinished.iter().for_each(|name| hash.bytes(name.as_bytes()));
        for (name, order) in &self.orders {
            let Order { way, until, done, reason, heir, except } = order;
            hash.bytes(name.as_bytes());
            let way = match way {
                BreakWay::Now => 0,
                BreakWay::Ask { grace_ms } => {
                    1 + grace_ms.map_or(0, |grace_ms| 1 + u64::from(grace_ms))
                }
            };
            [way, until.0, done.0].iter().for_each(|number| hash.number(*number));
            hash.bytes(reason.as_bytes());
            hash.length(usize::from(heir.is_some()));
            hash.bytes(heir.as_deref().unwrap_or_default().as_bytes());
            hash.length(except.len());
            except.iter().for_each(|token| hash.number(token.0));
        }
    }

    fn hash_access(&self, hash: &mut Fingerprint) {
        hash.number(u64::from(self.access.is_on()));
        hash.length(self.access.rule_count());
        for Rule { who, names, rights } in self.access.rules() {
            hash.bytes(who.as_str().as_bytes());
            hash.bytes(names.as_str().as_bytes());
            rights.iter().for_each(|right| hash.number(right as u64));
        }
        hash.length(self.access.credentials().len());
        for (principal, secret) in self.access.credentials().iter() {
            hash.bytes(principal.to_string().as_bytes());
            hash.bytes(&secret.0);
        }
        let cursor = self.access.sweep().map_or((0, 0), |it| (it.session.0, it.behind.0));
        [u64::from(self.access.sweep().is_some()), cursor.0, cursor.1]
            .iter()
            .for_each(|number| hash.number(*number));
    }

    fn hash_locks(&self, hash: &mut Fingerprint) {
        hash.length(self.locks.len());
        for (name, _, lock) in self.locks.iter() {
            hash.bytes(name.as_bytes());
            hash.number(u64::from(lock.limit()));
            hash.length(lock.holders.len());
            for grant in lock.holders.iter() {
                hash.number(grant.token.0);
                hash.number(grant.since_unix_ms);
                hash.length(grant.handles().count());
                grant.handles().for_each(|request| hash.number(request.0));
                hash.stake(&grant.stake, &self.locks);
            }
            hash.length(lock.delays().len());
            for (token, delay) in lock.delays().iter() {
                let Delay { mode, permits, delay_ms, ref client } = *delay;
                let numbers = [token.0, mode as u64, u64::from(permits), u64::from(delay_ms)];
                numbers.iter().for_each(|number| hash.number(*number));
                hash.bytes(client.as_bytes());
            }
            hash.length(lock.queue().len());
            for (_, waiter) in lock.queue().iter() {
                hash.number(waiter.request.0);
                hash.number(waiter.since_unix_ms);
                hash.stake(&waiter.stake, &self.locks);
            }
        }
    }

    fn hash_asked(&self, hash: &mut Fingerprint) {
        hash.length(self.asked.len());
        for (token, mark) in &self.asked {
            let Mark { name, grace_ms, reason, heir } = mark;
            hash.number(token.0);
            hash.bytes(name.as_bytes());
            hash.number(u64::from(*grace_ms));
            hash.bytes(reason.as_bytes());
            hash.length(usize::from(heir.is_some()));
            hash.bytes(heir.as_deref().unwrap_or_default().as_bytes());
        }
    }
}

/// A running 64-bit hash. Each step is a bijection of the state before it, so a difference is lost only
/// by a later collision. Lists and byte strings are led by their length, so that no two states give the
/// same input.
#[derive(Default)]
struct Fingerprint(u64);

impl Fingerprint {
    fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(STEP);
        self.0 = (mixed ^ (mixed >> 32)).wrapping_add(1);
    }

    fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
    }

    fn answers(&mut self, answers: &Answers, locks: &Locks) {
        self.number(answers.floor().0);
        self.number(answers.refused_to().0);
        self.length(answers.grants().len());
        for (request, hold) in answers.grants().iter() {
            self.number(request.0);
            self.number(hold.token.0);
            self.number(u64::from(hold.print.0));
            self.bytes(locks.name(hold.slot).as_str().as_bytes());
        }
        // Tickets are local to a replica, not part of the state: the queues are hashed in order.
        self.length(answers.waiting().len());
        for (request, place) in answers.waiting().iter() {
            self.number(request.0);
            self.number(u64::from(place.print.0));
            self.length(place.slots().len());
            place.slots().for_each(|slot| self.bytes(locks.name(slot).as_str().as_bytes()));
        }
        self.length(answers.fixed().len());
        for (request, remembered) in answers.fixed().iter() {
            self.number(request.0);
            self.number(u64::from(remembered.print.0));
            self.fixed(&remembered.answer);
        }
    }

    fn stake(&mut self, stake: &Stake, locks: &Locks) {
        let (session, owner) = (stake.session.0, stake.owner().0);
        let (permits, delay_ms) = (u64::from(stake.permits), u64::from(stake.delay_ms()));
        let numbers = [session, owner, stake.mode as u64, permits, delay_ms];
        numbers.iter().for_each(|number| self.number(*number));
        self.bytes(stake.value());
        let all = stake.all().unwrap_or_default();
        self.length(all.len());
        locks.names(all).for_each(|name| self.bytes(name.as_bytes()));
    }

    fn fixed(&mut self, fixed: &Fixed) {
        let (kind, detail) = match fixed {
            Fixed::Ended(token) => (0, token.0),
            Fixed::Held(client) => (1, client.len() as u64),
            Fixed::Withdrawn => (2, 0),
            Fixed::Done => (3, 0),
            Fixed::NotHeld => (4, 0),
            Fixed::Refused(refusal) => (5, *refusal as u64),
            Fixed::Deadlock(circle) => (6, circle.len() as u64),
            Fixed::NoWaiter => (7, 0),
            Fixed::Denied(right, _) => (8, *right as u64),
        };
        self.number(kind);
        self.number(detail);
        if let Fixed::Held(text) | Fixed::Deadlock(text) = fixed {
            self.bytes(text.as_bytes());
        }
        if let Fixed::Denied(_, name) = fixed {
            self.bytes(name.as_bytes());
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The odd number nearest to 2⁶⁴/φ, as in SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bit_of_a_number_is_lost_in_any_state() {
        let after = |state: u64, number: u64| {
            let mut hash = Fingerprint(state);
            hash.number(number);
            hash.finish()
        };
        for state in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let mut seen: Vec<u64> = (0..64).map(|bit| after(state, 1 << bit)).collect();
            seen.push(after(state, 0));
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 65, "from {state:x}");
        }
    }

    /// `number` that the multiplication of a step takes to `product`, from the state 0.
    fn before_multiplication(product: u64) -> u64 {
        // Newton: each round doubles the low bits that are right, 3 of which are at first.
        let inverse = (0..5).fold(STEP, |inverse: u64, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(STEP.wrapping_mul(inverse)))
        });
        product.wrapping_mul(inverse)
    }

    #[test]
    fn a_step_keeps_the_low_half_apart_whatever_the_high_half_is() {
        let after = |product: u64| {
            let mut hash = Fingerprint::default();
            hash.number(before_multiplication(product));
            hash.finish()
        };
        let high = u64::from(u32::MAX) << 32;
        let mut seen: Vec<u64> = (0..32).map(|bit| after(high | 1 << bit)).collect();
        seen.push(after(high));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 33);
    }
}
