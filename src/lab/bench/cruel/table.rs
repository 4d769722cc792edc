//! `tenure bench --table`: whether cycles get slower with the number of locks, waiters or sessions.

use super::background::{CROWD_TTL, Crowd, hold};
use super::party::{Party, name};
use super::report::in_millis;
use super::stage::{Act, Stage};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::bench::generator;
use crate::lab::bench::load::{Load, WARM_UP};
use crate::lab::processes::Processes;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenure::client::core::{AcquireCall, Done, Wait};

/// The lines so far.
#[derive(Debug, Default)]
pub struct Table(Vec<Line>);

#[derive(Debug)]
struct Line {
    what: &'static str,
    count: u64,
    speed: Speed,
    act: Act,
}

/// Cycles a second, and processor time of all three nodes per cycle: the latter tells the cost also
/// on a busy machine.
#[derive(Clone, Copy, Debug)]
struct Speed {
    cycles_per_second: f64,
    processor_us: f64,
}

impl Table {
    /// Measures line after line.
    ///
    /// # Errors
    /// A line could not be measured.
    pub fn measure(&mut self, stage: &mut Stage<'_>, nodes: &Processes) -> Result<(), Failure> {
        for count in LOCKS {
            let mut held = hold(stage, count)?;
            let speed =
                stage.act(format!("{count} {HELD}"), &mut (), |stage, ()| cycles(stage, nodes))?;
            self.add(stage, (HELD, count), speed);
            held.close()?;
        }
        for count in WAITERS {
            let mut party = Party::new(stage, 1, |_| "table/waits".to_owned(), CROWD_TTL)?;
            let speed = stage.act(format!("{count} {WAITING}"), &mut party, |_, party| {
                hand_on(party, count, nodes)
            })?;
            self.add(stage, (WAITING, count), speed);
            party.close()?;
        }
        for count in SESSIONS {
            let crowd = Crowd::start(stage, count)?;
            let speed = stage
                .act(format!("{count} {RENEWING}"), &mut (), |stage, ()| cycles(stage, nodes))?;
            self.add(stage, (RENEWING, count), speed);
            crowd.end()?;
        }
        Ok(())
    }

    fn add(&mut self, stage: &Stage<'_>, (what, count): (&'static str, u64), speed: Speed) {
        let Some(act) = stage.acts.last().cloned() else { return };
        self.0.push(Line { what, count, speed, act });
    }

    /// The cycles of a line relative to the first of its kind: per second, and per second of
    /// processor time.
    fn parts(&self, line: &Line) -> (f64, f64) {
        let first = self.0.iter().find(|first| first.what == line.what).unwrap_or(line);
        let (one, other) = (line.speed, first.speed);
        let of_cycles = one.cycles_per_second / other.cycles_per_second;
        (of_cycles, other.processor_us / one.processor_us)
    }

    pub fn to_text(&self) -> String {
        let head = [
            "",
            "cycles/s",
            "of the first",
            "cpu µs each",
            "of the first",
            "turn ms",
            "on cpu",
            "gap ms",
        ];
        let row = |line: &Line| {
            let (of_cycles, of_processor) = self.parts(line);
            vec![
                format!("{} {}", line.count, line.what),
                format!("{:.0}", line.speed.cycles_per_second),
                format!("{of_cycles:.2}"),
                format!("{:.0}", line.speed.processor_us),
                format!("{of_processor:.2}"),
                in_millis(line.act.turn),
                in_millis(line.act.on_processor),
                in_millis(line.act.gap),
            ]
        };
        let head = std::iter::once(head.map(str::to_owned).to_vec());
        output::table(&head.chain(self.0.iter().map(row)).collect::<Vec<_>>())
    }

    pub fn to_json(&self) -> String {
        let line = |line: &Line| {
            json!({
                "what": line.what,
                "count": line.count,
                "cycles_per_second": line.speed.cycles_per_second,
                "processor_us_per_cycle": line.speed.processor_us,
                "of_first": self.parts(line).0,
                "of_first_by_processor": self.parts(line).1,
                "seen": line.act.to_value(),
            })
        };
        let lines: Vec<Value> = self.0.iter().map(line).collect();
        format!("{}\n", json!({ "table": lines }))
    }
}

/// The speed of clients that each take and release a lock of their own: the median of some slices,
/// against other work of the machine.
fn cycles(stage: &Stage<'_>, nodes: &Processes) -> Result<Speed, Failure> {
    let load = Load { clients: CLIENTS, connections: CLIENTS, ops: OPS, ttl: CROWD_TTL };
    let (mut slices, before) = (Vec::new(), nodes.processor_time()?);
    for _ in 0..SLICES {
        let measured = generator::measure(&load, stage.to, &ProgressBar::hidden())?;
        slices.push(measured.cycles_per_second());
    }
    let taken = nodes.processor_time()?.saturating_sub(before);
    let count = SLICES as u64 * (OPS + u64::from(WARM_UP) * CLIENTS);
    Ok(Speed::of(slices, taken, count))
}

/// The speed of handing on a lock that one client holds and waits for `waiters` more times.
fn hand_on(party: &mut Party, waiters: u64, nodes: &Processes) -> Result<Speed, Failure> {
    let wish = || AcquireCall::lock(name("table", 0), Wait::Forever);
    for _ in 0..=waiters {
        party.want(0, wish());
    }
    let (mut slices, mut count, mut begun) = (Vec::new(), 0u64, Instant::now());
    let (mut all, mut before) = (0, Duration::ZERO);
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
            // In the first slice the waits begin.
            if slices.is_empty() {
                (count, before) = (0, nodes.processor_time()?);
            }
            all += count;
            slices.push(count as f64 / begun.elapsed().as_secs_f64());
            (count, begun) = (0, Instant::now());
        }
        Ok((slices.len() > SLICES).then_some(()))
    })?;
    let taken = nodes.processor_time()?.saturating_sub(before);
    Ok(Speed::of(slices.split_off(1), taken, all))
}

impl Speed {
    /// The median of the slices, of `count` cycles in all.
    fn of(mut slices: Vec<f64>, taken: Duration, count: u64) -> Self {
        slices.sort_unstable_by(f64::total_cmp);
        let processor_us = taken.as_micros() as f64 / count.max(1) as f64;
        Self { cycles_per_second: slices[slices.len() / 2], processor_us }
    }
}

const HELD: &str = "locks held";
const WAITING: &str = "waiters of one lock";
const RENEWING: &str = "sessions that renew";
/// The last leaves room for the measured locks.
const LOCKS: [u64; 3] = [100, 10_000, 999_900];
const WAITERS: [u64; 4] = [1, 100, 1000, 10_000];
const SESSIONS: [u64; 4] = [10, 1000, 10_000, 100_000];
const CLIENTS: u64 = 16;
const OPS: u64 = 4000;
const SLICES: usize = 5;
const SLICE: Duration = Duration::from_secs(2);
