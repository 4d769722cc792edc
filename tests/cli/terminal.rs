//! `tenure lock` as a job of a shell at a terminal: whoever wants the terminal gets it, keys do what they do without it,
//! and nothing that the terminal stops holds a lock for longer than its lease.

use crate::program::{Cluster, code, eventually, living};
use std::process::{Command, Stdio};
use tenure::client::{AcquireOptions, Wait};

/// An interactive bash on a pseudo-terminal. Standard input has the steps, one a line in JSON: what to do, a text to type, a
/// pattern to wait for behind what was waited for before; "until" types again and again. Says what was found when a step is
/// done. Whatever is left in the session is killed at its end.
const TERMINAL: &str = r#"
import json, os, pty, re, select, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    # As behind a login, whatever the tests were started with (in the background, under nohup).
    for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT): signal.signal(one, signal.SIG_DFL)
    os.environ.update(PS1='ready> ', TERM='dumb')
    os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])
seen = ''
deadline = time.monotonic() + 120
def read(wait):
    global seen
    if time.monotonic() > deadline:
        os.system('ps -o pid,ppid,pgid,tpgid,stat,args --sid %d >&2' % pid)
        raise SystemExit('seen: ' + seen)
    if select.select([fd], [], [], wait)[0]: seen += os.read(fd, 65536).decode(errors='replace').replace('\r', '')
def find(pattern):
    global seen
    found = re.search(pattern, seen)
    if found: seen = seen[found.end():]
    return found and found[0]
try:
    while not find('ready> '): read(1)
    for line in sys.stdin:
        how, text, pattern = json.loads(line)
        if how == 'type': os.write(fd, text.encode())
        found = ''
        while how != 'type' and not found:
            if how == 'until': os.write(fd, text.encode())
            if not (found := find(pattern)): read(1)
        print(json.dumps(found), flush=True)
finally:
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.getsid(int(entry)) == pid: os.kill(int(entry), signal.SIGKILL)
        except (ProcessLookupError, PermissionError): pass
    os.close(fd)
    os.waitpid(pid, 0)
"#;

/// A shell at a terminal, in which `$T` is this program and finds the cluster.
struct Shell {
    driver: std::process::Child,
    said: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Shell {
    fn start(cluster: &Cluster) -> Self {
        let program = cluster.tenure("status", &[]);
        let mut command = Command::new("python3");
        for (name, _) in program.get_envs() {
            command.env_remove(name);
        }
        command
            .args(["-c", TERMINAL])
            .env("T", program.get_program())
            .env("TENURE_ENDPOINTS", cluster.endpoints())
            .env("TENURE_TIMEOUT", "30s");
        let mut driver = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = std::io::BufReader::new(driver.stdout.take().unwrap());
        Self { driver, said: std::io::BufRead::lines(said) }
    }

    fn step(&mut self, how: &str, text: &str, pattern: &str) -> String {
        let step = serde_json::json!([how, text, pattern]);
        let input = self.driver.stdin.as_mut().unwrap();
        std::io::Write::write_all(input, format!("{step}\n").as_bytes()).unwrap();
        let said = self.said.next().and_then(Result::ok);
        let said = said.unwrap_or_else(|| panic!("{step}: what was seen stands on stderr"));
        serde_json::from_str(&said).unwrap()
    }

    fn types(&mut self, text: &str) {
        self.step("type", text, "");
    }

    fn expect(&mut self, pattern: &str) -> String {
        self.step("expect", "", pattern)
    }

    /// Types it again and again until something happens.
    fn until(&mut self, text: &str, pattern: &str) {
        self.step("until", text, pattern);
    }

    /// A whole line that somebody wrote, and not the echo of what was typed.
    fn expect_line(&mut self, pattern: &str) -> String {
        self.expect(&format!("(\n|> ){pattern}\n"))
    }

    /// The exit code of the last command.
    fn expect_code(&mut self, code: i32) {
        self.expect("ready> ");
        self.types("echo code=$?\n");
        self.expect_line(&format!("code={code}"));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The end of its steps ends it.
        drop(self.driver.stdin.take());
        let _ = self.driver.wait();
    }
}

// Keys follow "begun" at once: what forks between, as sh without exec, may be stopped half-way (vfork), or lose an interrupt.
const CTRL_C: &str = "\x03";
/// Whether the group of process `id` has the terminal.
fn is_in_front(id: &str) -> bool {
    let output = Command::new("ps").args(["-o", "pgid=,tpgid=", "-p", id]).output().unwrap();
    let groups = String::from_utf8(output.stdout).unwrap();
    matches!(groups.split_whitespace().collect::<Vec<_>>()[..], [own, front] if own == front)
}

const CTRL_Z: &str = "\x1a";

#[test]
fn a_command_that_was_started_in_the_background_is_brought_to_the_front() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    shell.types("$T lock --ttl 60s background -- cat &\n");
    shell.expect("the command wants the terminal: `fg` within ");
    shell.until("jobs\n", "Stopped");
    shell.types("fg\n");
    shell.expect_line("\\$T lock .*");
    shell.types("hello\n");
    shell.expect("hello\nhello\n");
    shell.types(CTRL_C);
    shell.expect_code(130);
    assert_eq!(cluster.lock("background"), None);
}

