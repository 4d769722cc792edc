//! Latencies of acquire, release and the whole cycle, as text and as JSON.

use super::costs::Costs;
use crate::cli::output;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Latencies of cycles, in nanoseconds, to three digits.
#[derive(Clone, Debug)]
pub struct Figures {
    acquire: Histogram<u64>,
    release: Histogram<u64>,
    cycle: Histogram<u64>,
}

/// A finished measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Clients at once.
    pub clients: u64,
    /// The latencies of all cycles.
    pub figures: Figures,
    /// From the first cycle's start to the last one's end.
    pub elapsed: Duration,
    /// Sessions that ended though their clients wanted them; `None`: not counted.
    pub losses: Option<u64>,
    /// The cost at the nodes, if they told it.
    pub costs: Option<Costs>,
}

impl Figures {
    #[must_use]
    pub fn new() -> Self {
        let empty = Histogram::new_with_bounds(1, LONGEST_NANOS, 3).expect("the bounds are right");
        Self { acquire: empty.clone(), release: empty.clone(), cycle: empty }
    }

    /// Adds a cycle: when the acquire began, when it was granted, when it was released.
    pub fn record(&mut self, begun: Instant, granted: Instant, released: Instant) {
        let nanos = |from: Instant, to: Instant| {
            u64::try_from((to - from).as_nanos()).unwrap_or(LONGEST_NANOS)
        };
        self.acquire.saturating_record(nanos(begun, granted));
        self.release.saturating_record(nanos(granted, released));
        self.cycle.saturating_record(nanos(begun, released));
    }

    /// Adds the figures of another client.
    pub fn merge(&mut self, other: &Self) {
        let same = "all have the same bounds";
        self.acquire.add(&other.acquire).expect(same);
        self.release.add(&other.release).expect(same);
        self.cycle.add(&other.cycle).expect(same);
    }

    /// Cycles recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cycle.len()
    }

    /// The median of whole cycles, in microseconds.
    #[must_use]
    pub fn cycle_p50_us(&self) -> f64 {
        micros(&self.cycle, 0.5)
    }

    /// The median of acquires, in microseconds.
    #[must_use]
    pub fn acquire_p50_us(&self) -> f64 {
        micros(&self.acquire, 0.5)
    }

    /// Percentiles, in microseconds, for machines.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "acquire_us": percentiles(&self.acquire),
            "release_us": percentiles(&self.release),
            "cycle_us": percentiles(&self.cycle),
        })
    }

    /// A table of percentiles, in microseconds.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head = ["", "p50 µs", "p99 µs", "p99.9 µs"].map(str::to_owned);
        let row = |name: &str, histogram: &Histogram<u64>| {
            let cell = |quantile| format!("{:.1}", micros(histogram, quantile));
            vec![name.to_owned(), cell(0.5), cell(0.99), cell(0.999)]
        };
        output::table(&[
            head.to_vec(),
            row("acquire", &self.acquire),
            row("release", &self.release),
            row("cycle", &self.cycle),
        ])
    }
}

impl Measured {
    #[must_use]
    pub fn to_text(&self) -> String {
        let (clients, cycles) = (self.clients, self.figures.count());
        let rate = self.cycles_per_second();
        let head =
            format!("{cycles} cycles, clients at once: {clients}, cycles per second: {rate:.0}\n");
        let costs = self.costs.map(|costs| costs.to_text()).unwrap_or_default();
        let lost = match self.losses {
            Some(lost) if lost > 0 => format!("sessions that ended meanwhile: {lost}\n"),
            _ => String::new(),
        };
        head + &self.figures.to_text() + &costs + &lost
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        let value = json!({
            "clients": self.clients,
            "ops": self.figures.count(),
            "acquire_us": percentiles(&self.figures.acquire),
            "release_us": percentiles(&self.figures.release),
            "cycle_us": percentiles(&self.figures.cycle),
            "cycles_per_second": tenths(self.cycles_per_second()),
            "sessions_lost": self.losses,
            "nodes": self.costs.map(Costs::to_value),
        });
        format!("{value}\n")
    }

