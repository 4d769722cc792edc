//! The simulator: seeds pass, replay to the byte, and reach the rare paths.

use std::ops::Range;
use std::thread;
use tenure::sim::{Options, Report, run_seed, run_seeds};

/// How many threads share the seeds.
const THREADS: u64 = 4;
/// Seeds of one thread.
const SEEDS: u64 = 15;

fn run(seeds: Range<u64>) -> Report {
    run_seeds(seeds, &Options::default(), |_, _| {}).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn seeds_pass_and_reach_the_rare_paths() {
    let mut sum = Report::default();
    thread::scope(|scope| {
        let parts: Vec<_> = (0..THREADS)
            .map(|part| scope.spawn(move || run(part * SEEDS..(part + 1) * SEEDS)))
            .collect();
        for part in parts {
            sum.add(&part.join().expect("a seed failed: see above"));
        }
    });
    for what in RARE {
        let count = sum.counts.get(what).copied().unwrap_or_default();
        assert!(count > 0, "{what:?} never happened: {:#?}", sum.counts);
    }
}

#[test]
fn a_seed_replays_the_same_to_the_byte() {
    for seed in [3, 8, 17] {
        let first = run_seed(seed, &Options::default()).unwrap();
        assert_eq!(run_seed(seed, &Options::default()).unwrap(), first, "seed {seed}");
    }
}

#[test]
fn different_seeds_differ() {
    assert_ne!(run(1..2).trace_hash, run(2..3).trace_hash);
}

/// What must have happened in the seeds above: all kinds of operation, of faults, and of consequences.
const RARE: &[&str] = &[
    "acquires for ever",
    "client cuts",
    "client deaths",
    "client pauses",
    "closes",
    "crashes inside a step",
    "cuts",
    "disk stalls",
    "ended by CANCELLED",
    "ended by HELD",
    "ended by SESSION_EXPIRED",
    "ended by TIMEOUT",
    "expiries proposed",
    "fading links",
    "grants seen too late",
    "handovers",
    "kills",
    "leader changes",
    "leaders left alone",
    "leases ended",
    "one-way cuts",
    "pauses",
    "pauses inside a node's step",
    "power cuts",
    "power cuts of all",
    "reads answered",
    "reads of the holder",
    "releases answered",
    "resets",
    "slews",
    "slow links",
    "stale writes refused",
    "suspends",
    "timed acquires",
    "tries",
    "unsynced sectors and names dropped",
    "validations",
    "withdrawals",
    "writes accepted",
];
