//! `tenure bench --table`: whether it goes slower where much is held, waits, or renews.

use super::background::{CROWD_TTL, Crowd, hold};
use super::party::{Party, name};
use super::report::in_millis;
use super::stage::{Act, Stage};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::bench::generator;
use crate::lab::bench::load::Load;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenure::client::core::{AcquireCall, Done, Wait};

/// Its lines so far.
#[derive(Debug, Default)]
pub struct Table(Vec<Line>);

#[derive(Debug)]
struct Line {
    what: &'static str,
    count: u64,
    cycles_per_second: f64,
    act: Act,
}

impl Table {
    /// Measures line after line.
    ///
    /// # Errors
    /// One could not be measured.
    pub fn measure(&mut self, stage: &mut Stage<'_>) -> Result<(), Failure> {
        for count in LOCKS {
            let mut held = hold(stage, count)?;
            let cycles =
                stage.act(format!("{count} {HELD}"), &mut (), |stage, ()| cycles(stage))?;
            self.add(stage, (HELD, count), cycles);
            held.close()?;
        }
        for count in WAITERS {
            let mut party = Party::new(stage, 1, |_| "table/waits".to_owned(), CROWD_TTL)?;
            let cycles = stage
                .act(format!("{count} {WAITING}"), &mut party, |_, party| hand_on(party, count))?;
            self.add(stage, (WAITING, count), cycles);
            party.close()?;
        }
        for count in SESSIONS {
            let crowd = Crowd::start(stage, count)?;
            let cycles =
                stage.act(format!("{count} {RENEWING}"), &mut (), |stage, ()| cycles(stage))?;
            self.add(stage, (RENEWING, count), cycles);
            crowd.end()?;
        }
        Ok(())
    }

    fn add(&mut self, stage: &Stage<'_>, (what, count): (&'static str, u64), cycles: f64) {
        let Some(act) = stage.acts.last().cloned() else { return };
        self.0.push(Line { what, count, cycles_per_second: cycles, act });
    }

    /// What a line has of the cycles of the first of its kind.
    fn part(&self, line: &Line) -> f64 {
        let first = self.0.iter().find(|first| first.what == line.what).unwrap_or(line);
        line.cycles_per_second / first.cycles_per_second
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let head = ["", "cycles/s", "of the first", "turn ms", "on cpu", "gap ms"];
        let row = |line: &Line| {
            vec![
                format!("{} {}", line.count, line.what),
                format!("{:.0}", line.cycles_per_second),
                format!("{:.2}", self.part(line)),
                in_millis(line.act.turn),
                in_millis(line.act.on_processor),
                in_millis(line.act.gap),
            ]
        };
        let head = std::iter::once(head.map(str::to_owned).to_vec());
        output::table(&head.chain(self.0.iter().map(row)).collect::<Vec<_>>())
    }

    /// For machines.
    pub fn to_json(&self) -> String {
        let line = |line: &Line| {
            json!({
                "what": line.what,
                "count": line.count,
                "cycles_per_second": line.cycles_per_second,
                "of_first": self.part(line),
                "seen": line.act.to_value(),
            })
        };
        let lines: Vec<Value> = self.0.iter().map(line).collect();
        format!("{}\n", json!({ "table": lines }))
    }
}

/// Of clients that each take and give back a lock of their own: the median of some slices, since the machine has other
/// work, too.
fn cycles(stage: &Stage<'_>) -> Result<f64, Failure> {
    let load = Load { clients: CLIENTS, connections: CLIENTS, ops: OPS, ttl: CROWD_TTL };
    let mut slices = Vec::new();
    for _ in 0..SLICES {
        let measured = generator::measure(&load, stage.to, &ProgressBar::hidden())?;
        slices.push(measured.cycles_per_second());
    }
    Ok(median(slices))
}

/// One client holds a lock and waits for it so many times besides: how often a second it goes on.
fn hand_on(party: &mut Party, waiters: u64) -> Result<f64, Failure> {
    let wish = || AcquireCall::lock(name("table", 0), Wait::Forever);
    for _ in 0..=waiters {
        party.want(0, wish());
    }
    let (mut slices, mut count, mut begun) = (Vec::new(), 0u32, Instant::now());
    party.until("is granted what it waits for", |party| {
        for (_, (_, result)) in party.take_decided() {
            if let Done::Acquired { lease, .. } = result? {
                party.release(0, lease);
                party.want(0, wish());
                count += 1;
            }
        }
        party.settle_all();
        if begun.elapsed() >= SLICE {
            slices.push(f64::from(count) / begun.elapsed().as_secs_f64());
            (count, begun) = (0, Instant::now());
        }
        // In the first of them all begin to wait.
        Ok((slices.len() > SLICES).then_some(()))
    })?;
    Ok(median(slices.split_off(1)))
}

fn median(mut slices: Vec<f64>) -> f64 {
    slices.sort_unstable_by(f64::total_cmp);
    slices[slices.len() / 2]
}

const HELD: &str = "locks held";
const WAITING: &str = "waiters of one lock";
const RENEWING: &str = "sessions that renew";
/// The last with room for those that are measured.
const LOCKS: [u64; 3] = [100, 10_000, 999_900];
const WAITERS: [u64; 4] = [1, 100, 1000, 10_000];
const SESSIONS: [u64; 4] = [10, 1000, 10_000, 100_000];
const CLIENTS: u64 = 16;
const OPS: u64 = 4000;
const SLICES: usize = 5;
const SLICE: Duration = Duration::from_secs(2);