    /// The throughput of all clients together.
    #[must_use]
    pub fn cycles_per_second(&self) -> f64 {
        self.figures.count() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Times in which a lock passed from one client to the next.
#[derive(Clone, Debug)]
pub struct Handovers {
    waiters: u64,
    times: Histogram<u64>,
}

impl Handovers {
    /// The times from each release to the next grant, without the last `rest`.
    #[must_use]
    pub fn new(
        waiters: u64,
        (mut released, mut granted): (Vec<Instant>, Vec<Instant>),
        rest: usize,
    ) -> Self {
        released.sort_unstable();
        released.truncate(released.len().saturating_sub(rest));
        granted.sort_unstable();
        let mut times =
            Histogram::new_with_bounds(1, LONGEST_NANOS, 3).expect("the bounds are right");
        for released in released {
            let next = granted.partition_point(|granted| *granted <= released);
            let Some(granted) = granted.get(next) else { continue };
            let nanos = u64::try_from((*granted - released).as_nanos()).unwrap_or(LONGEST_NANOS);
            times.saturating_record(nanos);
        }
        Self { waiters, times }
    }

    #[must_use]
    pub fn to_text(&self) -> String {
        let at = |quantile| micros(&self.times, quantile);
        format!(
            "{} handovers, {} waiting: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs\n",
            self.times.len(),
            self.waiters,
            at(0.5),
            at(0.99),
            at(0.999)
        )
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        let value = json!({
            "waiters": self.waiters,
            "ops": self.times.len(),
            "handover_us": percentiles(&self.times),
        });
        format!("{value}\n")
    }
}

/// Times of one kind, in nanoseconds, to three digits.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_NANOS, 3).expect("the bounds are right"))
    }

    /// Adds one.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NANOS));
    }

    /// Adds those of another client.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What this part of them is not above, in microseconds.
    #[must_use]
    pub fn micros(&self, quantile: f64) -> f64 {
        micros(&self.0, quantile)
    }

    /// Percentiles, in microseconds, for machines.
    #[must_use]
    pub fn to_value(&self) -> Value {
        percentiles(&self.0)
    }
}

/// Times until the next grant, for people.
#[must_use]
pub fn failover_text(times: &[Duration]) -> String {
    let all: Vec<String> = times.iter().map(|time| format!("{:.1}", millis(*time))).collect();
    let median = millis(median(times));
    format!(
        "kill -9 of the leader to the next grant, ms: {}\nmedian {median:.1} ms\n",
        all.join(" ")
    )
}

/// Times until the next grant, for machines.
#[must_use]
pub fn failover_json(times: &[Duration]) -> String {
    let all: Vec<f64> = times.iter().map(|time| tenths(millis(*time))).collect();
    format!("{}\n", json!({"failover_ms": all, "median_ms": tenths(millis(median(times)))}))
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => Duration::ZERO,
        odd if odd % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2,
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Value {
    let at = |quantile| tenths(micros(histogram, quantile));
    json!({"p50": at(0.5), "p99": at(0.99), "p999": at(0.999)})
}

fn micros(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1000.0
}

/// In milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A longer time is recorded as this.
const LONGEST_NANOS: u64 = 600_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::new();
        let begun = Instant::now();
        let micros = Duration::from_micros;
        figures.record(begun, begun + micros(200), begun + micros(500));
        figures
    }

    #[test]
    fn json_has_the_names_of_the_contract() {
        let elapsed = Duration::from_millis(1);
        let measured =
            Measured { clients: 1, figures: figures(), elapsed, losses: None, costs: None };
        let value: Value = serde_json::from_str(&measured.to_json()).unwrap();
        assert_eq!((value["clients"].as_u64(), value["ops"].as_u64()), (Some(1), Some(1)));
        assert_eq!(value["cycles_per_second"], 1000.0);
        for (name, least, most) in
            [("acquire_us", 199.0, 201.0), ("release_us", 299.0, 301.0), ("cycle_us", 499.0, 501.0)]
        {
            for percentile in ["p50", "p99", "p999"] {
                let value = value[name][percentile].as_f64().unwrap();
                assert!((least..=most).contains(&value), "{name} {percentile} {value}");
            }
        }
    }

    #[test]
    fn a_handover_is_from_a_release_to_the_next_grant() {
        let begun = Instant::now();
        let at = |micros| begun + Duration::from_micros(micros);
        let granted = vec![at(3100), at(0), at(1100), at(9_000)];
        let handovers = Handovers::new(8, (vec![at(3000), at(1000), at(4000)], granted), 1);
        let value: Value = serde_json::from_str(&handovers.to_json()).unwrap();
        assert_eq!((value["waiters"].as_u64(), value["ops"].as_u64()), (Some(8), Some(2)));
        let p50 = value["handover_us"]["p50"].as_f64().unwrap();
        assert!((99.0..=101.0).contains(&p50), "{p50}");
    }

    #[test]
    fn merged_figures_count_both() {
        let mut sum = figures();
        sum.merge(&figures());
        assert_eq!(sum.count(), 2);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let times = [40, 10, 30, 20].map(Duration::from_millis);
        assert_eq!(median(&times), Duration::from_millis(25));
        assert_eq!(median(&times[..3]), Duration::from_millis(30));
    }
}
