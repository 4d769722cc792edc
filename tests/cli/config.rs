//! `tenure config`: each mistake of a newcomer with its place, each value with its origin, and a sample that cannot drift.

use crate::program::{code, run, sentence, stdout, tenure};
use serde_json::Value;
use std::process::Output;
use tempfile::TempDir;

const WHOLE: &str = "id = 1\ndata = \"/d\"\ncluster = \"1=127.0.0.1:7401,2=127.0.0.1:7402\"\n";

/// A directory with `tenure.toml`, and what is said of it: without the name of the file.
fn checked(text: &str, flags: &[&str]) -> (Option<i32>, Vec<String>) {
    let (_directory, path) = written(text);
    let output = run(&[&["config", "check", path.as_str()], flags].concat());
    let said = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
    let lines = said.lines().map(|line| line.replace(&format!("{path}:"), ""));
    (code(&output), lines.collect())
}

fn written(text: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tenure.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

#[test]
fn each_mistake_of_a_newcomer_is_told_with_line_column_and_what_to_write() {
    let table = [
        ("hartbeat = \"30ms\"", "4:1: unknown key \"hartbeat\": did you mean \"heartbeat\"?"),
        ("ttl_max = \"1h\"", "4:1: unknown key \"ttl_max\": did you mean \"ttl-max\"?"),
        ("zzz = 1", "4:1: unknown key \"zzz\": there are id, data, listen, cluster"),
        ("heartbeat = 30", "4:13: heartbeat needs a unit, and quotes: heartbeat = \"30ms\""),
        ("heartbeat = \"30\"", "4:13: heartbeat: a duration needs a unit: 30s, 30ms or 30m"),
        (
            "snapshot-every = 64",
            "4:18: snapshot-every needs a unit, and quotes: snapshot-every = \"64MiB\"",
        ),
        ("snapshot-every = \"64XB\"", "4:18: snapshot-every: \"XB\" is no unit of size"),
        ("snapshot-every = \"1KiB\"", "4:18: --snapshot-every must be from 4.0 KiB to 512.0 MiB"),
        ("ttl-max = \"1s\"", "4:11: --ttl-max must be from 10.0s to 1h 0m"),
        ("insecure = \"true\"", "4:12: insecure is true or false, without quotes: insecure = true"),
        ("insecure = 1", "4:12: insecure is true or false: insecure = true"),
        ("listen = \"10.0.0.1\"", "4:10: listen: \"10.0.0.1\" has no port"),
        ("listen = 7401", "4:10: listen is text, in quotes: listen = \"7401\""),
        ("listen = \"10.0.0.1:7401\"", "4:10: 10.0.0.1:7401 is open to the network"),
        (
            "heartbeat = \"100ms\"",
            "4:13: the election timeout must be at least twice the heartbeat",
        ),
        ("lease-duration = \"1ms\"", "4:18: the leader lease must last from 20 milliseconds"),
        ("join = \"10.0.0.1:7401\"", "4:1: cluster and join are both given"),
        ("[serve]", "4:2: [serve] begins a table, and there is none"),
        ("listen = 127.0.0.1:7401", "4:"),
        ("listen = “127.0.0.1:7401”", "4:10: string values must be quoted"),
        (
            "listen = \"*:7401\"",
            "4:10: listen: \"*:7401\" has \"*\" for its host: 0.0.0.0 is all addresses",
        ),
        (
            "admin = \"127.0.0.1:7401\"",
            "4:9: the admin endpoint 127.0.0.1:7401 is where the node itself listens",
        ),
        (
            "admin = \"0.0.0.0:7401\"",
            "4:9: the admin endpoint 0.0.0.0:7401 is where the node itself listens",
        ),
        ("admin = \"0.0.0.0:9401\"", "4:9: the admin endpoint 0.0.0.0:9401 is open to the network"),
        ("admin = \"9401\"", "4:9: --admin \"9401\" has no port"),
        ("tls = \"yes\"", "4:7: tls: it is one of off, optional, required"),
        ("verify = \"none\"", "4:10: verify: it is one of host, node"),
        ("log-level = \"loud\"", "4:13: log-level: \"loud\" is no level of log lines"),
        (
            "ca = \"/c\"",
            "4:6: a node that speaks TLS needs all of --ca, --cert and --key: missing here: --cert and --key",
        ),
        (
            "audit = \"~/audit\"",
            "4:9: audit: \"~/\" at its begin means something to a shell, and nothing here",
        ),
        ("audit = \"$LOGS/audit\"", "4:9: audit: \"$\" at its begin means something to a shell"),
        ("id = 2", "4:1: duplicate key"),
        ("  heartbeat   =   \"x\"", "4:19: heartbeat: a duration is a number and a unit"),
    ];
    for (line, expected) in table {
        let (code, said) = checked(&format!("{WHOLE}{line}\n"), &[]);
        assert_eq!(code, Some(2), "{line}: {said:?}");
        assert!(said.len() == 1 && said[0].starts_with(expected), "{line}: {said:?}");
    }
}

#[test]
fn what_is_wrong_with_who_the_node_is_is_told_too() {
    let table = [
        (
            "id = \"1\"",
            "data = \"/d\"",
            "cluster = \"1=a:1\"",
            "1:6: id is a number, without quotes: id = 1",
        ),
        ("id = -1", "data = \"/d\"", "cluster = \"1=a:1\"", "1:6: id: invalid digit"),
        (
            "id = 4",
            "data = \"/d\"",
            "cluster = \"1=127.0.0.1:1\"",
            "1:6: node 4 is not in the cluster",
        ),
        (
            "id = 0",
            "data = \"/d\"",
            "cluster = \"1=127.0.0.1:1\"",
            "1:6: a node's id is a whole number from 1",
        ),
        (
            "id = 1",
            "data = \"/d\"",
            "cluster = \"1=127.0.0.1:1,2=127.0.0.1:1\"",
            "3:11: cluster: nodes 1 and 2 both have the address 127.0.0.1:1",
        ),
        ("id = 1", "data = \"~\"", "cluster = \"1=a:1\"", "2:8: data: \"~\" at its begin means"),
        ("id = 1", "data = \"\"", "cluster = \"1=a:1\"", "2:8: data: "),
        ("id = 1", "data = \"/d\"", "cluster = \"1=a\"", "3:11: cluster: \"a\" has no port"),
        (
            "id = 1",
            "data = \"/d\"",
            "cluster = [\"1=a:1\", \"2=b:1\"]",
            "3:11: cluster is one text, parted by commas: cluster = \"1=a:1,2=b:1\"",
        ),
        (
            "id = 1",
            "data = \"/d\"",
            "cluster = \"1=a:1,1=b:1\"",
            "3:11: cluster: node 1 is named twice",
        ),
        (
            "id = 1",
            "data = \"/d\"",
            "cluster = \"1=10.0.0.1:1\"",
            "3:11: 10.0.0.1:1 is open to the network",
        ),
        (
            "",
            "data = \"/d\"",
            "cluster = \"1=a:1\"",
            "1:1: id is missing, and no node starts without: id = 1",
        ),
        ("id = 1", "", "cluster = \"1=a:1\"", "1:1: data is missing"),
        ("id = 1", "data = \"/d\"", "", "1:1: cluster is missing: name all nodes"),
    ];
    for (id, data, cluster, expected) in table {
        let (code, said) = checked(&format!("{id}\n{data}\n{cluster}\n"), &[]);
        assert_eq!(code, Some(2), "{said:?}");
        assert!(said.len() == 1 && said[0].starts_with(expected), "{expected}: {said:?}");
    }
}

#[test]
fn what_is_probably_not_meant_is_noted_and_is_no_mistake() {
    let whole = "id = 1\ndata = \"data\"\ncluster = \"1=127.0.0.1:7401,2=10.0.0.2:7401\"\nlisten = \"127.0.0.1:7402\"\n";
    let (code, said) = checked(whole, &[]);
    assert_eq!(code, Some(0), "{said:?}");
    let notes = [
        "2:8: note: data is relative",
        "3:11: note: cluster has 2 nodes",
        "3:11: note: cluster has node 1 at 127.0.0.1:7401, which each machine takes for itself",
        "4:10: note: listen has port 7402, and the others dial node 1 at port 7401",
    ];
    for note in notes {
        assert!(said.iter().any(|line| line.starts_with(note)), "{note}: {said:?}");
    }
    assert!(said.last().is_some_and(|line| line.ends_with("no mistake")), "{said:?}");
    let nobody =
        "id = 1\ndata = \"/d\"\ninsecure = true\ncluster = \"1=0.0.0.0:7401,2=10.0.0.2:7401\"\n";
    let (code, said) = checked(nobody, &[]);
    assert_eq!(code, Some(2), "{said:?}");
    assert!(
        said[0].starts_with("4:11: cluster has node 1 at an address that is no machine's"),
        "{said:?}"
    );
    let tls = "ca = \"/no/ca\"\ncert = \"/no/cert\"\nkey = \"/no/key\"\n";
    let (code, said) = checked(&format!("{WHOLE}{tls}"), &[]);
    assert_eq!(code, Some(0), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("5:8: note: cert cannot be read")), "{said:?}");
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let (code, said) = checked("election = 1\nid = true\nlistn = \"a:1\"\n", &[]);
    let places: Vec<&str> = said.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!((code, places), (Some(2), vec!["1:12", "2:6", "3:1", "1:1", "1:1"]), "{said:?}");
}

