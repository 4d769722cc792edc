//! A client that is stopped past its TTL and wakes in a world without servers knows by its clocks alone.

use crate::cluster::{Cluster, Setup, stop};
use crate::patience::PATIENCE;
use crate::program::{Program, compile_c};
use crate::relay::Relays;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tenure::base::Token;
use tenure::base::time::RHO_PPM;
use tenure::client::{AcquireOptions, Wait};
use tenure::sys::{clock, process};

#[test]
fn a_stopped_client_never_reads_above_zero_past_its_v_or_beside_its_successor() {
    let mut setup = Setup::new();
    let relays = Relays::start(&setup.listen, "watcher");
    setup.advertised.clone_from(&relays.addresses);
    let cluster = Cluster::start_with(setup);
    let file = cluster.directory().join("samples");
    let mut watcher = start_watcher(&cluster, &file);
    let token = token_of(&watcher.line());
    let successor = cluster.client("successor");
    let wish = successor.acquire_start(NAME, Wait::Forever, AcquireOptions::default());
    let wish = wish.expect("it can be asked for");
    assert_eq!(watcher.line(), "watching");

    stop(watcher.process());
    let stopped = clock::boot_nanos();
    // At once: no word that the session ended may wait in its sockets. It has only its clocks.
    relays.cut();
    let lease = wish.take(Wait::For(PATIENCE)).expect("the session of a stopped client expires");
    let granted = clock::boot_nanos();
    process::signal_child(watcher.process(), libc::SIGCONT);

    assert!(lease.token() > token, "{} after {token}", lease.token());
    assert_eq!(watcher.line(), "ended 3", "TENURE_LEASE_STATE_ENDED");
    assert!(watcher.is_running() || watcher.finish().success());
    let samples = read_samples(&file);
    check_samples(&samples, stopped, granted).unwrap();
}

#[test]
fn a_belief_past_v_or_beside_a_successor_would_be_seen() {
    let (stopped, granted) = (1_000_000_000, 4_000_000_000);
    let held = Sample { before: 900_000_000, remaining: 5, after: 900_000_100 };
    let ended = Sample { before: 5_000_000_000, remaining: 0, after: 5_000_000_100 };
    assert_eq!(check_samples(&[held, ended], stopped, granted), Ok(()));

    let past_v = Sample { before: 3_500_000_000, remaining: 1, after: 3_500_000_100 };
    let beside = Sample { remaining: 1, ..ended };
    assert!(check_samples(&[held, past_v, ended], stopped, granted).is_err());
    assert!(check_samples(&[held, beside, ended], stopped, granted).is_err());
    assert!(check_samples(&[held], stopped, granted).is_err(), "nothing after waking");
    assert!(check_samples(&[ended], stopped, granted).is_err(), "nothing before stopping");
}

/// One look of the watcher: BOOTTIME before and after it, and what it saw, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    before: u64,
    remaining: u64,
    after: u64,
}

/// Belief before the stop, none later than V after it, none at or after the successor's grant.
fn check_samples(samples: &[Sample], stopped: u64, granted: u64) -> Result<(), String> {
    // Whatever was renewed was sent before the stop; V ≤ D(1−ρ)/(1+ρ).
    let ttl = u64::try_from(TTL.as_nanos()).expect("a short time");
    let rho = u64::from(RHO_PPM);
    let v = ttl / (1_000_000 + rho) * (1_000_000 - rho);
    if !samples.iter().any(|sample| sample.after <= stopped && sample.remaining > 0) {
        return Err("it never believed before it was stopped".to_owned());
    }
    if !samples.iter().any(|sample| sample.before >= granted) {
        return Err("it did not look after it woke".to_owned());
    }
    let believing = samples.iter().filter(|sample| sample.remaining > 0);
    for sample in believing {
        if sample.before >= granted {
            return Err(format!("belief beside the successor, granted at {granted}: {sample:?}"));
        }
        if sample.before > stopped + v {
            return Err(format!("belief past V = {v} after the stop at {stopped}: {sample:?}"));
        }
    }
    Ok(())
}

fn start_watcher(cluster: &Cluster, samples: &Path) -> Program {
    let program = compile_c("watcher", cluster.directory());
    let mut command = Command::new(program);
    command.arg(cluster.endpoints()).args([NAME, &TTL.as_millis().to_string()]).arg(samples);
    Program::start("watcher.c", &mut command)
}

fn token_of(line: &str) -> Token {
    let token = line.strip_prefix("held ").and_then(|token| token.parse().ok());
    Token(token.unwrap_or_else(|| panic!("expected \"held TOKEN\", got {line:?}")))
}

fn read_samples(file: &Path) -> Vec<Sample> {
    let bytes = fs::read(file).expect("the watcher wrote its samples");
    let (numbers, rest) = bytes.as_chunks::<8>();
    assert!(rest.is_empty(), "{} bytes", bytes.len());
    let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_ne_bytes(*number)).collect();
    let (samples, rest) = numbers.as_chunks::<3>();
    assert!(rest.is_empty(), "{} numbers", numbers.len());
    let sample = |[before, remaining, after]: &[u64; 3]| Sample {
        before: *before,
        remaining: *remaining,
        after: *after,
    };
    samples.iter().map(sample).collect()
}

const NAME: &str = "jobs/watched";
/// Long enough for a busy machine to renew, short enough to wait for.
const TTL: Duration = Duration::from_secs(2);
