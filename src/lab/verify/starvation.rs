//! Checks that waits in calm are served: before the log ends, and before too many others.

use super::history::{History, Mark, Turn, Wait};
use super::violation::{Rule, Violations};
use std::collections::BTreeMap;

/// Checks each wait against each calm; gives the most grants to others while one waited in calm.
pub fn check(history: &History, overtaken_max: u64, found: &mut Violations) -> u64 {
    let calms = calms(&history.marks);
    let grants = grants(history);
    let mut most = 0;
    for wait in &history.waits {
        let Some(calms) = calms.get(&wait.boot) else { continue };
        let first = calms.partition_point(|calm| calm.until <= wait.from);
        let end = wait.until.unwrap_or(u64::MAX);
        for calm in calms[first..].iter().take_while(|calm| calm.from < end) {
            let stamps = grants.get(&(wait.boot, wait.lock)).map_or(&[][..], Vec::as_slice);
            let overtaken = between(stamps, wait.from.max(calm.from), end.min(calm.until));
            most = most.max(overtaken);
            let is_left = wait.until.is_none() && calm.until == u64::MAX;
            if is_left || overtaken > overtaken_max {
                found.add(Rule::Starved, || tell(history, wait, *calm, overtaken));
            }
        }
    }
    most
}

/// A calm: from a healing to the next nemesis, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calm {
    from: u64,
    until: u64,
}

/// By boot, in order of time.
fn calms(marks: &[Mark]) -> BTreeMap<u32, Vec<Calm>> {
    let mut order = marks.to_vec();
    order.sort_by_key(|mark| (mark.boot, mark.at, mark.turn));
    let mut calms: BTreeMap<u32, Vec<Calm>> = BTreeMap::new();
    for (place, mark) in order.iter().enumerate() {
        if mark.turn == Turn::Healed {
            let next = order.get(place + 1).filter(|next| next.boot == mark.boot);
            let until = next.map_or(u64::MAX, |next| next.at);
            calms.entry(mark.boot).or_default().push(Calm { from: mark.at, until });
        }
    }
    calms
}

/// The stamps of all grants in order, by boot and lock.
fn grants(history: &History) -> BTreeMap<(u32, u32), Vec<u64>> {
    let mut grants: BTreeMap<(u32, u32), Vec<u64>> = BTreeMap::new();
    for belief in &history.beliefs {
        grants.entry((belief.boot, belief.lock)).or_default().push(belief.from);
    }
    grants.values_mut().for_each(|stamps| stamps.sort_unstable());
    grants
}

/// How many stamps are after `from` and before `until`: the wait's own grant, at `until`, does not
/// count.
fn between(stamps: &[u64], from: u64, until: u64) -> u64 {
    let begin = stamps.partition_point(|stamp| *stamp <= from);
    let end = stamps.partition_point(|stamp| *stamp < until);
    end.saturating_sub(begin) as u64
}

fn tell(history: &History, wait: &Wait, calm: Calm, overtaken: u64) -> String {
    let end = match wait.until {
        Some(until) => format!("until {until}"),
        None => "to the end of the log".to_owned(),
    };
    format!(
        "{} waited for \"{}\" from {} ({}) {end}; since all was healed at {} {overtaken} grants went to others",
        history.clients.name(wait.client),
        history.locks.name(wait.lock),
        wait.from,
        history.place(wait.source),
        calm.from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calm_lasts_to_the_next_mark_of_its_boot() {
        let mark = |boot, at, turn| Mark { boot, at, turn };
        let marks = [
            mark(0, 20, Turn::Healed),
            mark(0, 10, Turn::Struck),
            mark(0, 30, Turn::Struck),
            mark(1, 5, Turn::Healed),
        ];
        let calms = calms(&marks);
        assert_eq!(calms[&0], [Calm { from: 20, until: 30 }]);
        assert_eq!(calms[&1], [Calm { from: 5, until: u64::MAX }]);
    }

    #[test]
    fn a_grant_at_either_end_does_not_count() {
        assert_eq!(between(&[5, 6, 7, 8], 5, 8), 2);
        assert_eq!(between(&[5, 6, 7, 8], 8, 5), 0);
    }
}
