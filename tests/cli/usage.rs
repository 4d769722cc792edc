//! Wrong command lines and absent clusters: one sentence that says what to do, and the documented code.

use crate::program::{code, free_ports, run, sentence, stdout, tenure};

/// Runs `arguments` and expects `expected` as its code and all of `parts` in its sentence.
fn check(arguments: &[&str], expected: i32, parts: &[&str]) {
    let output = run(arguments);
    let sentence = sentence(&output);
    assert_eq!(code(&output), Some(expected), "{arguments:?}: {sentence}");
    for part in parts {
        assert!(sentence.contains(part), "{arguments:?}: {part:?} is not in {sentence:?}");
    }
}

#[test]
fn unknown_commands_and_flags_are_usage_errors() {
    check(&["lokc"], 2, &["'lokc'", "'lock'"]);
    check(&["status", "--colour"], 2, &["--colour", "tenure status --help"]);
}

#[test]
fn lock_says_125_for_its_own_usage_errors() {
    check(&["lock"], 125, &["<NAME>"]);
    check(&["lock", "--wait", "5", "x"], 125, &["a duration needs a unit: 5s, 5ms or 5m"]);
    check(&["lock", "a", "b", "a", "--", "true"], 125, &["a is named twice"]);
    check(&["lock", "a", "b", "--try", "--", "true"], 125, &["give options before the names"]);
    check(&["lock", "--shared", "--limit", "2", "x"], 125, &["--shared", "--limit"]);
    check(&["lock", "--permits", "2", "x"], 125, &["--limit"]);
    check(&["lock", "--limit", "0", "x"], 125, &["0"]);
    check(&["lock", "-E", "256", "x"], 125, &["256"]);
}

#[test]
fn elect_says_125_for_its_own_usage_errors() {
    check(&["elect", "x"], 125, &["--value"]);
    check(&["elect", "x", "--json", "--value", "v"], 125, &["--observe"]);
    check(&["elect", "--value", "v", "a", "b", "--", "true"], 125, &["one NAME"]);
    check(&["elect", "--observe", "x", "--", "true"], 125, &["--observe runs no command"]);
}

#[test]
fn orders_about_locks_say_2_for_their_usage_errors() {
    check(&["break"], 2, &["<NAME>"]);
    check(&["break", "x", "--now", "--grace", "5s"], 2, &["--now", "--grace"]);
    check(&["break", "x", "--token", "0"], 2, &["0"]);
    check(&["break", "x", "--grace", "5"], 2, &["a duration needs a unit"]);
    check(&["handover"], 2, &["<NAME>"]);
    check(&["watch"], 2, &["<NAME>"]);
}

#[test]
fn a_token_of_the_environment_means_nothing_to_break() {
    let endpoint = format!("127.0.0.1:{}", free_ports(1)[0]);
    let mut command = tenure(&["break", "x", "--endpoints", &endpoint, "--timeout", "100ms"]);
    let output = command.env("TENURE_TOKEN", "no number").output().unwrap();
    assert_eq!(code(&output), Some(3), "{}", sentence(&output));
}

