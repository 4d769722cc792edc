//! Figures of this process from /proc, for the process metrics of Prometheus.

use super::exposition::Number;
use crate::sys::{clock, descriptors};
use std::fs;

/// The figures that could be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Process {
    pub(super) cpu: Option<Number>,
    pub(super) resident: Option<Number>,
    pub(super) virtual_bytes: Option<Number>,
    pub(super) open_fds: Option<Number>,
    pub(super) max_fds: Option<Number>,
    pub(super) threads: Option<Number>,
    pub(super) started: Option<Number>,
}

impl Process {
    /// Reads the present figures.
    pub(super) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kibibytes = |name| field(&status, name).map(|count| Number::Whole(count << 10));
        let open_fds = fs::read_dir("/proc/self/fd").map(|entries| entries.count() as u64);
        Self {
            cpu: Some(Number::Nanos(clock::process_nanos())),
            resident: kibibytes("VmRSS:"),
            virtual_bytes: kibibytes("VmSize:"),
            // Without the descriptor of this listing.
            open_fds: open_fds.ok().map(|count| Number::Whole(count.saturating_sub(1))),
            max_fds: Some(Number::Whole(descriptors::limit())),
            threads: field(&status, "Threads:").map(Number::Whole),
            started: started(),
        }
    }
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn started() -> Option<Number> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // After the program's name, which may contain a parenthesis: field 22 of proc(5).
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let booted = field(&fs::read_to_string("/proc/stat").ok()?, "btime")?;
    Some(Number::Seconds(booted as f64 + ticks as f64 / TICKS_PER_SECOND))
}

/// USER_HZ, which programs see whatever the kernel's HZ.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let process = Process::read();
        let whole = |number: Option<Number>| match number {
            Some(Number::Whole(whole)) => whole,
            other => panic!("{other:?}"),
        };
        assert!(whole(process.resident) > 0 && whole(process.virtual_bytes) > 0);
        assert!(whole(process.open_fds) <= whole(process.max_fds));
        assert!(whole(process.threads) >= 1);
        let now = clock::unix_ms() as f64 / 1000.0;
        let Some(Number::Seconds(started)) = process.started else { panic!("{process:?}") };
        // The wall clock may have been set since the system began.
        assert!(started > 0.0 && started < now + 86_400.0, "{started} of {now}");
    }

    #[test]
    fn a_field_is_that_of_its_own_line() {
        let text = "VmSize:\t  123 kB\nVmRSS:\t    45 kB\n";
        assert_eq!((field(text, "VmRSS:"), field(text, "Vm:")), (Some(45), None));
    }
}