#[test]
fn a_right_file_is_right_and_flags_may_say_what_it_does_not() {
    assert_eq!(checked(WHOLE, &[]).0, Some(0));
    let (code, said) = checked("data = \"/d\"\n", &["--id", "4", "--join", "10.0.0.1:7401"]);
    assert_eq!((code, said.len()), (Some(0), 1), "{said:?}");
    assert!(said[0].ends_with(" no mistake"), "{said:?}");
    let missing = run(&["config", "check", "/no/such/file"]);
    assert_eq!(
        code_and(&missing),
        (
            Some(2),
            "cannot read the configuration /no/such/file: No such file or directory (os error 2)"
                .to_owned()
        )
    );
}

fn code_and(output: &Output) -> (Option<i32>, String) {
    (code(output), sentence(output))
}

#[test]
fn each_value_is_printed_with_its_origin_and_flags_win_over_variables_over_the_file() {
    let (_directory, path) =
        written(&format!("{WHOLE}heartbeat = \"20ms\"\nelection = \"1s\"\nttl-max = \"2m\"\n"));
    let mut command = tenure(&["config", "print", "--config", &path, "--heartbeat", "10ms"]);
    let output =
        command.env("TENURE_ELECTION", "2s").env("TENURE_HEARTBEAT", "1s").output().unwrap();
    let text = stdout(&output);
    let rows: Vec<(&str, &str)> =
        text.lines().map(|line| line.split_once("  # ").expect(line)).collect();
    let row = |key: &str| {
        let row = rows.iter().find(|(line, _)| line.starts_with(key)).expect(key);
        (row.0.trim_end(), row.1.replace(&path, "FILE"))
    };
    for (key, line, origin) in [
        ("id", "id = 1", "FILE:1:1"),
        ("heartbeat", "heartbeat = \"10ms\"", "flag --heartbeat"),
        ("election", "election = \"2s\"", "variable TENURE_ELECTION"),
        ("ttl-max", "ttl-max = \"2m\"", "FILE:6:1"),
        ("lease-duration", "lease-duration = \"150ms\"", "default"),
        ("listen", "listen = \"127.0.0.1:7401\"", "default: its address in cluster"),
        ("#join", "#join =", "not given, and no default"),
        ("insecure", "insecure = false", "default"),
    ] {
        assert_eq!(row(key), (line, origin.to_owned()));
    }
    // What is printed is a configuration that says the same.
    let (_other, printed) = written(&text);
    assert_eq!(code(&run(&["config", "check", &printed])), Some(0));
}

