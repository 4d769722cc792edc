//! Failover: the time from the kill of a leader, with an acquire in flight, to the next grant.

use super::figures::Figures;
use super::load::cycle;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::lab::processes::Processes;
use indicatif::ProgressBar;
use std::time::{Duration, Instant};
use tenure::client::{AcquireOptions, Client, Wait};

/// Kills the leader `rounds` times; between two kills the cluster becomes whole again.
pub fn measure(
    processes: &mut Processes,
    to: &Connection,
    rounds: u64,
    bar: &ProgressBar,
) -> Result<Vec<Duration>, Failure> {
    let client = to.open()?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let leader = processes.wait_whole()?;
        // Answered acquires: the client is connected to the leader.
        for _ in 0..WARM_UP {
            cycle(&client, NAME, &mut Figures::new())?;
        }
        times.push(kill_in_flight(&client, || processes.kill(leader))?);
        processes.restart(leader)?;
        bar.inc(1);
    }
    to.close(&client);
    Ok(times)
}

fn kill_in_flight(client: &Client, kill: impl FnOnce()) -> Result<Duration, Failure> {
    let pending = client.acquire_start(NAME, GRANT_WAIT, AcquireOptions::default())?;
    let killed = Instant::now();
    kill();
    let lease = pending.take(GRANT_WAIT)?;
    let first = Instant::now();
    lease.release(GRANT_WAIT)?;
    let lease = client.acquire(NAME, GRANT_WAIT, AcquireOptions::default())?;
    let second = Instant::now();
    lease.release(GRANT_WAIT)?;
    Ok(until_next_grant(second - killed, first - killed))
}

/// The time from a kill to the first grant of another leader, by the two grants seen after the
/// kill. The first may have been on its way from the killed leader; then the long pause is between
/// the two.
#[must_use]
pub fn until_next_grant(second: Duration, first: Duration) -> Duration {
    if second.saturating_sub(first) > first { second } else { first }
}

const NAME: &str = "bench/failover";
const WARM_UP: u32 = 20;
const GRANT_WAIT: Wait = Wait::For(Duration::from_secs(30));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_that_was_on_its_way_is_not_the_next_one() {
        let ms = Duration::from_millis;
        assert_eq!(until_next_grant(ms(31), ms(30)), ms(30));
        assert_eq!(until_next_grant(ms(32), ms(1)), ms(32));
    }
}
