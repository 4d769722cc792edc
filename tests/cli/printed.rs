//! Commands that the program prints do what they say when they are typed as they stand there, in a shell that knows nothing
//! of the cluster.

use crate::program::{Cluster, code, free_ports, run, sentence, stdout, tenure};
use std::path::Path;
use std::process::{Command, Output};

/// Types `line` into a shell that finds the program.
pub fn types(line: &str) -> Output {
    shell(line).output().expect("bash runs")
}

/// A shell that finds the program, and is to run `line`.
pub fn shell(line: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_tenure"));
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    for (name, _) in tenure(&[]).get_envs() {
        command.env_remove(name);
    }
    command.args(["-c", line]).env("PATH", path);
    command
}

/// Each command in `text`: between backticks, or in a line of its own.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|part| part.starts_with("tenure "));
    let lines = text.lines().filter_map(|line| line.strip_prefix("  tenure "));
    quoted.map(str::to_owned).chain(lines.map(|line| format!("tenure {line}"))).collect()
}

/// The only one.
fn command(text: &str) -> String {
    let all = commands(text);
    let [command] = &all[..] else { panic!("one command was expected in {text:?}") };
    command.clone()
}

const NAME: &str = "it's \"$HOME\" -n";

#[test]
fn what_is_printed_of_a_lock_names_it_and_the_cluster() {
    let cluster = Cluster::start_calm();
    let below = cluster.begin("lock", &[&format!("{NAME}/below")]);
    let hint = command(&stdout(&cluster.run("show", &[NAME])));
    assert!(stdout(&types(&hint)).contains("below"), "{hint}");
    assert_eq!(below.end(), Some(0));
}

#[test]
fn what_break_and_handover_print_can_be_typed() {
    let cluster = Cluster::start_calm();
    for name in [NAME, "-x"] {
        let client = cluster.client("holder");
        let _lease = client.acquire(name, tenure::client::Wait::Try, Default::default()).unwrap();
        let refused = cluster.run("break", &["--token", "9999", "--", name]);
        let hint = command(&sentence(&refused));
        assert!(stdout(&types(&hint)).contains("holder"), "{hint}");
        let refused = cluster.run("handover", &["--to", "nobody", "--", name]);
        let hint = command(&sentence(&refused));
        assert!(stdout(&types(&hint)).contains("holder"), "{hint}");
        let refused = cluster.run("handover", &["--", name]);
        let hint = command(&sentence(&refused));
        assert_eq!(code(&types(&hint)), Some(0), "{hint}");
    }
}

#[test]
fn both_forms_of_lock_can_be_typed() {
    let cluster = Cluster::start_calm();
    let refused = sentence(&cluster.run("lock", &[NAME, "b c"]));
    let forms = commands(&refused);
    assert_eq!(forms.len(), 2, "{refused}");
    let line = forms[0].replace("-- CMD", "-- echo ran");
    assert_eq!(stdout(&types(&line)), "ran\n", "{line}");
    // It holds until its reader is gone.
    let line = format!("{} | head -n 1", forms[1]);
    assert!(stdout(&types(&line)).starts_with(NAME), "{line}");
}

#[test]
fn what_is_printed_of_members_can_be_typed() {
    let cluster = Cluster::start_calm();
    let follower = cluster.leader() % 3 + 1;
    let id = follower.to_string();
    let demote = ["member", "demote", "--endpoints", &cluster.endpoints(), &id];
    let hints = commands(&stdout(&run(&demote)));
    let [remove, promote] = &hints[..] else { panic!("{hints:?}") };
    assert!(remove.contains(" remove "), "{remove}");
    crate::program::eventually("it has a vote again", || {
        (code(&types(promote)) == Some(0)).then_some(())
    });
    // A node that nobody has added says by what it is.
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("a b");
    let address = format!("127.0.0.1:{}", free_ports(1)[0]);
    let endpoints = cluster.endpoints();
    let line = ["serve", "--id", "9", "--data", data.to_str().unwrap(), "--join", &endpoints];
    let refused = run(&[&line[..], &["--listen", &address]].concat());
    let said = String::from_utf8(refused.stderr).unwrap();
    let add = commands(said.lines().last().unwrap()).remove(0);
    let added = types(&add);
    assert_eq!(code(&added), Some(0), "{add}: {added:?}");
    let hints = commands(&stdout(&added));
    let [list, serve, promote] = &hints[..] else { panic!("{hints:?}") };
    assert_eq!(code(&types(list)), Some(0), "{list}");
    let folder = Path::new(env!("CARGO_BIN_EXE_tenure")).parent().unwrap();
    let serve = serve.replace("DIR", "\"$0/data\"");
    let line = format!("PATH={}:$PATH; exec {serve}", folder.display());
    let mut node = Command::new("bash");
    node.args(["-c", &line]).arg(directory.path()).stderr(std::process::Stdio::null());
    let mut node = node.spawn().unwrap();
    crate::program::eventually("it votes", || (code(&types(promote)) == Some(0)).then_some(()));
    node.kill().unwrap();
    node.wait().unwrap();
}
