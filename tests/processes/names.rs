//! Names that no name server looks up: nobody waits for it, and nothing grows.

use crate::cluster::{scratch, tenure};
use crate::patience::until;
use crate::program::{Program, compile_shim, python};
use std::path::Path;
use std::process::{Command, Stdio};
use tenure::sys::process;

/// The hosts that were looked up, in order of their names.
fn lookups(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut hosts: Vec<String> = text.lines().map(str::to_owned).collect();
    hosts.sort();
    hosts
}

fn with_shim(command: &mut Command, directory: &Path, file: &Path) {
    command.env("LD_PRELOAD", compile_shim("hang_dns", directory)).env("LOOKUPS", file);
}

#[test]
fn a_client_that_dials_again_while_lookups_hang_begins_no_further_ones() {
    let directory = scratch();
    let file = directory.path().join("lookups");
    let mut command = python("redial");
    with_shim(command.arg("a.example:1,b.example:2,b.example:3"), directory.path(), &file);
    let program = Program::start("redial.py", &mut command);
    for _ in 0..4 {
        let line = program.line();
        assert!(line.contains("a.example:1"), "{line}");
    }
    assert!(program.finish().success());
    assert_eq!(lookups(&file), ["a.example", "b.example"]);
}

#[test]
fn commands_and_nodes_are_not_held_up_by_name_servers() {
    let directory = scratch();
    let file = directory.path().join("lookups");
    let mut status = tenure();
    status.args(["status", "--endpoints", "a.example:1", "--timeout", "200ms"]);
    with_shim(&mut status, directory.path(), &file);
    let output = status.output().expect("tenure can be run");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("a.example:1 (no name server answered in time)"), "{text}");

    // A node that is to listen at a name waits for it, and is stopped all the same.
    let data = directory.path().join("data");
    let mut serve = tenure();
    serve.args(["serve", "--id", "1", "--cluster", "1=own.example:7401", "--data"]).arg(data);
    with_shim(serve.stderr(Stdio::null()), directory.path(), &file);
    let mut child = serve.spawn().expect("tenure can be run");
    until("its name is looked up", || {
        lookups(&file).contains(&"own.example".to_owned()).then_some(())
    });
    process::signal_child(&child, libc::SIGTERM);
    assert!(child.wait().expect("it ends").success());
}
