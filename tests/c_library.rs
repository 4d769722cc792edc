//! The bindings as their users meet them: C and C++ programs compiled with warnings as errors, against the shared
//! library of this build and real nodes. Python has `python.rs`.

use crate::common::built::{self, library};
use crate::common::compiled::{
    SANITIZERS, accepts, build_c, build_cpp, c_compiler, compile, cpp_compiler, run, tool,
};
use crate::common::expired::make_expired;
use crate::common::free_ports::free_port;
use crate::common::nodes::{Nodes, members};
use crate::common::quiet::quiet;
use crate::common::root::root;
use crate::examples::cluster::{Cluster, free_members};
use crate::examples::process::{Lines, number_after};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;
use tenure::Status;
use tenure::client::{AcquireOptions, BreakOptions, Client, ClientOptions, Wait};

#[test]
fn header_is_clean_in_every_c_and_cpp_standard() {
    let c = ["c11", "c17", "c2x"].map(|standard| (c_compiler(), standard, "tests/c/abi.c"));
    let cpp = ["c++17", "c++20", "c++23"]
        .map(|standard| (cpp_compiler(), standard, "tests/cpp/header.cpp"));
    for (compiler, standard, source) in c.into_iter().chain(cpp) {
        let mut command = compile(&compiler, standard);
        if !accepts(&compiler, standard) {
            println!("{compiler} does not know {standard}: skipped");
            continue;
        }
        run(command.args(["-fsyntax-only"]).arg(root(source)));
    }
}

#[test]
fn exported_symbols_are_exactly_the_functions_of_the_header() {
    let nm = tool("NM", "nm", "binutils");
    let listing = run(Command::new(nm).args(["-D", "--defined-only"]).arg(library()));
    let symbols: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let header = std::fs::read_to_string(root("include/tenure.h")).unwrap();
    assert_eq!(symbols, functions(&header));
}

#[test]
fn every_function_is_tried_with_bad_arguments() {
    let header = std::fs::read_to_string(root("include/tenure.h")).unwrap();
    let source = std::fs::read_to_string(root("tests/c/abi.c")).unwrap();
    let called = words_before_parenthesis(&source);
    let missing: Vec<_> = functions(&header).difference(&called).copied().collect();
    assert!(missing.is_empty(), "tests/c/abi.c does not call {missing:?}");
}

#[test]
fn library_stays_when_the_host_closes_it() {
    let readelf = tool("READELF", "readelf", "binutils");
    let dynamic = run(Command::new(readelf).arg("-d").arg(library()));
    assert!(dynamic.contains("NODELETE"), "linked without -z nodelete:\n{dynamic}");
    assert!(!dynamic.contains("SONAME"), "a SONAME breaks linking against target/:\n{dynamic}");
}

#[test]
fn c_answers_bad_handles_and_arguments() {
    let program = build_c("tests/c/abi.c", "abi", &[]);
    assert_eq!(run(&mut Command::new(program)), "abi: good\n");
}

#[test]
fn c_answers_bad_handles_and_arguments_under_the_sanitizers() {
    let program = build_c("tests/c/abi.c", "abi-sanitized", &SANITIZERS);
    assert_eq!(run(&mut Command::new(program)), "abi: good\n");
}

#[test]
fn c_locks_pendings_and_nodes_work_on_a_cluster() {
    run_on_a_cluster("live");
}

#[test]
fn c_takes_every_kind_of_lock_on_a_cluster() {
    run_on_a_cluster("kinds");
}

#[test]
fn c_elects_and_observes_on_a_cluster() {
    run_on_a_cluster("elections");
}

#[test]
fn c_hands_locks_over_and_breaks_them_on_a_cluster() {
    run_on_a_cluster("orders");
}

#[test]
fn c_hears_what_happens_to_its_session_on_a_cluster() {
    run_on_a_cluster("sessions");
}

#[test]
fn c_threads_that_are_cancelled_in_a_call_leave_the_host_whole_on_a_cluster() {
    run_on_a_cluster("cancel");
}

#[test]
fn c_child_of_a_program_that_was_killed_keeps_neither_its_port_nor_its_directory() {
    run_on_a_cluster("forked");
}

