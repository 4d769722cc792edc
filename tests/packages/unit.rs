//! The systemd unit and the sample configuration, which are files of the tree.

use crate::common::quiet::quiet;
use crate::install::tools::{optional, output_of, read, root, run};
use crate::packages::built::scratch;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let Some(analyze) = optional("SYSTEMD_ANALYZE", "systemd-analyze") else { return };
    let directory = scratch();
    let unit = directory.path().join("tenure.service");
    // It looks for the program, which is not installed here.
    let text = read(&root(".ci/package/tenure.service"));
    let text =
        text.replace("ExecStart=tenure ", concat!("ExecStart=", env!("CARGO_BIN_EXE_tenure"), " "));
    std::fs::write(&unit, text).unwrap();
    let output = output_of(Command::new(analyze).args(["verify", "--man=no"]).arg(&unit));
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("tenure.service")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

/// The values of a key of the unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_unit_leaves_to_a_person_what_a_person_must_mend_and_starts_all_else_again() {
    let unit = read(&root(".ci/package/tenure.service"));
    assert_eq!(values(&unit, "Restart"), ["on-failure"]);
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["2"]);
    assert_eq!(values(&unit, "StartLimitIntervalSec"), ["0"]);
    assert_eq!(values(&unit, "Type"), ["notify"]);
    let limit = values(&unit, "LimitNOFILE")[0].parse::<usize>().unwrap();
    assert!(limit > tenure::base::limits::CONNECTIONS_MAX, "{limit}");
}

#[test]
fn the_sample_has_every_key_and_serve_reads_it_with_all_of_them_set() {
    let sample = read(&root(".ci/package/tenure.toml"));
    let is_key =
        |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains([' ', '#']));
    let lines = sample.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).filter(is_key);
    let lines: Vec<&str> = lines.collect();
    let keys: BTreeSet<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_tenure"));
    let help = run(quiet(program).args(["serve", "--help"]));
    let flags = help.lines().filter_map(|line| line.trim_start().split("--").nth(1));
    let flags = flags.filter_map(|flag| flag.split([' ', '[', '.']).next());
    let flags: BTreeSet<&str> =
        flags.filter(|flag| !["config", "help", "verbose", "version"].contains(flag)).collect();
    assert_eq!(keys, flags, "the keys of .ci/package/tenure.toml, and the flags of `tenure serve`");

    let directory = scratch();
    let file = directory.path().join("tenure.toml");
    // The files that these name are not here. Without `cluster` the node would have to ask those that it joins, and with a directory of its own it would start.
    let text: String = lines
        .iter()
        .filter(|line| !UNSAID.iter().any(|key| line.starts_with(&format!("{key} = "))))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&file, text.replace("\"/var/lib/tenure\"", "\"/dev/null/no-directory\""))
        .unwrap();
    let output = output_of(
        quiet(program)
            .args(["serve", "--insecure", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/dev/null/no-directory"), "{said}");
    assert!(!said.contains("the configuration"), "{said}");
}

#[test]
fn defaults_of_the_sample_are_those_of_the_help() {
    let sample = read(&root(".ci/package/tenure.toml"));
    let help = run(quiet(env!("CARGO_BIN_EXE_tenure")).args(["serve", "-h"]));
    // Folded lines are one.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for key in ["heartbeat", "election", "lease-duration", "ttl-max", "snapshot-every"] {
        let line = sample.lines().find_map(|line| line.strip_prefix(&format!("#{key} = ")));
        let value = line.unwrap_or_else(|| panic!("{key} is missing")).trim_matches('"');
        let flag = help.split(&format!("--{key} ")).nth(1).expect("a flag of serve");
        let default = flag.split("[default: ").nth(1).and_then(|rest| rest.split(']').next());
        assert_eq!(default, Some(value), "{key}");
    }
}

/// Keys of the sample that are not set where `serve` reads it.
const UNSAID: [&str; 10] =
    ["join", "ca", "cert", "key", "verify", "client-ca", "crl", "tls", "audit", "admin"];