#[test]
fn json_has_value_origin_and_where_from() {
    let (_directory, path) = written(WHOLE);
    let output = run(&["config", "print", "--json", "--config", &path, "--insecure"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |key: &str| {
        let row = &value[key];
        [&row["value"], &row["origin"], &row["from"]]
            .map(|part| part.as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(row("insecure"), ["true", "flag", "--insecure"]);
    assert_eq!(row("id"), ["1".to_owned(), "file".to_owned(), format!("{path}:1:1")]);
    assert_eq!(row("election"), ["150ms", "default", "-"]);
    assert_eq!(row("join"), ["-", "none", "-"]);
}

#[test]
fn a_file_that_is_wrong_is_not_printed() {
    let (_directory, path) = written("id = \"1\"\n");
    let output = run(&["config", "print", "--config", &path]);
    assert_eq!((code(&output), output.stdout.len()), (Some(2), 0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(":1:6: id is a number, without quotes"), "{said}");
}

#[test]
fn the_sample_in_the_tree_is_what_is_printed() {
    let path = format!("{}/docs/tenure.toml", env!("CARGO_MANIFEST_DIR"));
    let printed = stdout(&run(&["config", "print", "--defaults"]));
    let sample = std::fs::read_to_string(path).unwrap();
    assert_eq!(sample, printed, "make it anew: tenure config print --defaults > docs/tenure.toml");
}