#[test]
fn c_many_clients_share_one_thread_on_a_cluster() {
    run_on_a_cluster("many");
}

#[test]
fn c_reads_the_log_from_a_queue_on_a_cluster() {
    run_on_a_cluster("log");
}

#[test]
fn c_describes_what_there_is_on_a_cluster() {
    run_on_a_cluster("describe");
}

#[test]
fn c_embeds_a_node_that_joins_a_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let program = build_c("tests/c/join.c", "join", &[]);
    let mut command = Command::new(program);
    command.arg(directory.path()).arg(built::program());
    assert_eq!(run(&mut command), "join: good\n");
}

#[test]
fn c_operates_a_cluster_without_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let program = build_c("tests/c/operate.c", "operate", &[]);
    let mut command = Command::new(program);
    command.arg(directory.path()).arg(format!("127.0.0.1:{}", free_port()));
    assert_eq!(run(&mut command), "operate: good\n");
}

#[test]
fn c_gives_rights_and_credentials_on_a_cluster() {
    run_on_a_cluster("access");
}

#[test]
fn c_speaks_tls_and_says_who_is_refused_and_why() {
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made");
    make_expired(&made);
    let program = build_c("tests/c/secured.c", "secured", &[]);
    let mut command = Command::new(program);
    command.arg(directory.path()).arg(format!("127.0.0.1:{}", free_port())).arg(made);
    assert_eq!(run(&mut command), "secured: good\n");
}

#[test]
fn c_is_told_who_lacks_which_right_also_while_it_waits_and_observes() {
    let secured = Secured::start();
    let program = build_c("tests/c/rights.c", "rights", &[]);
    assert_eq!(run(&mut secured.told_to(program)), "rights: good\n");
}

#[test]
fn cpp_throws_who_lacks_which_right_also_while_it_waits_and_observes() {
    let secured = Secured::start();
    let program = build_cpp("tests/cpp/rights.cpp", "rights-cpp", "c++17", &[]);
    assert_eq!(run(&mut secured.told_to(program)), "rights: good\n");
}

#[test]
fn examples_speak_tls_and_are_denied_what_operators_may() {
    let programs = [
        build_c("bindings/c/examples/tls.c", "example-tls", &[]),
        build_cpp("bindings/cpp/examples/tls.cpp", "example-tls-cpp", "c++17", &[]),
    ];
    for program in programs {
        let directory = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        for _ in 0..2 {
            let mut command = Command::new(&program);
            let output = run(command.arg(directory.path().join("new")).arg(&address));
            assert!(
                output.starts_with("jobs/x: token ") && output.contains(", over TLS\n"),
                "{output}"
            );
            assert!(output.contains("denied: ") && output.contains("client/example"), "{output}");
        }
    }
}

#[test]
fn c_example_grows_from_one_process_to_three_that_outlive_the_first() {
    let program = build_c("bindings/c/examples/grow.c", "example-grow", &[]);
    let directory = tempfile::tempdir().unwrap();
    let addresses: Vec<String> = (0..3).map(|_| format!("127.0.0.1:{}", free_port())).collect();
    let lines = Lines::new();
    let start = |id: usize| {
        let mut command = Command::new(&program);
        command.arg(id.to_string()).arg(directory.path().join(id.to_string()));
        command.arg(&addresses[id - 1]);
        if id > 1 {
            command.arg(addresses[..id - 1].join(","));
        }
        lines.spawn(&id.to_string(), &mut command)
    };
    let mut processes = Vec::new();
    for id in 1..=3 {
        processes.push(start(id));
        let votes = format!("node {id} votes");
        lines.find(|_, line| (line == votes).then_some(()));
    }
    processes[0].kill();
    let (leader, _) = next_leader(&lines, 1);
    assert!(leader == 2 || leader == 3, "{leader}");
    // What was done once is not done again: it starts in the same way, and the first without those that it does not know.
    processes[0] = start(1);
    processes[1].kill();
    processes[1] = start(2);
    lines.find(|_, line| (line == "node 2 votes").then_some(()));
    processes[2].kill();
    let timeout = Duration::from_secs(60);
    let patient = ClientOptions::new().connect_timeout(timeout).request_timeout(timeout);
    let client = Client::open(&addresses.join(","), patient).unwrap();
    client.acquire("jobs/x", Wait::Forever, AcquireOptions::default()).unwrap();
    assert_eq!(client.members().list().unwrap().len(), 3);
}

