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
use choice::Scope;
use search::{Bound, search};
use weaken::Rules;


#[test]
fn probe() {
    let k: u32 = std::env::var("K").map_or(1, |k| k.parse().unwrap());
    for rules in [Rules::AllHold, Rules::AnyAcknowledgementCounts, Rules::AcknowledgedUnconfirmed, Rules::AnyEchoCounts, Rules::BeliefOutlivesRelease, Rules::SlowClock, Rules::ForgetfulDisk] {
        if std::env::var("W").is_ok_and(|w| !format!("{rules:?}").contains(&w)) { continue }
        let ppm = if rules == Rules::SlowClock { -250_000 } else { 0 };
        let start = scenario::start(rules, [0; 3], [ppm, 0]);
        for scope in [Scope::Holder, Scope::Leader, Scope::Everything] {
        if std::env::var("S").is_ok_and(|w| !format!("{scope:?}").contains(&w)) { continue }
        for k in k..=k {
        let clock = std::time::Instant::now();
        let report = search(&start, Bound { disturbances: k, horizon: 450 * MS, scope });
        println!("{rules:?} {scope:?} {k}: {} states {} steps {} runs {:?}", report.states, report.steps, report.runs, clock.elapsed());
        if let Some(text) = report.violation { 
            for line in text.lines() { if !line.contains("Next(") { println!("{line}") } }
            println!("{} lines", text.lines().count());
            break }
        }
        }
    }
}