#[test]
fn durations_need_a_unit_in_the_environment_too() {
    let output = tenure(&["status"]).env("TENURE_TIMEOUT", "5").output().unwrap();
    assert_eq!(code(&output), Some(2));
    assert!(sentence(&output).contains("invalid value '5' for 'TENURE_TIMEOUT'"));
    assert!(sentence(&output).contains("a duration needs a unit"));
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["lock", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!((code(&output), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
    let help = stdout(&run(&["--help"]));
    for command in ["lock", "elect", "show", "watch", "break", "handover", "validate"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    for hidden in ["demo-holder", "lock-guard"] {
        assert!(!help.contains(hidden), "{help}");
    }
}

#[test]
fn malformed_endpoints_are_a_usage_error_that_says_what_is_wrong_with_which() {
    for (endpoints, why) in [
        ("127.0.0.1", "\"127.0.0.1\" of \"127.0.0.1\" has no port"),
        ("a:1,b", "\"b\" of \"a:1,b\" has no port"),
        ("http://a:7401", "is a URL"),
        ("https://a:7401/status,b:1", "is a URL"),
        ("a:7401/", "has a \"/\" in it"),
        ("a:1 b:2", "has a blank in it"),
        ("a:1,,b:2", "is empty: there is a comma too many"),
        ("a:1,", "is empty"),
        ("", "is empty"),
        ("a:0", "has port 0"),
        ("a:99999", "has no port from 1 to 65535"),
        ("a:http", "has no port from 1 to 65535"),
        (":7401", "has no host"),
        ("::1:7401", "without brackets"),
    ] {
        for (command, arguments, expected) in [
            ("show", &[][..], 2),
            ("status", &[], 2),
            ("watch", &["x"], 2),
            ("break", &["x"], 2),
            ("handover", &["x"], 2),
            ("validate", &["x", "1"], 2),
            ("move-leader", &[], 2),
            ("bench", &[], 2),
            ("lock", &["x", "--", "true"], 125),
            ("elect", &["x", "--value", "v", "--", "true"], 125),
        ] {
            let line = [&[command, "--endpoints", endpoints], arguments].concat();
            check(&line, expected, &["--endpoints", why, "write host:port"]);
            let mut from_environment = tenure(&[&[command], arguments].concat());
            let output = from_environment.env("TENURE_ENDPOINTS", endpoints).output().unwrap();
            let said = sentence(&output);
            assert_eq!(code(&output), Some(expected), "{line:?}: {said}");
            assert!(said.contains("TENURE_ENDPOINTS") && !said.contains("--endpoints"), "{said}");
            let why = if endpoints.is_empty() { "is set and empty" } else { why };
            assert!(said.contains(why), "{said}");
        }
        check(&["member", "list", "--endpoints", endpoints], 2, &["--endpoints", why]);
        check(&["snapshot", "save", "f", "--endpoints", endpoints], 2, &["--endpoints", why]);
        check(&["serve", "--join", endpoints], 2, &["--join", why]);
    }
    check(&["serve", "--cluster", "1=http://a:1"], 2, &["--cluster", "is a URL"]);
    check(&["serve", "--cluster", "1=a:1,"], 2, &["--cluster", "must look like"]);
    let node =
        ["serve", "--id", "1", "--data", "/nowhere", "--cluster", "1=127.0.0.1:1", "--listen"];
    for (listen, why) in [("", "is empty"), ("http://a:1", "is a URL"), ("a", "has no port")] {
        check(&[&node[..], &[listen]].concat(), 2, &["--listen", why]);
    }
    check(&["member", "add", "4", "http://a:1"], 2, &["is a URL"]);
}

#[test]
fn a_variable_that_is_set_and_empty_is_told_by_its_name() {
    for (variable, arguments, expected) in [
        ("TENURE_ENDPOINTS", &["show"][..], 2),
        ("TENURE_TIMEOUT", &["show"], 2),
        ("TENURE_TTL", &["lock", "x", "--", "true"], 125),
        ("TENURE_WAIT", &["lock", "x", "--", "true"], 125),
        ("TENURE_CLIENT", &["lock", "x", "--", "true"], 125),
        ("TENURE_VALUE", &["elect", "x", "--", "true"], 125),
        ("TENURE_REASON", &["break", "x"], 2),
        ("TENURE_GRACE", &["handover", "x"], 2),
        ("TENURE_DATA", &["serve"], 2),
        ("TENURE_ID", &["serve"], 2),
        ("TENURE_CLUSTER", &["serve"], 2),
        ("TENURE_JOIN", &["serve"], 2),
        ("TENURE_LISTEN", &["serve"], 2),
        ("TENURE_CONFIG", &["serve"], 2),
        ("TENURE_TTL_MAX", &["serve"], 2),
        ("TENURE_VERBOSE", &["show"], 2),
    ] {
        let output = tenure(arguments).env(variable, "").output().unwrap();
        let said = sentence(&output);
        assert_eq!(code(&output), Some(expected), "{variable}: {said}");
        assert!(said.starts_with(&format!("{variable} is set and empty")), "{said}");
    }
    // One that another command has, or in whose place a flag is given, means nothing.
    let endpoint = format!("127.0.0.1:{}", free_ports(1)[0]);
    let line = ["show", "--endpoints", &endpoint, "--timeout", "100ms"];
    let mut command = tenure(&line);
    command.env("TENURE_LISTEN", "").env("TENURE_TIMEOUT", "").env("TENURE_ENDPOINTS", "");
    let output = command.env("TENURE_JSON", "").output().unwrap();
    assert_eq!(code(&output), Some(3), "{}", sentence(&output));
}

#[test]
fn no_variable_gives_up_safety_or_means_another_lock() {
    let endpoint = format!("127.0.0.1:{}", free_ports(1)[0]);
    let variables =
        ["NOW", "TOKEN", "TO", "SHARED", "LIMIT", "PERMITS", "HOLD", "WAIVE_WAIT", "EPOCH"];
    for arguments in [&["break", "x"][..], &["handover", "x"], &["lock", "x", "--", "true"]] {
        let mut command = tenure(arguments);
        command.env("TENURE_ENDPOINTS", &endpoint).env("TENURE_TIMEOUT", "100ms");
        // Each of them would be refused if it were looked at.
        command.envs(variables.map(|name| (format!("TENURE_{name}"), "nonsense")));
        let said = sentence(&command.output().unwrap());
        assert!(said.contains("refused"), "{arguments:?}: {said}");
    }
}

#[test]
fn without_a_quorum_each_node_is_named_with_its_failure() {
    let ports = free_ports(2);
    let endpoints = format!("127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    let [first, second] = [0, 1].map(|place: usize| ports[place].to_string());
    let reached = ["--endpoints", &endpoints, "--timeout", "300ms"];
    let parts = [first.as_str(), second.as_str(), "refused"];
    for (command, arguments, expected) in [
        ("show", &[][..], 3),
        ("status", &[], 3),
        ("validate", &["x", "1"], 3),
        ("watch", &["x"], 3),
        ("break", &["x"], 3),
        ("handover", &["x"], 3),
        ("lock", &["x"], 125),
        ("elect", &["x", "--value", "v"], 125),
        ("elect", &["x", "--observe"], 125),
    ] {
        check(&[&[command], &reached[..], arguments].concat(), expected, &parts);
    }
    let check_only = run(&[&["status", "--check"], &reached[..]].concat());
    assert_eq!(code(&check_only), Some(3));
}

#[test]
fn orders_without_a_cluster_name_each_node_too() {
    let endpoint = format!("127.0.0.1:{}", free_ports(1)[0]);
    let reached = ["--endpoints", &endpoint, "--timeout", "300ms"];
    for command in [
        &["member", "list"][..],
        &["member", "promote", "2"],
        &["move-leader"],
        &["snapshot", "save", "/no/such/directory/file"],
    ] {
        check(&[command, &reached].concat(), 3, &[&endpoint, "refused"]);
    }
}

#[test]
fn members_have_ids_from_1_and_addresses_with_ports() {
    check(&["member", "add", "0", "host:1"], 2, &["0"]);
    check(&["member", "add", "4", "host"], 2, &["host:port"]);
    check(&["member", "move", "4", "host:0"], 2, &["port 0"]);
    check(&["move-leader", "x"], 2, &["x"]);
}

#[test]
fn sizes_and_the_longest_ttl_are_checked() {
    let serve = ["serve", "--id", "1", "--data", "unused", "--cluster", "1=127.0.0.1:1"];
    let flags = |flags: &[&'static str]| [&serve, flags].concat();
    check(&flags(&["--snapshot-every", "64"]), 2, &["a size needs a unit: 64B, 64KiB or 64MiB"]);
    check(&flags(&["--snapshot-every", "1KiB"]), 2, &["from 4.0 KiB to 512.0 MiB"]);
    check(&flags(&["--ttl-max", "1s"]), 2, &["from 10.0s to 1h"]);
    check(&flags(&["--admin", "9401"]), 2, &["--admin \"9401\"", "\"host:port\""]);
}

#[test]
fn an_unknown_host_is_named() {
    let arguments = ["show", "--endpoints", "nosuchhost.invalid:7401", "--timeout", "300ms"];
    check(&arguments, 3, &["nosuchhost.invalid"]);
}

#[test]
fn bench_makes_certificates_of_clusters_that_it_starts_and_of_no_others() {
    check(&["bench", "--tls"], 2, &["--spawn"]);
    check(&["bench", "--tls-costs", "--spawn"], 2, &["--tls-costs"]);
    check(&["bench", "--spawn", "--ca", "ca.crt"], 2, &["--ca", "--spawn --tls makes its own"]);
}

#[test]
fn bench_kills_only_what_it_started() {
    check(&["bench", "--failover", "1"], 2, &["--failover", "--spawn"]);
}

#[test]
fn bench_plays_cruel_acts_on_nodes_of_its_own() {
    check(&["bench", "--waits", "9"], 2, &["--cruel"]);
    check(&["bench", "--cruel", "--clients", "2"], 2, &["--cruel", "--clients"]);
    check(&["bench", "--cruel", "--table"], 2, &["--cruel", "--table"]);
}

#[test]
fn bench_keeps_many_under_way_in_a_measurement_of_its_own() {
    check(&["bench", "--depth", "9", "--handover"], 2, &["--depth", "--handover"]);
    check(&["bench", "--depth", "9", "--threads"], 2, &["--depth", "--threads"]);
}

#[test]
fn bench_compares_embedded_clients_alone() {
    check(&["bench", "--embedded", "--clients", "2"], 2, &["--embedded", "--clients"]);
}

#[test]
fn seeds_must_be_a_range() {
    check(&["sim", "--seeds", "5..2"], 2, &["5..2"]);
}

#[test]
fn completions_and_manual_pages_are_written() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(code(&output), Some(0));
        assert!(stdout(&output).contains("validate"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    assert_eq!(code(&run(&["man", "--out", pages.to_str().unwrap()])), Some(0));
    let page = std::fs::read_to_string(pages.join("tenure-lock.1")).unwrap();
    assert!(page.contains("TENURE_TOKEN"));
    for command in ["elect", "watch", "break", "handover"] {
        assert!(pages.join(format!("tenure-{command}.1")).exists(), "{command}");
    }
}