#[test]
fn a_command_that_runs_in_the_background_takes_keys_once_it_is_in_front() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    shell.types("$T lock x -- sh -c 'echo begun; exec sleep 1000' &\n");
    shell.expect_line("begun");
    shell.types("echo pid=$!\n");
    let line = shell.expect_line("pid=\\d+");
    let id = line.trim_end().rsplit_once('=').unwrap().1.to_owned();
    shell.types("fg\n");
    // The shell says so before it does so, and a key goes to whoever is in front.
    eventually("it is in front", || is_in_front(&id).then_some(()));
    shell.types(CTRL_C);
    shell.expect_code(130);
}

#[test]
fn a_command_whose_input_is_a_pipe_asks_at_the_terminal() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    let line = "echo data | $T lock x -- sh -c 'cat; read x </dev/tty; echo got $x'\n";
    shell.types(line);
    shell.expect_line("data");
    shell.types("answer\n");
    shell.expect_line("got answer");
    shell.expect_code(0);
    shell.types(line);
    shell.expect_line("data");
    shell.types(CTRL_C);
    shell.expect_code(130);
    assert_eq!(cluster.lock("x"), None);
}

#[test]
fn others_of_the_pipeline_get_the_terminal_too() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    let mate = "sh -c 'read line; echo asking; read y </dev/tty; echo mate got $y'";
    shell.types(&format!("$T lock x -- sh -c 'echo line; exec sleep 1000' | {mate}\n"));
    shell.expect_line("asking");
    shell.types("answer\n");
    shell.expect_line("mate got answer");
    shell.types(CTRL_C);
    shell.expect("ready> ");
    eventually("the lock is given back", || cluster.lock("x").is_none().then_some(()));
}

#[test]
fn a_job_that_the_terminal_stopped_holds_its_lock_no_longer_than_its_lease() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    shell.types("$T lock --ttl 1s stopped -- cat &\n");
    shell.expect("`fg` within ");
    let next = cluster.client("next");
    let lease = next.acquire("stopped", Wait::Forever, AcquireOptions::default()).unwrap();
    assert_eq!(living("stopped"), Vec::<u32>::new());
    drop(lease);
    shell.until("jobs\n", "Stopped");
    shell.types("fg\n");
    shell.expect("the lease of stopped was lost");
    shell.expect_code(123);
}

#[test]
fn a_command_that_nobody_can_bring_to_the_front_is_ended() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    // The inner shell is gone before it comes to that, and no other knows the group.
    shell.types("($T lock --ttl 60s orphan -- sh -c 'read x </dev/tty' &)\n");
    shell.expect("nobody can bring it to the foreground");
    eventually("the lock is given back", || cluster.lock("orphan").is_none().then_some(()));
    assert_eq!(living("orphan"), Vec::<u32>::new());
}

