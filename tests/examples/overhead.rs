//! What C costs over Rust, and C++ over C: an uncontended acquire and release, in one run, in turns. A measurement, not a
//! test: it asserts nothing, and runs when it is asked for.
//!
//!     cargo test --release --test examples overhead -- --ignored --nocapture

use crate::cluster::Cluster;
use crate::tools::{build_c, build_cpp, run};
use std::process::Command;
use std::time::Instant;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};

const ROUNDS: usize = 10;
const TURNS: usize = 500;
/// In each round: connecting, first pages.
const WARM_UP: usize = 50;

#[test]
#[ignore = "a measurement"]
fn overhead_of_c_over_rust_and_of_cpp_over_c() {
    let cluster = Cluster::start();
    let optimized = if cfg!(debug_assertions) { "-O0" } else { "-O2" };
    let c = build_c("tests/examples/overhead.c", "overhead-c", &[optimized]);
    let cpp = build_cpp("tests/examples/overhead.cpp", "overhead-cpp", "c++17", &[optimized]);
    let mut lengths = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (lengths, mut command) in
            lengths.iter_mut().zip([itself(), Command::new(&c), Command::new(&cpp)])
        {
            let turns = (WARM_UP + TURNS).to_string();
            command.env(ENDPOINTS, &cluster.endpoints).arg(&cluster.endpoints).arg(turns);
            let output = run(&mut command);
            let numbers = output.lines().filter_map(|line| line.parse::<u64>().ok());
            lengths.extend(numbers.skip(WARM_UP));
        }
    }
    let [rust, c, cpp] = lengths.map(median);
    let more = |of: u64, over: u64| (of as f64 / over as f64 - 1.0) * 100.0;
    println!("medians of {} acquires and releases each:", ROUNDS * TURNS);
    println!("Rust {:>7.1} us", rust as f64 / 1e3);
    println!("C    {:>7.1} us  {:+.1} % over Rust", c as f64 / 1e3, more(c, rust));
    println!("C++  {:>7.1} us  {:+.1} % over C", cpp as f64 / 1e3, more(cpp, c));
}

/// What the programs in C and C++ do, in a process of its own as theirs.
#[test]
#[ignore = "a part of the measurement"]
fn turns_from_rust() {
    let Ok(endpoints) = std::env::var(ENDPOINTS) else { return };
    let client = Client::open(&endpoints, ClientOptions::default()).unwrap();
    for _ in 0..WARM_UP + TURNS {
        let begin = Instant::now();
        let lease = client.acquire("overhead", Wait::Forever, AcquireOptions::default()).unwrap();
        lease.release(Wait::Forever).unwrap();
        drop(lease);
        println!("{}", begin.elapsed().as_nanos());
    }
}

/// This program, for `turns_from_rust` alone. The endpoints and turns that follow are filters that match nothing.
fn itself() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--nocapture", "--exact", "overhead::turns_from_rust"]);
    command
}

fn median(mut lengths: Vec<u64>) -> u64 {
    lengths.sort_unstable();
    lengths[lengths.len() / 2]
}

const ENDPOINTS: &str = "TENURE_OVERHEAD_ENDPOINTS";
