//! The report of a run: counts of nemeses and of each client's grants, and which counts must not be
//! zero.

use super::client::LOCKS;
use super::clients::{Guise, client_of, name_of};
use super::nemesis::Nemesis;
use crate::cli::output;
use crate::lab::verify::Uses;
use crate::lab::verify::history::{History, Told};
use std::collections::BTreeMap;

/// A run.
#[derive(Debug)]
pub struct Report<'a> {
    /// The clients' logs.
    pub history: &'a History,
    /// Features that were used and checked besides, and when.
    pub uses: &'a Uses,
    /// When each nemesis struck, by the clock of the logs.
    pub nemeses: &'a BTreeMap<Nemesis, Vec<u64>>,
    /// How many clients there were.
    pub clients: usize,
    /// When nemeses began and ended, by the clock of the logs.
    pub span: (u64, u64),
    /// The clients' identity. With principals of their own rights change, and somebody must have
    /// been denied something.
    pub guise: Guise,
}

/// One client, over all its processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    /// Grants by lock, as in `LOCKS`.
    grants: [u64; LOCKS.len()],
    /// Grants by full minute of the run.
    minutes: Vec<u64>,
    /// Grants within the run.
    during: u64,
    /// Holders that its observer saw.
    seen: u64,
}

impl Report<'_> {
    /// Two tables.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut head = vec!["CLIENT".to_owned()];
        head.extend(LOCKS.iter().map(|lock| lock.to_uppercase()));
        head.extend(["PER MINUTE", "LEAST", "SEEN"].map(str::to_owned));
        let mut clients = vec![head];
        for (place, row) in self.rows().iter().enumerate() {
            let mut cells = vec![name_of(place)];
            cells.extend(row.grants.iter().map(u64::to_string));
            cells.push(format!("{:.0}", self.per_minute(row)));
            cells.push(row.minutes.iter().min().map_or("-".to_owned(), u64::to_string));
            cells.push(row.seen.to_string());
            clients.push(cells);
        }
        format!("{}\n{}", self.nemeses_text(), output::table(&clients))
    }

    /// How often each nemesis struck, and which features were used until the next one.
    fn nemeses_text(&self) -> String {
        let mut table = vec![vec!["NEMESIS".to_owned(), "STRUCK".to_owned()]];
        let kinds = self.kinds();
        table[0].extend(kinds.iter().map(|(head, ..)| (*head).to_owned()));
        let under: Vec<_> = kinds.iter().map(|(.., stamps)| self.by_nemesis(stamps)).collect();
        for (nemesis, struck) in self.nemeses {
            let mut row = vec![nemesis.to_string(), struck.len().to_string()];
            row.extend(under.iter().map(|counts| counts.get(nemesis).unwrap_or(&0).to_string()));
            table.push(row);
        }
        output::table(&table)
    }

    /// How many of `stamps` lie between a stroke of each nemesis and the next stroke of any.
    fn by_nemesis(&self, stamps: &[u64]) -> BTreeMap<Nemesis, u64> {
        let strokes = self
            .nemeses
            .iter()
            .flat_map(|(nemesis, struck)| struck.iter().map(move |at| (*at, *nemesis)));
        let strokes: BTreeMap<u64, Nemesis> = strokes.collect();
        let mut counts = BTreeMap::new();
        for stamp in stamps.iter().filter(|stamp| **stamp < self.span.1) {
            if let Some((_, nemesis)) = strokes.range(..=stamp).next_back() {
                *counts.entry(*nemesis).or_default() += 1;
            }
        }
        counts
    }

    /// Counts that are zero and must not be: a nemesis that never struck proves nothing, nor a
    /// client without grants, nor an unused feature.
    #[must_use]
    pub fn zeros(&self) -> Vec<String> {
        let mut zeros = Vec::new();
        for (nemesis, _) in self.nemeses.iter().filter(|(_, struck)| struck.is_empty()) {
            zeros.push(format!("{nemesis} never struck"));
        }
        for (head, what, _) in self.kinds().iter().filter(|(.., stamps)| stamps.is_empty()) {
            // In a short run no right may be taken from a present holder.
            if *head != STAYED || self.span.1 - self.span.0 >= STAYED_BY {
                zeros.push((*what).to_owned());
            }
        }
        for (place, row) in self.rows().iter().enumerate() {
            let name = name_of(place);
            if row.during == 0 {
                zeros.push(format!("client {name} was granted nothing while nemeses struck"));
            }
            for (minute, _) in row.minutes.iter().enumerate().filter(|(_, count)| **count == 0) {
                zeros.push(format!("client {name} was granted nothing in minute {}", minute + 1));
            }
            for (lock, _) in LOCKS.iter().zip(row.grants).filter(|(_, count)| *count == 0) {
                zeros.push(format!("client {name} was never granted \"{lock}\""));
            }
            if row.seen == 0 {
                zeros.push(format!("client {name} observed nothing"));
            }
        }
        zeros
    }

    /// Counts besides grants: the head of the column, the complaint if there are none, and the
    /// stamps.
    fn kinds(&self) -> Vec<(&'static str, &'static str, &[u64])> {
        let Uses { several, delays, handovers, breaks, rights } = self.uses;
        let mut kinds: Vec<(_, _, &[u64])> = vec![
            ("SEVERAL", "nobody was granted several names in one step", several),
            ("DELAYED", "no grant followed the lock delay of a holder that was killed", delays),
            ("HANDED", "no lock was handed to a waiter by name", handovers),
            ("TAKEN", "no lock was taken from its holder at once", breaks),
        ];
        if self.guise == Guise::Own {
            let denied = "nobody was denied a lock whose right was taken away";
            let stayed = "no grant stood when its right was taken away";
            kinds.extend([("DENIED", denied, &*rights.denied), (STAYED, stayed, &*rights.stayed)]);
        }
        kinds
    }

    fn per_minute(&self, row: &Row) -> f64 {
        let (from, until) = self.span;
        row.during as f64 * MINUTE as f64 / (until - from).max(1) as f64
    }

    fn rows(&self) -> Vec<Row> {
        let (from, until) = self.span;
        let minutes = (until.saturating_sub(from) / MINUTE) as usize;
        let mut rows = vec![Row { minutes: vec![0; minutes], ..Row::default() }; self.clients];
        let place = |client: u32| {
            let client = client_of(self.history.clients.name(client));
            (0..self.clients).find(|place| name_of(*place) == client)
        };
        for belief in &self.history.beliefs {
            let Some(place) = place(belief.client) else { continue };
            let lock = self.history.locks.name(belief.lock);
            if let Some(column) = LOCKS.iter().position(|name| *name == lock) {
                rows[place].grants[column] += 1;
            }
            if (from..until).contains(&belief.from) {
                rows[place].during += 1;
                let minute = ((belief.from - from) / MINUTE) as usize;
                rows[place].minutes.iter_mut().skip(minute).take(1).for_each(|count| *count += 1);
            }
        }
        for sighting in &self.history.sightings {
            let is_holder = matches!(sighting.told, Told::Holder { .. });
            if let Some(place) = place(sighting.client).filter(|_| is_holder) {
                rows[place].seen += 1;
            }
        }
        rows
    }
}