#[test]
fn a_terminal_that_stops_writers_in_the_background_stops_only_the_command() {
    let cluster = Cluster::start_calm();
    let holder = cluster.begin("lock", &["--ttl", "60s", "taken"]);
    let mut shell = Shell::start(&cluster);
    shell.types("stty tostop\n");
    shell.types("$T lock --ttl 60s writes -- sh -c 'echo in front; exec sleep 1000' &\n");
    shell.expect("the command wants the terminal");
    shell.until("jobs\n", "Stopped");
    shell.types("fg\n");
    shell.expect_line("in front");
    shell.types(CTRL_C);
    shell.expect_code(130);
    // What we say ourselves stops nobody.
    shell.types("$T lock -n taken -- true & wait $!; echo code=$?\n");
    shell.expect("taken was not granted");
    shell.expect_line("code=124");
    shell.types("$T lock taken -- echo granted >/dev/null & wait $!; echo code=$?\n");
    shell.expect("waiting for taken");
    assert_eq!(holder.end(), Some(0));
    shell.expect_line("code=0");
}

#[test]
fn ctrl_z_suspends_nobody_who_holds_a_lock() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    for before in ["", "echo data | "] {
        shell.types(&format!("{before}$T lock x -- sh -c 'echo begun; exec sleep 1000'\n"));
        shell.expect_line("begun");
        shell.types(CTRL_Z);
        shell.expect("a command cannot be suspended while it holds x");
        shell.types(CTRL_C);
        shell.expect_code(130);
    }
}

#[test]
fn ctrl_c_ends_the_script_or_the_loop_too() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    for before in ["", "echo data | "] {
        for inner in ["sh", "bash"] {
            let lock = format!("{before}$T lock x -- sh -c \"echo begun; exec sleep 1000\"");
            shell.types(&format!("{inner} -c '{lock}; echo went on'; echo ended\n"));
            shell.expect_line("begun");
            shell.types(CTRL_C);
            // What is said next is said by the outer shell.
            shell.expect("\\^C(?!(.|\n)*\nwent on)(.|\n)*ready> ");
        }
        let line = format!(
            "for i in 1 2 3; do {before}$T lock x -- sh -c \"echo begun $i; exec sleep 1000\"; done\n"
        );
        shell.types(&line);
        shell.expect_line("begun 1");
        shell.types(CTRL_C);
        shell.expect("\\^C\\n+ready> ");
    }
    assert_eq!(cluster.lock("x"), None);
}

#[test]
fn an_interactive_shell_has_its_own_jobs_and_leaves_the_terminal_to_the_one_before() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    shell.types("$T lock x -- env PS1='inner> ' bash --norc --noprofile --noediting -i\n");
    shell.expect("inner> ");
    shell.types("sh -c 'echo begun; exec cat'\n");
    shell.expect_line("begun");
    shell.types(CTRL_Z);
    shell.expect("Stopped");
    shell.expect("inner> ");
    shell.types("fg\n");
    shell.expect_line("sh -c .*");
    shell.types("hello\n");
    shell.expect("hello\nhello\n");
    shell.types(CTRL_C);
    shell.expect("inner> ");
    shell.types("exit 3\n");
    shell.expect_code(3);
}

#[test]
fn a_terminal_is_repaired_after_a_command_that_was_killed() {
    let cluster = Cluster::start_calm();
    let mut shell = Shell::start(&cluster);
    shell.types("$T lock --ttl 60s raw -- sh -c 'stty raw -echo; echo begun; exec sleep 1000'\n");
    shell.expect_line("begun");
    assert_eq!(code(&cluster.run("break", &["raw", "--now"])), Some(0));
    shell.expect_code(123);
    shell.types("stty -a\n");
    shell.expect("[^-]icanon(.|\n)*[^-]echo ");
}
