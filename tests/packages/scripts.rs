//! What the scripts of the Debian package ask of systemd, by a systemctl that only writes down what it is asked.

use crate::install::tools::{read, root, run};
use crate::packages::built::scratch;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A folder of programs that write their arguments to `log`.
fn stubs(folder: &Path) {
    for name in ["systemctl", "useradd"] {
        let path = folder.join(name);
        let log = folder.join("log");
        std::fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >> {}\n", log.display()))
            .unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// What `script` says, and what it asks of systemd, on a machine that systemd runs.
fn asked(script: &str, arguments: &[&str]) -> (String, String) {
    let folder = scratch();
    stubs(folder.path());
    let text = read(&root(".ci/package/deb").join(script));
    assert!(text.contains("/run/systemd/system"), "{script}");
    let text = text.replace("/run/systemd/system", folder.path().to_str().unwrap());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", &text, script]).args(arguments).env("PATH", path).env("DPKG_ROOT", "");
    let said = run(&mut command);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let log =
        log.lines().filter(|line| line.starts_with("systemctl")).collect::<Vec<_>>().join("; ");
    (said, log)
}

#[test]
fn an_upgrade_restarts_no_node_and_says_how_to() {
    let (said, log) = asked("postinst", &["configure", "0.1.0-1"]);
    assert_eq!(log, "systemctl daemon-reload; systemctl --quiet is-active tenure.service");
    assert!(said.contains("systemctl restart tenure"), "{said}");
    assert_eq!(asked("prerm", &["upgrade", "0.3.0-1"]), (String::new(), String::new()));
}

#[test]
fn an_installation_starts_no_node_and_a_removal_ends_it() {
    assert_eq!(
        asked("postinst", &["configure", ""]),
        (String::new(), "systemctl daemon-reload".into())
    );
    assert_eq!(asked("prerm", &["remove"]).1, "systemctl disable --now tenure.service");
    assert_eq!(asked("postrm", &["remove"]).1, "systemctl daemon-reload");
}