#[test]
fn c_example_takes_a_lock_and_gives_it_back() {
    let cluster = Cluster::start();
    let program = build_c("bindings/c/examples/lock.c", "example-lock", &[]);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let output =
            run(Command::new(&program).arg("jobs/x").env("TENURE_ENDPOINTS", &cluster.endpoints));
        assert!(output.ends_with("jobs/x: released\n"), "{output}");
        tokens.push(number_after(&output, "token ").expect("it has the lock"));
    }
    assert!(tokens[0] < tokens[1], "{tokens:?}");
}

#[test]
fn c_example_takes_every_kind_of_lock() {
    let cluster = Cluster::start();
    let program = build_c("bindings/c/examples/kinds.c", "example-kinds", &[]);
    let output = run(Command::new(program).env("TENURE_ENDPOINTS", &cluster.endpoints));
    let lines = "a writer waits for two readers\n\
        two of two permits are taken\n\
        two accounts under one token\n\
        the same owner enters again\n";
    assert_eq!(output, lines);
}

#[test]
fn c_example_is_elected_proclaims_and_resigns() {
    let cluster = Cluster::start();
    let program = build_c("bindings/c/examples/campaign.c", "example-campaign", &[]);
    let mut command = Command::new(program);
    let output =
        run(command.args(["scheduler", "host-1"]).env("TENURE_ENDPOINTS", &cluster.endpoints));
    assert_eq!(output, ELECTION);
}

#[test]
fn c_example_gives_its_lock_to_its_successor_when_it_is_asked() {
    let cluster = Cluster::start();
    let program = build_c("bindings/c/examples/worker.c", "example-worker", &[]);
    let mut lines = Lines::new();
    let mut command = Command::new(program);
    command.args(["jobs/x", "successor"]).env("TENURE_ENDPOINTS", &cluster.endpoints);
    let _worker = lines.spawn("worker", &mut command);
    lines.all_started();
    assert_eq!(lines.next(), "jobs/x: working");

    let options = ClientOptions::new().name("successor");
    let successor = Client::open(&cluster.endpoints, options).unwrap();
    let waits =
        successor.acquire_start("jobs/x", Wait::Forever, AcquireOptions::default()).unwrap();
    // Refused until the successor waits.
    while successor
        .break_lock("jobs/x", BreakOptions::new().to("successor"))
        .is_err_and(|error| error.status == Status::NotFound)
    {}
    assert_eq!(lines.next(), "jobs/x: asked to end, in time");
    waits.take(Wait::Forever).unwrap();
    assert_eq!(lines.next(), "jobs/x: handed over");
}

#[test]
fn c_example_processes_elect_their_leader_and_another_when_it_is_killed() {
    let program = build_c("bindings/c/examples/elect.c", "example-elect", &[]);
    let directory = tempfile::tempdir().unwrap();
    let (members, mut lines) = (free_members(), Lines::new());
    let mut processes = ["1", "2", "3"].map(|id| {
        let mut command = Command::new(&program);
        command.arg(id).arg(directory.path().join(id)).arg(&members);
        lines.spawn(id, &mut command)
    });
    lines.all_started();

    let (first, token) = next_leader(&lines, 0);
    processes[first - 1].kill();
    let (second, larger) = next_leader(&lines, first);
    assert!(
        second != first && larger > token,
        "{second} under {larger} after {first} under {token}"
    );
}

#[test]
fn cpp_header_works_on_a_cluster() {
    for standard in ["c++17", "c++20"] {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("live-{standard}");
        let program = build_cpp("tests/cpp/live.cpp", &name, standard, &[]);
        assert_eq!(run(Command::new(program).arg(directory.path())), "live: good\n", "{standard}");
    }
}

