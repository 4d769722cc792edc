//! The lease protocol over the real cores, searched exhaustively within a bound: `docs/developers/lease-model.md`.
//!
//! `TENURE_MODEL_DEPTH=2 cargo test --release --test core lease_model:: -- --nocapture` searches deeper.

mod choice;
mod client;
mod clock;
mod fingerprint;
mod network;
mod node;
mod properties;
mod scenario;
mod search;
mod tracked;
mod weaken;
mod world;

use choice::Scope;
use clock::MS;
use scenario::{Rates, held_and_awaited, with_one_behind};
use search::{Bound, search};
use weaken::Rules;
use world::World;

/// Disturbances in one run of the searches whose scope is everything; the narrower ones go one further.
fn depth() -> u32 {
    let depth = std::env::var("TENURE_MODEL_DEPTH");
    depth.map_or(1, |depth| depth.parse().expect("TENURE_MODEL_DEPTH is a number"))
}

/// Long enough for the session to be renewed, to be lost, to expire, and for the lock to be handed on.
const HORIZON: u64 = 450 * MS;
fn bound(disturbances: u32, scope: Scope) -> Bound {
    Bound { disturbances, scope, horizon: HORIZON }
}

/// Finds nothing wrong; says how much was searched.
#[track_caller]
fn assert_clean(what: &str, start: &World, disturbances: u32, scope: Scope) {
    let report = search(start, bound(disturbances, scope));
    println!(
        "{what}, at most {disturbances} of {scope:?}: {} states, {} steps, {} runs, of which {} handed the \
         lock on and {} had another leader",
        report.states, report.steps, report.runs, report.handed_on, report.led_by_another
    );
    assert_eq!(report.violation, None);
    let eventful = report.handed_on + report.led_by_another;
    assert!(eventful > 0, "nothing of interest happened in any run: the search shows nothing");
}

/// Finds what breaking a rule brings about.
#[track_caller]
fn assert_found(start: &World, disturbances: u32, scope: Scope, expected: &str) {
    let report = search(start, bound(disturbances, scope));
    let found = report
        .violation
        .unwrap_or_else(|| panic!("{:?} went unnoticed in {} states", start.rules, report.states));
    println!("{:?} is found after {} states: {found}", start.rules, report.states);
    assert!(found.contains(expected), "found something else: {found}");
}

#[test]
fn beliefs_and_claims_stay_disjoint_whatever_goes_wrong() {
    for rates in [Rates::CLOSEST, Rates::FARTHEST] {
        let start = held_and_awaited(Rules::AllHold, rates);
        assert_clean(&format!("{rates:?}"), &start, depth(), Scope::Everything);
    }
}

#[test]
fn beliefs_stay_disjoint_whatever_happens_to_the_holder() {
    let start = held_and_awaited(Rules::AllHold, Rates::CLOSEST);
    assert_clean("the holder", &start, depth() + 1, Scope::Holder);
}

#[test]
fn beliefs_and_claims_stay_disjoint_whatever_happens_to_the_leaders_rounds() {
    let start = held_and_awaited(Rules::AllHold, Rates::TRUE);
    assert_clean("the leader's rounds", &start, depth() + 1, Scope::Echoes);
}

#[test]
fn tokens_rise_whatever_nodes_crash_or_are_cut_off() {
    let start = with_one_behind(Rules::AllHold, Rates::TRUE);
    assert_clean("one node behind", &start, depth(), Scope::Members);
}

const TWO_BELIEVE: &str = "two clients believe that they hold the lock";
const TWO_CLAIM: &str = "nodes claim the leader lease together";

#[test]
fn an_acknowledgement_that_counts_for_a_later_renewal_is_found() {
    let start = held_and_awaited(Rules::AnyAcknowledgementCounts, Rates::TRUE);
    assert_found(&start, 2, Scope::Holder, TWO_BELIEVE);
}

#[test]
fn an_acknowledgement_of_a_deposed_leader_without_a_round_is_found() {
    let start = held_and_awaited(Rules::AcknowledgedUnconfirmed, Rates::TRUE);
    assert_found(&start, 1, Scope::Echoes, TWO_BELIEVE);
}

#[test]
fn an_echo_that_counts_for_a_later_round_is_found() {
    let start = held_and_awaited(Rules::AnyEchoCounts, Rates::TRUE);
    assert_found(&start, 2, Scope::Echoes, TWO_CLAIM);
}

#[test]
fn a_belief_that_outlives_its_release_is_found() {
    let start = held_and_awaited(Rules::BeliefOutlivesRelease, Rates::TRUE);
    assert_found(&start, 2, Scope::Holder, TWO_BELIEVE);
}

#[test]
fn a_clock_slower_than_rho_allows_is_found() {
    let start = held_and_awaited(Rules::AllHold, Rates::BROKEN);
    assert_found(&start, 1, Scope::Holder, TWO_BELIEVE);
}

/// A follower that is asked to take back what is committed refuses (R15), so its state is another one's no more.
#[test]
fn a_disk_that_forgets_is_found() {
    let start = with_one_behind(Rules::ForgetfulDisk, Rates::TRUE);
    assert_found(&start, 1, Scope::Members, "two replicas differ");
}
