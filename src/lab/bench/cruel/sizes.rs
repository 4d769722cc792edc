//! The sizes of the acts: by default the most that a client may ask for, if that has a bound.

use crate::cli::duration;
use clap::Args;
use std::time::Duration;

/// The sizes of the acts.
#[derive(Args, Clone, Debug)]
pub struct Sizes {
    /// Locks held all the while
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(32..=850_000), requires = "cruel")]
    pub locks: u64,
    /// Sessions that renew all the while
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=100_000), requires = "cruel")]
    pub sessions: u64,
    /// Waits of one session, each for 32 locks
    #[arg(long, value_name = "N", default_value = "16000", value_parser = clap::value_parser!(u64).range(1..=16_000), requires = "cruel")]
    pub waits: u64,
    /// Locks of one session that expires
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(32..=100_000), requires = "cruel")]
    pub expiring: u64,
    /// Waiters of one lock
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(2..=100_000), requires = "cruel")]
    pub waiters: u64,
    /// Reads at once, each of 32 locks
    #[arg(long, value_name = "N", default_value = "4096", value_parser = clap::value_parser!(u64).range(1..=4096), requires = "cruel")]
    pub reads: u64,
    /// Sessions that wait for each other one behind the other, when another wait would close the circle
    #[arg(long, value_name = "N", default_value = "1300", value_parser = clap::value_parser!(u64).range(2..=4000), requires = "cruel")]
    pub circle: u64,
    /// Rows of a list that is read whole, and observers of one lock
    #[arg(long, value_name = "N", default_value = "40000", value_parser = clap::value_parser!(u64).range(1..=100_000), requires = "cruel")]
    pub rows: u64,
    /// Clients that come back at once after leadership was moved
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=14_000), requires = "cruel")]
    pub returning: u64,
    /// How long to wait before each act for a minute without a long turn, so that each turn is told of its own act
    #[arg(long, value_name = "DURATION", default_value = "61s", value_parser = duration::parse, requires = "played")]
    pub settle: Duration,
}