#[test]
fn cpp_end_is_final_for_the_section_that_had_it() {
    let directory = tempfile::tempdir().unwrap();
    let program = build_cpp("tests/cpp/sections.cpp", "sections", "c++17", &[]);
    assert_eq!(run(Command::new(program).arg(directory.path())), "sections: good\n");
}

#[test]
fn cpp_gives_rights_and_credentials_on_a_cluster() {
    for standard in ["c++17", "c++20"] {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("access-{standard}");
        let program = build_cpp("tests/cpp/access.cpp", &name, standard, &[]);
        assert_eq!(
            run(Command::new(program).arg(directory.path())),
            "access: good\n",
            "{standard}"
        );
    }
}

#[test]
fn cpp_speaks_tls_through_a_leaders_end() {
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made");
    make_expired(&made);
    let program = build_cpp("tests/cpp/secured.cpp", "secured-cpp", "c++17", &[]);
    let mut command = Command::new(program);
    assert_eq!(run(command.arg(directory.path()).arg(made)), "secured: good\n");
}

#[test]
fn cpp_example_takes_a_lock_and_gives_it_back() {
    let cluster = Cluster::start();
    let program = build_cpp("bindings/cpp/examples/lock.cpp", "example-lock-cpp", "c++17", &[]);
    let output =
        run(Command::new(program).arg("jobs/x").env("TENURE_ENDPOINTS", &cluster.endpoints));
    assert!(output.ends_with("jobs/x: released\n"), "{output}");
}

/// What an observer sees of a candidate that is elected, proclaims, and resigns.
const ELECTION: &str = "scheduler: nobody leads\n\
    scheduler: host-1 leads\n\
    scheduler: somebody busy leads\n\
    scheduler: nobody leads\n";

/// Runs a program of `tests/c` that starts its own nodes.
#[track_caller]
fn run_on_a_cluster(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let program = build_c(&format!("tests/c/{name}.c"), name, &[]);
    assert_eq!(run(Command::new(program).arg(directory.path())), format!("{name}: good\n"));
}

/// Three processes that speak TLS, and certificates for those who come.
struct Secured {
    endpoints: String,
    nodes: Nodes,
}

impl Secured {
    fn start() -> Self {
        let mut nodes = Nodes::new(3, tempfile::tempdir().unwrap());
        let place = nodes.directory().to_owned();
        let tenure = || {
            let mut command = quiet(built::program());
            command.current_dir(&place);
            command
        };
        for words in ["ca", "client billing", "client other", "operator alice"] {
            run(tenure().arg("certs").args(words.split(' ')));
        }
        let addresses = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
        for id in nodes.ids() {
            run(tenure().args(["certs", "node", &id.to_string(), "127.0.0.1"]));
            let (cert, key) = (format!("node-{id}.crt"), format!("node-{id}.key"));
            let mut serve = nodes.serve(tenure(), id);
            serve.args(["--cluster", &members(&addresses), "--election", "1s", "--ca", "ca.crt"]);
            serve.args(["--cert", &cert, "--key", &key]).stderr(Stdio::null());
            nodes.start(id, &mut serve);
        }
        Self { endpoints: addresses.join(","), nodes }
    }

    /// A program that is told where the certificates are, where the nodes, and how rights are changed.
    fn told_to(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.arg(self.nodes.directory()).arg(&self.endpoints);
        command.arg(built::program());
        command
    }
}

/// The next process besides `not` that says that it leads, and its token.
fn next_leader(lines: &Lines, not: usize) -> (usize, u64) {
    lines.find(|name, line| {
        let (id, token) = (name.parse().ok()?, number_after(line, " leads: token ")?);
        (id != not).then_some((id, token))
    })
}

fn functions(header: &str) -> BTreeSet<&str> {
    let code = header.lines().filter(|line| !line.starts_with([' ', '#', '/', '}']));
    code.flat_map(words_before_parenthesis).collect()
}

fn words_before_parenthesis(text: &str) -> BTreeSet<&str> {
    text.split('(')
        .filter_map(|before| before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .filter(|word| word.starts_with("tenure_"))
        .collect()
}
