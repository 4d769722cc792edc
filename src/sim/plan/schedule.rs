//! When which fault strikes, drawn before anything happens, so that a schedule can be cut down: leaving one
//! injection out changes none of the others.

use crate::base::rng::Rng;
use crate::sim::plan::fault::{ALL, Fault};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One fault at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Its place in the seed's whole schedule.
    pub number: usize,
    /// When, in simulated nanoseconds.
    pub at: u64,
    /// The fault.
    pub fault: Fault,
    /// Seed of its target and its strength.
    pub dice: u64,
}

/// Parts of a seed's schedule that a run leaves out; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trim {
    /// Whole classes of faults.
    pub classes: BTreeSet<Fault>,
    /// Single injections, by number.
    pub injections: BTreeSet<usize>,
    /// Only this many clients.
    pub clients: Option<usize>,
    /// Nothing strikes from this instant on, and healing begins there.
    pub until: Option<u64>,
}

/// The classes that are on: each is left out at random (swarm testing), since a run without cuts finds other
/// things than one that is never whole for long.
pub fn draw_classes(rng: &mut Rng) -> Vec<Fault> {
    let on: Vec<Fault> =
        ALL.iter().copied().filter(|fault| rng.chance(1, fault.rarity())).collect();
    if rng.chance(1, 20) { Vec::new() } else { on }
}

/// Draws the whole schedule, up to `end`: faults `means[0]` nanoseconds apart, and orders `means[1]`.
pub fn draw(rng: &mut Rng, classes: &[Fault], means: [u64; 2], end: u64) -> Vec<Injection> {
    let striking = classes.iter().copied().filter(|fault| !fault.stands());
    let (orders, faults): (Vec<Fault>, Vec<Fault>) = striking.partition(|fault| fault.is_order());
    let mut schedule = draw_some(rng, &faults, means[0], end);
    schedule.extend(draw_some(rng, &orders, means[1], end));
    schedule.sort_by_key(|injection| injection.at);
    schedule.iter_mut().enumerate().for_each(|(number, injection)| injection.number = number);
    schedule
}

fn draw_some(rng: &mut Rng, striking: &[Fault], mean: u64, end: u64) -> Vec<Injection> {
    let mut schedule = Vec::new();
    let mut at = rng.below(mean);
    while !striking.is_empty() && at < end {
        let which = usize::try_from(rng.below(striking.len() as u64)).expect("few classes");
        let (number, fault, dice) = (schedule.len(), striking[which], rng.number());
        schedule.push(Injection { number, at, fault, dice });
        at += rng.between(1, 2 * mean);
    }
    schedule
}

impl Trim {
    /// Whether `injection` still strikes.
    #[must_use]
    pub fn keeps(&self, injection: &Injection) -> bool {
        !self.classes.contains(&injection.fault)
            && !self.injections.contains(&injection.number)
            && self.until.is_none_or(|until| injection.at < until)
    }
}

/// The form of the command line: classes by name, injections by number, "clients=", "until=".
impl fmt::Display for Trim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes.iter().map(|class| format!("{class:?}"));
        let injections = self.injections.iter().map(ToString::to_string);
        let clients = self.clients.iter().map(|clients| format!("clients={clients}"));
        let until = self.until.iter().map(|until| format!("until={until}"));
        let parts: Vec<String> = classes.chain(injections).chain(clients).chain(until).collect();
        f.write_str(&parts.join(","))
    }
}

impl FromStr for Trim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut trim = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let refused = || format!("{part} is no class of faults, number, clients=N or until=N");
            if let Some(clients) = part.strip_prefix("clients=") {
                trim.clients = Some(clients.parse().map_err(|_| refused())?);
            } else if let Some(until) = part.strip_prefix("until=") {
                trim.until = Some(until.parse().map_err(|_| refused())?);
            } else if let Ok(number) = part.parse() {
                trim.injections.insert(number);
            } else {
                let class = ALL.iter().find(|class| format!("{class:?}") == part);
                trim.classes.insert(*class.ok_or_else(refused)?);
            }
        }
        Ok(trim)
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {:.6} s {:?}", self.number, self.at as f64 / 1e9, self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_of_its_classes_and_ends_in_time() {
        let classes = [Fault::Kill, Fault::PauseInside, Fault::Rot];
        let schedule = draw(&mut Rng::new(1), &classes, [1000; 2], 100_000);
        assert!(schedule.len() > 30, "{}", schedule.len());
        assert!(schedule.iter().all(|one| matches!(one.fault, Fault::Kill | Fault::Rot)));
        assert!(schedule.iter().all(|one| one.at < 100_000));
        assert!(schedule.windows(2).all(|two| two[0].at < two[1].at));
    }

    #[test]
    fn a_trim_is_read_as_it_is_written() {
        let text = "Kill,Rot,3,17,clients=2,until=5000";
        assert_eq!(text.parse::<Trim>().unwrap().to_string(), text);
        assert_eq!("".parse::<Trim>().unwrap(), Trim::default());
        assert!("Kil".parse::<Trim>().is_err() && "clients=x".parse::<Trim>().is_err());
    }

    #[test]
    fn a_trim_leaves_out_classes_single_injections_and_what_comes_late() {
        let schedule = draw(&mut Rng::new(1), &[Fault::Kill, Fault::Rot], [1000; 2], 100_000);
        let until = schedule[20].at;
        let trim = Trim {
            classes: BTreeSet::from([Fault::Rot]),
            injections: BTreeSet::from([0]),
            clients: None,
            until: Some(until),
        };
        let kept: Vec<_> = schedule.iter().filter(|one| trim.keeps(one)).collect();
        assert!(!kept.is_empty());
        let fits = |one: &&Injection| one.fault == Fault::Kill && one.number > 0 && one.at < until;
        assert!(kept.iter().all(fits));
    }
}
