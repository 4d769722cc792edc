//! `tenure certs`: what is written, and what is said of what was given wrong.

use crate::program::{code, run, sentence, stdout, tenure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// `tenure certs` in `directory`.
fn certs(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = tenure(&[&["certs"], arguments].concat());
    command.current_dir(directory).output().expect("tenure runs")
}

/// A directory with an authority in it.
fn authority() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let output = certs(directory.path(), &["ca"]);
    assert_eq!(code(&output), Some(0), "{output:?}");
    directory
}

#[test]
fn an_authority_makes_certificates_of_each_kind_and_shows_what_they_say() {
    let directory = authority();
    let at = directory.path();
    for (arguments, file, identity) in [
        (&["node", "3", "db3.example", "10.0.0.3"][..], "node-3", "node/3"),
        (&["client", "billing"], "client-billing", "client/billing"),
        (&["client", "team-a/billing"], "client-team-a=billing", "client/team-a/billing"),
        (&["operator", "alice@example"], "operator-alice@example", "operator/alice@example"),
    ] {
        let said = stdout(&certs(at, arguments));
        let files = format!("{identity}: ./{file}.crt and ./{file}.key, valid until ");
        let (first, next) = said.split_once('\n').expect("a line");
        assert!(first.starts_with(&files) && first.ends_with(" UTC"), "{said}");
        let is_operator = arguments[0] == "operator";
        let turn_on = format!("`tenure access on --admin {identity}` turns rights on");
        assert_eq!(
            (next.contains(&turn_on), next.is_empty()),
            (is_operator, !is_operator),
            "{said}"
        );
        let mode = fs::metadata(at.join(format!("{file}.key"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        let shown = stdout(&certs(at, &["show", &format!("{file}.crt")]));
        assert!(shown.starts_with(&format!("identity        {identity}\n")), "{shown}");
        assert!(shown.contains("(365 days are left)"), "{shown}");
    }
    let shown = stdout(&certs(at, &["show", "node-3.crt"]));
    assert!(shown.contains("\nhosts           db3.example, 10.0.0.3\n"), "{shown}");
    assert!(shown.contains("\nmay be used as  server, client\n"), "{shown}");
    let shown = stdout(&certs(at, &["show", "ca.crt"]));
    assert!(shown.contains("an authority, which may certify others"), "{shown}");
    assert!(shown.contains("(3650 days are left)"), "{shown}");
}

#[test]
fn what_is_there_is_replaced_only_with_force() {
    let directory = authority();
    let key = directory.path().join("ca.key");
    let before = fs::read(&key).unwrap();
    let again = certs(directory.path(), &["ca"]);
    assert_eq!(code(&again), Some(2));
    let said = sentence(&again);
    assert!(said.contains("ca.key is there already") && said.contains("--force"), "{said}");
    assert_eq!(fs::read(&key).unwrap(), before);
    // No variable says so for all commands to come.
    let mut command = tenure(&["certs", "ca"]);
    command.env("TENURE_FORCE", "1").current_dir(directory.path());
    assert_eq!(code(&command.output().unwrap()), Some(2));
    assert_eq!(code(&certs(directory.path(), &["ca", "--force"])), Some(0));
    assert_ne!(fs::read(&key).unwrap(), before);
}

#[test]
fn directories_and_days_are_as_they_are_said() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    assert_eq!(code(&certs(at, &["ca", "--out", "keys/ca", "--days", "30"])), Some(0));
    let client = |days: &str| {
        certs(at, &["client", "a", "--ca-dir", "keys/ca", "--out", "keys/a", "--days", days])
    };
    assert!(sentence(&client("31")).contains("before a certificate of 31 days would"));
    assert_eq!(code(&client("7")), Some(0));
    let shown = stdout(&certs(at, &["show", "keys/a/client-a.crt"]));
    assert!(shown.contains("(7 days are left)"), "{shown}");
    // Without a number it does not outlive its authority.
    assert_eq!(code(&certs(at, &["client", "b", "--ca-dir", "keys/ca"])), Some(0));
    assert!(stdout(&certs(at, &["show", "client-b.crt"])).contains("(30 days are left)"));
}

#[test]
fn what_is_wrong_is_one_sentence_that_says_what_to_write() {
    let directory = authority();
    let at = directory.path();
    fs::write(at.join("empty"), "").unwrap();
    for (arguments, part) in [
        (&["node", "0", "db"][..], "0 is not in 1.."),
        (&["node", "1"], "<HOST>"),
        (&["node", "1", "db:7401"], "HOST \"db:7401\" has a port or brackets"),
        (&["node", "1", "*.example"], "is a wildcard"),
        (&["node", "1", ""], "HOST \"\" is empty"),
        (&["client", "a b"], "NAME \"a b\" has ' ' in its name"),
        (&["client", "*"], "has '*' in its name"),
        (&["client", "../a"], "has a part of its name between"),
        (&["operator", ""], "has an empty name"),
        (&["client", "a", "--days", "0"], "0 is not in 1..=36500"),
        (&["client", "a", "--ca-dir", "none"], "`tenure certs ca` makes one, --ca-dir says where"),
        (&["show", "ca.key"], "has a private key and no certificate"),
        (&["show", "empty"], "empty is empty"),
    ] {
        let output = certs(at, arguments);
        assert_eq!(code(&output), Some(2), "{arguments:?}");
        assert!(sentence(&output).contains(part), "{arguments:?}: {}", sentence(&output));
    }
    let none = certs(at, &["show", "none"]);
    assert_eq!(code(&none), Some(3));
    assert!(sentence(&none).contains("cannot read none: No such file"), "{none:?}");
    assert_eq!(fs::read_dir(at).unwrap().count(), 3, "nothing was written");
    assert_eq!(code(&run(&["certs"])), Some(2));
}
