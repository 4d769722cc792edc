//! What C costs over Rust, and C++ over C: an uncontended acquire and release, in one run, in turns. A measurement, not
//! a test: it asserts nothing, and runs when it is asked for.
//!
//!     cargo test --release --test bindings examples::overhead -- --ignored --nocapture

use crate::common::compiled::{build_c, build_cpp, run};
use crate::examples::cluster::Cluster;
use std::process::Command;
use std::time::Instant;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};

/// Many short ones: what else the machine does comes and goes, and meets all three alike.
const ROUNDS: usize = 60;
const TURNS: usize = 100;
/// In each round: connecting, first pages.
const WARM_UP: usize = 20;

#[test]
#[ignore = "a measurement"]
fn overhead_of_c_over_rust_and_of_cpp_over_c() {
    let cluster = Cluster::start();
    let optimized = if cfg!(debug_assertions) { "-O0" } else { "-O2" };
    let c = build_c("tests/examples/overhead.c", "overhead-c", &[optimized]);
    let cpp = build_cpp("tests/examples/overhead.cpp", "overhead-cpp", "c++17", &[optimized]);
    let mut medians = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (medians, mut command) in
            medians.iter_mut().zip([itself(), Command::new(&c), Command::new(&cpp)])
        {
            let turns = (WARM_UP + TURNS).to_string();
            command.env(ENDPOINTS, &cluster.endpoints).arg(&cluster.endpoints).arg(turns);
            let output = run(&mut command);
            let lengths = output.lines().filter_map(|line| line.parse::<f64>().ok());
            medians.push(median(lengths.skip(WARM_UP)) / 1e3);
        }
    }
    let [rust, c, cpp] = medians;
    let more = |of: &[f64], over: &[f64]| {
        (median(of.iter().zip(over).map(|(of, over)| of / over)) - 1.0) * 100.0
    };
    println!(
        "an acquire and a release, the median of {ROUNDS} medians of {TURNS}; ratios are of each round:"
    );
    println!("Rust {:>7.1} us", median(rust.iter().copied()));
    println!("C    {:>7.1} us  {:+.1} % over Rust", median(c.iter().copied()), more(&c, &rust));
    println!("C++  {:>7.1} us  {:+.1} % over C", median(cpp.iter().copied()), more(&cpp, &c));
}

/// What the programs in C and C++ do, in a process of its own as theirs.
#[test]
#[ignore = "a part of the measurement"]
fn turns_from_rust() {
    let Ok(endpoints) = std::env::var(ENDPOINTS) else { return };
    let client = Client::open(&endpoints, ClientOptions::default()).unwrap();
    // Written at the end: what is written in between gives the nodes a rest.
    let lengths: Vec<u128> = (0..WARM_UP + TURNS)
        .map(|_| {
            let begin = Instant::now();
            let lease =
                client.acquire("overhead", Wait::Forever, AcquireOptions::default()).unwrap();
            lease.release(Wait::Forever).unwrap();
            drop(lease);
            begin.elapsed().as_nanos()
        })
        .collect();
    println!();
    for length in lengths {
        println!("{length}");
    }
}

/// This program, for `turns_from_rust` alone. The endpoints and turns that follow are filters that match nothing.
fn itself() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--nocapture", "--exact", "overhead::turns_from_rust"]);
    command
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

const ENDPOINTS: &str = "TENURE_OVERHEAD_ENDPOINTS";