const STAYED: &str = "STAYED";
/// After so long some hundred rights were taken away.
const STAYED_BY: u64 = 2 * MINUTE;
/// In nanoseconds.
const MINUTE: u64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::verify::history::{Belief, Fate, Share, Sighting, Source};

    /// Two clients: the second granted at the instants `second`, and the first all the time.
    fn history(second: &[u64]) -> History {
        let mut history = History::default();
        let grants = (0..3 * MINUTE).step_by(MINUTE as usize / 2).map(|at| ("c1.1", at));
        let all = grants.chain(second.iter().map(|at| ("c2.7", *at)));
        for (client, from) in all {
            let client = history.clients.number(client);
            for lock in LOCKS {
                let lock = history.locks.number(lock);
                let (boot, token, source) = (0, 1, Source::default());
                let (granted, ended, share) = (source, source, Share::Exclusive);
                let until = from;
                history.beliefs.push(Belief {
                    boot,
                    lock,
                    client,
                    share,
                    token,
                    from,
                    until,
                    granted,
                    ended,
                    principal: None,
                    names: 1,
                    ttl_ms: 0,
                    delay_ms: 0,
                    stands_to: 0,
                    fate: Fate::Ended,
                });
            }
            let told = Told::Holder { token: 1, client: None, missed: None };
            let (at, principal, source) = (None, None, Source::default());
            let (lock, boot) = (0, 0);
            history.sightings.push(Sighting { client, lock, at, principal, boot, told, source });
        }
        history
    }

    fn all_used() -> Uses {
        let [several, delays, handovers, breaks] = [(); 4].map(|()| vec![1]);
        Uses { several, delays, handovers, breaks, ..Uses::default() }
    }

    fn zeros(history: &History, struck: &[u64]) -> Vec<String> {
        let nemeses = [(Nemesis::AllKill, struck.to_vec())].into();
        let (uses, span) = (&all_used(), (0, 3 * MINUTE));
        let guise = Guise::Operator;
        Report { history, uses, nemeses: &nemeses, clients: 2, span, guise }.zeros()
    }

    #[test]
    fn where_everything_happened_nothing_is_zero() {
        assert_eq!(zeros(&history(&[1, MINUTE + 1, 3 * MINUTE - 1]), &[1]), Vec::<String>::new());
    }

    #[test]
    fn a_nemesis_that_never_struck_is_told() {
        let all = history(&[1, MINUTE + 1, 2 * MINUTE + 1]);
        assert_eq!(zeros(&all, &[]), ["all-kill never struck"]);
    }

    #[test]
    fn what_was_never_used_is_told() {
        let history = history(&[1, MINUTE + 1, 2 * MINUTE + 1]);
        let (uses, nemeses) = (Uses { delays: vec![], ..all_used() }, BTreeMap::new());
        let (history, uses, nemeses) = (&history, &uses, &nemeses);
        let (span, guise) = ((0, 3 * MINUTE), Guise::Operator);
        let found = Report { history, uses, nemeses, clients: 2, span, guise }.zeros();
        assert_eq!(found, ["no grant followed the lock delay of a holder that was killed"]);
    }

    #[test]
    fn a_use_counts_for_the_nemesis_that_struck_last() {
        let (history, uses) = (History::default(), all_used());
        let nemeses = [(Nemesis::AllKill, vec![10, 30]), (Nemesis::LeaderCut, vec![20])].into();
        let (history, uses, nemeses) = (&history, &uses, &nemeses);
        let (span, guise) = ((0, 40), Guise::Operator);
        let report = Report { history, uses, nemeses, clients: 0, span, guise };
        let counts = report.by_nemesis(&[9, 10, 19, 20, 39, 40]);
        assert_eq!(counts, [(Nemesis::AllKill, 3), (Nemesis::LeaderCut, 1)].into());
    }

    #[test]
    fn a_minute_without_a_grant_is_told() {
        let found = zeros(&history(&[1, 2 * MINUTE + 1]), &[1]);
        assert_eq!(found, ["client c2 was granted nothing in minute 2"]);
    }

    #[test]
    fn grants_after_the_nemeses_do_not_count() {
        let found = zeros(&history(&[3 * MINUTE]), &[1]);
        assert_eq!(found[0], "client c2 was granted nothing while nemeses struck");
    }
}
