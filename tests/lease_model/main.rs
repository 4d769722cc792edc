//! The lease protocol searched exhaustively within a bound, over the real cores: `docs/lease-model.md`.

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

use clock::MS;
use search::{Bound, Report, search};
use weaken::Rules;

#[test]
fn probe() {
    let start = scenario::calm(Rules::AllHold);
    println!("start at {}", start.now);
    let clock = std::time::Instant::now();
    let k: u32 = std::env::var("K").map_or(0, |k| k.parse().unwrap());
    let report = search(&start, Bound { disturbances: k, horizon: 450 * MS });
    println!(
        "{k}: {} states {} steps {} runs {:?} {:?}",
        report.states,
        report.steps,
        report.runs,
        clock.elapsed(),
        report.violation
    );
}

#[test]
fn probe_weak() {
    for rules in [
        Rules::AnyAcknowledgementCounts,
        Rules::AcknowledgedUnconfirmed,
        Rules::AnyEchoCounts,
        Rules::BeliefOutlivesRelease,
        Rules::SlowClock,
        Rules::ForgetfulDisk,
    ] {
        if std::env::var("W").is_ok_and(|w| !format!("{rules:?}").contains(&w)) {
            continue;
        }
        let ppm = if rules == Rules::SlowClock { -250_000 } else { 0 };
        let start = scenario::start(rules, [0; 3], [ppm, 0]);
        let k: u32 = std::env::var("K").map_or(1, |k| k.parse().unwrap());
        for k in 0..=k {
            let clock = std::time::Instant::now();
            let report = search(&start, Bound { disturbances: k, horizon: 450 * MS });
            println!(
                "{rules:?} {k}: {} states {} steps {} runs {:?}",
                report.states,
                report.steps,
                report.runs,
                clock.elapsed()
            );
            if let Some(text) = report.violation {
                for line in text.lines() {
                    if !line.contains("Next(") {
                        println!("{line}")
                    }
                }
                println!("{} lines", text.lines().count());
                break;
            }
        }
    }
}
