//! Conditions of a run: machines that are late or slow, a crowd of clients, programs that want many locks; or none of
//! these.

use super::*;

/// At most one of them, but for slowness.
pub(super) struct Conditions {
    pub lateness: Option<Lateness>,
    pub crowd: Option<Crowd>,
    /// How slow the nodes' machines are.
    pub slowness: u64,
    /// Programs want many locks at once.
    pub wide: bool,
}

impl Conditions {
    /// `calm`: when the faults would end, and the election timeout, of a run without any.
    pub fn draw(aside: &mut Rng, calm: Option<(u64, Duration)>, may_crowd: bool) -> Self {
        let late = |(at, election)| Lateness::draw(&mut Rng::new(at), election);
        let lateness = calm.map(late);
        let crowd = (may_crowd && lateness.is_none())
            .then(|| Crowd::draw(aside))
            .filter(|_| aside.chance(1, 24));
        let slowness = draw_slowness(aside, lateness, crowd);
        let wide = crowd.is_none() && lateness.is_none() && aside.chance(1, 24);
        Self { lateness, crowd, slowness, wide }
    }

    /// When the faults end that would end at `core_at`.
    pub fn end(&self, core_at: u64) -> u64 {
        let core_at = self.lateness.map_or(core_at, |lateness| lateness.forgotten_at());
        if self.crowd.is_some() { CROWD_AT + CROWDS_NANOS } else { core_at }
    }

    pub fn wanted_by(&self, habits: Habits, aside: &mut Rng) -> Habits {
        let ttl = if self.crowd.is_some() { CROWD_TTL } else { habits.ttl };
        let habits = Habits { ttl, ..habits };
        if self.wide { habits.widened(aside) } else { habits }
    }

    pub fn served_by(&self, server: ServerOptions) -> ServerOptions {
        match (self.lateness, self.crowd) {
            (Some(_), _) => Lateness::with_few_syncs(server),
            (_, Some(_)) => Crowd::served_by(server),
            // One record of the longest names must fit.
            _ if self.wide => ServerOptions { segment_bytes: WIDE_SEGMENT_BYTES, ..server },
            _ => server,
        }
    }
}

/// Most are what most of ours are.
fn draw_slowness(rng: &mut Rng, lateness: Option<Lateness>, crowd: Option<Crowd>) -> u64 {
    match (lateness, crowd) {
        (Some(_), _) => 1,
        (_, Some(_)) => CROWD_SLOWNESS,
        _ if rng.chance(1, 4) => rng.between(2, 20),
        _ => 1,
    }
}
