//! The cost of TLS: the same measurements of two clusters, one over TLS and one without,
//! interleaved on the same machine.

use super::{Options, failover, generator, load};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::processes::{Carrier, Processes};
use crate::lab::simulate::progress;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The measurements of all rounds.
#[derive(Clone, Debug, Default)]
pub struct TlsCosts {
    plain: Rounds,
    tls: Rounds,
}

/// The rounds of one cluster.
#[derive(Clone, Debug, Default)]
struct Rounds {
    acquire_us: Vec<f64>,
    cycles_per_second: Vec<f64>,
    failover_ms: Vec<f64>,
}

/// Measures both clusters, with data directories below `data`.
pub fn measure(data: &Path, options: &Options) -> Result<TlsCosts, Failure> {
    let program = options.program.as_deref();
    let start = |name: &str, carrier| {
        let data = data.join(name);
        std::fs::create_dir_all(&data).map_err(|error| {
            Failure::unavailable(format!("cannot make {}: {error}", data.display()))
        })?;
        Processes::start(&data, program, carrier)
    };
    let mut plain = start("plain", Carrier::Plain)?;
    let mut tls = start("tls", Carrier::Tls)?;
    let ops = options.ops.map_or(CYCLES, i64::unsigned_abs);
    let bar = progress(2 * ROUNDS * (2 * ops + FAILOVERS));
    let mut costs = TlsCosts::default();
    for _ in 0..ROUNDS {
        for (processes, rounds) in [(&mut plain, &mut costs.plain), (&mut tls, &mut costs.tls)] {
            processes.wait_whole()?;
            let to = options.connection_to(processes);
            rounds.measure(processes, &to, (ops, options.ttl), &bar)?;
        }
    }
    bar.finish_and_clear();
    Ok(costs)
}

impl Rounds {
    fn measure(
        &mut self,
        processes: &mut Processes,
        to: &Connection,
        (ops, ttl): (u64, Duration),
        bar: &indicatif::ProgressBar,
    ) -> Result<(), Failure> {
        let of = |clients| load::Load { clients, connections: clients, ops, ttl };
        let one = load::measure(&of(1), to, bar)?;
        self.acquire_us.push(one.figures.acquire_p50_us());
        let many = generator::measure(&of(CLIENTS), to, bar)?;
        self.cycles_per_second.push(many.cycles_per_second());
        let times = failover::measure(processes, to, FAILOVERS, bar)?;
        self.failover_ms.extend(times.iter().map(|time| time.as_secs_f64() * 1e3));
        Ok(())
    }
}

impl TlsCosts {
    /// Medians, side by side.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head = ["", "plain", "TLS", "TLS to plain"].map(str::to_owned);
        let rows = self.rows().map(|(name, plain, tls)| {
            let ratio = format!("{:.2}", tls / plain);
            vec![name.to_owned(), format!("{plain:.1}"), format!("{tls:.1}"), ratio]
        });
        let table: Vec<_> = std::iter::once(head.to_vec()).chain(rows).collect();
        format!("medians of {ROUNDS} rounds, in turn\n{}", output::table(&table))
    }

    /// Medians, and the values behind them.
    #[must_use]
    pub fn to_json(&self) -> String {
        let side = |rounds: &Rounds| {
            json!({
                "acquire_p50_us": rounds.acquire_us,
                "cycles_per_second": rounds.cycles_per_second,
                "failover_ms": rounds.failover_ms,
            })
        };
        let medians: Vec<Value> = self
            .rows()
            .map(|(name, plain, tls)| {
                json!({"measure": name, "plain": plain, "tls": tls, "ratio": tls / plain})
            })
            .to_vec();
        let value = json!({"medians": medians, "plain": side(&self.plain), "tls": side(&self.tls)});
        format!("{value}\n")
    }

    fn rows(&self) -> [(&'static str, f64, f64); 3] {
        let row = |name, of: fn(&Rounds) -> &[f64]| {
            (name, median(of(&self.plain)), median(of(&self.tls)))
        };
        [
            row("acquire of one client, p50 µs", |rounds| &rounds.acquire_us),
            row("cycles of 64 clients, each second", |rounds| &rounds.cycles_per_second),
            row("from a kill of the leader to the next grant, ms", |rounds| &rounds.failover_ms),
        ]
    }
}

/// The median; of an even number the lower one.
fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

const ROUNDS: u64 = 5;
const CLIENTS: u64 = 64;
/// Cycles of one client, and of all 64 together.
const CYCLES: u64 = 6_400;
/// Kills of the leader in each round.
const FAILOVERS: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_stand_side_by_side() {
        let rounds = |factor: f64| Rounds {
            acquire_us: [3.0, 1.0, 2.0].map(|value| value * factor).to_vec(),
            cycles_per_second: vec![100.0 / factor],
            failover_ms: vec![8.0 * factor, 9.0 * factor],
        };
        let costs = TlsCosts { plain: rounds(1.0), tls: rounds(2.0) };
        let text = costs.to_text();
        assert!(text.lines().any(|line| line.starts_with("acquire") && line.ends_with("2.00")));
        assert!(text.contains(" 100.0 ") && text.contains("0.50"), "{text}");
        let json: Value = serde_json::from_str(&costs.to_json()).unwrap();
        assert_eq!(json["medians"][2]["plain"], 8.0);
        assert_eq!(json["tls"]["failover_ms"][1], 18.0);
    }
}
