//! `tenure dev`: a screen that stays within its terminal, keys, ports and TTLs, and what is said without a terminal.

use crate::printed::types;
use crate::program::{code, free_ports, run, sentence, signal, stdout, tenure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use tenure::client::{Client, ClientOptions, Wait};

/// Runs a program on a terminal. Says each screen that it has drawn as a line of JSON: how it came back to its place, its lines
/// and their widths; takes keys, sizes and signals as lines of JSON.
const TERMINAL: &str = r#"
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, unicodedata
pid, fd = pty.fork()
if pid == 0:
    # As behind a login, whatever the tests were started with (in the background, under nohup).
    for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT): signal.signal(one, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 40, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line)
seen = b''
watched = [fd, 0]
while True:
    for ready in select.select(watched, [], [])[0]:
        if ready == 0:
            order = sys.stdin.buffer.raw.readline()
            if not order: os.kill(pid, signal.SIGTERM); watched = [fd]; break
            how, what = json.loads(order)
            if how == 'key': os.write(fd, what.encode())
            if how == 'size': fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', what[1], what[0], 0, 0))
            continue
        try: seen += os.read(fd, 65536)
        except OSError:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            print(json.dumps({'code': code, 'rest': seen.decode()}), flush=True); sys.exit()
        while b'\x1b[?7h' in seen:
            frame, seen = seen.split(b'\x1b[?7h', 1)
            before, drawn = frame.decode().replace('\r', '').split('\x1b[J\x1b[?7l')
            lines = drawn.split('\n')[:-1]
            up = re.search('\x1b\\[(\\d+)A$', before)
            print(json.dumps({'before': before, 'up': int(up[1]) if up else 0, 'lines': lines,
                              'widths': list(map(width, lines))}), flush=True)
"#;

struct Dev {
    driver: Child,
    said: Lines<BufReader<ChildStdout>>,
    endpoints: String,
}

impl Dev {
    fn start(flags: &[&str]) -> Self {
        let ports = free_ports(3);
        let text: Vec<String> = ports.iter().map(u16::to_string).collect();
        let endpoints: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let program = tenure(&[]);
        let mut command = Command::new("python3");
        for (name, _) in program.get_envs() {
            command.env_remove(name);
        }
        command.args(["-c", TERMINAL]).arg(program.get_program()).args(["dev", "--ports"]);
        command.arg(text.join(",")).args(flags);
        let mut driver = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(driver.stdout.take().unwrap()).lines();
        Self { driver, said, endpoints: endpoints.join(",") }
    }

    fn order(&mut self, order: &Value) {
        let input = self.driver.stdin.as_mut().unwrap();
        input.write_all(format!("{order}\n").as_bytes()).unwrap();
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.said.next().expect("it goes on").unwrap()).unwrap()
    }

    /// The next screen that has a line with `part`.
    fn screen_with(&mut self, part: &str) -> Value {
        loop {
            let screen = self.next();
            assert!(screen["code"].is_null(), "{screen}");
            if lines(&screen).iter().any(|line| line.contains(part)) {
                return screen;
            }
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.driver.stdin.take());
        self.driver.wait().unwrap();
    }
}

fn lines(screen: &Value) -> Vec<&str> {
    screen["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// Whether it stays within the columns and rows of its terminal.
fn fits(screen: &Value, columns: u64, rows: usize) -> bool {
    let widths = screen["widths"].as_array().unwrap();
    widths.len() < rows && widths.iter().all(|width| width.as_u64().unwrap() <= columns)
}

#[test]
fn the_screen_stays_within_its_terminal_whatever_the_names_and_however_many() {
    let mut dev = Dev::start(&[]);
    dev.screen_with("leader");
    let options = ClientOptions::new().name("名前".repeat(20));
    let client = Client::open(&dev.endpoints, options).unwrap();
    let names = (10..50).map(|at| format!("{at}/{}", "とても長い".repeat(15)));
    let leases: Vec<_> = names
        .map(|name| client.acquire(&name, Wait::Forever, Default::default()).unwrap())
        .collect();
    let mut screen = dev.screen_with("and more");
    // 23 rows, of which 4 are nodes, and 3 around the locks, with their head and the last line.
    assert_eq!(lines(&screen).iter().filter(|line| line.contains("/とて")).count(), 14, "{screen}");
    let first = lines(&screen).len();
    assert!(fits(&screen, 40, 24), "{screen}");
    screen = dev.next();
    assert_eq!(
        (screen["up"].as_u64(), fits(&screen, 40, 24)),
        (Some(first as u64), true),
        "{screen}"
    );
    dev.order(&serde_json::json!(["size", [24, 60]]));
    while !screen["before"].as_str().unwrap().contains("\u{1b}[H\u{1b}[2J") {
        screen = dev.next();
    }
    assert!(fits(&screen, 24, 60), "{screen}");
    // All of them now, each cut at its end.
    let screen_of_all = dev.screen_with("49/");
    let whole = |line: &&str| line.contains("/とて") && !line.ends_with('…');
    assert_eq!(lines(&screen_of_all).into_iter().filter(whole).count(), 0, "{screen_of_all}");
    dev.order(&serde_json::json!(["size", [10, 5]]));
    while !fits(&screen, 10, 5) {
        screen = dev.next();
    }
    drop(leases);
    dev.order(&serde_json::json!(["key", "\u{3}"]));
    let end = std::iter::repeat_with(|| dev.next()).find(|said| !said["code"].is_null()).unwrap();
    assert_eq!(end["code"], 0, "{end}");
}

#[test]
fn keys_kill_a_node_and_start_it_again() {
    let mut dev = Dev::start(&[]);
    dev.screen_with("leader");
    dev.order(&serde_json::json!(["key", "x2"]));
    dev.screen_with("down");
    dev.order(&serde_json::json!(["key", "2"]));
    loop {
        let screen = dev.screen_with("leader");
        if lines(&screen).iter().all(|line| !line.contains("down")) {
            break;
        }
    }
}

#[test]
fn without_a_terminal_it_says_where_it_is_and_what_it_says_can_be_typed() {
    let ports = free_ports(3).iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let mut command = tenure(&["dev", "--ports", &ports, "--ttl", "10s"]);
    let mut dev = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(dev.stdout.take().unwrap()).lines();
    let line = said.find_map(|line| line.unwrap().strip_prefix("sh      ").map(str::to_owned));
    let line = line.unwrap();
    let output = types(&line);
    assert!(stdout(&output).trim_end().parse::<u64>().is_ok(), "{output:?}");
    let longer = types(&line.replace("tenure lock", "tenure lock --ttl 20s"));
    let told = String::from_utf8(longer.stderr).unwrap();
    assert!(told.starts_with("tenure: the TTL is 10.0s, and not 20.0s"), "{told}");
    let another = run(&["dev", "--ports", &ports]);
    assert_eq!(code(&another), Some(3));
    assert!(sentence(&another).ends_with("--ports names other ports"), "{another:?}");
    signal(&dev, "TERM");
    assert_eq!(dev.wait().unwrap().code(), Some(0));
    for flags in [["--ports", "1,2"], ["--ports", "0"], ["--ttl", "9s"], ["--ttl", "2h"]] {
        let refused = run(&[&["dev"], &flags[..]].concat());
        assert_eq!(code(&refused), Some(2), "{}", sentence(&refused));
    }
}

#[test]
fn over_tls_what_it_says_can_be_typed_and_stays_with_its_directory() {
    let data = tempfile::tempdir().unwrap();
    let ports = free_ports(3).iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let mut authority = Vec::new();
    for _ in 0..2 {
        let mut command = tenure(&["dev", "--tls", "--ports", &ports, "--data", "it's"]);
        let mut dev = command.current_dir(data.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(dev.stdout.take().unwrap()).lines();
        let export =
            said.find_map(|line| Some(line.unwrap()).filter(|one| one.starts_with("export ")));
        let line = said.find_map(|line| line.unwrap().strip_prefix("sh      ").map(str::to_owned));
        let (export, line) = (export.unwrap(), line.unwrap());
        let output = types(&format!("{export}\n{line}"));
        assert!(stdout(&output).trim_end().parse::<u64>().is_ok(), "{output:?}");
        let members =
            line.split(" demo").next().unwrap().replace("tenure lock", "tenure member list");
        let output = types(&format!("{export}\n{members}"));
        assert_eq!(stdout(&output).lines().count(), 4, "{output:?}");
        let denied = members.replace("member list", "member remove") + " 3";
        let client =
            "TENURE_CERT=${TENURE_CERT/operator/client} TENURE_KEY=${TENURE_KEY/operator/client}";
        let output = types(&format!("{export}\n{client} {denied}"));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("client/dev may use locks"), "{told}");
        let output = types(&line.replace("tenure lock", "tenure lock -w 1s"));
        assert!(sentence(&output).contains("it speaks TLS, and this side does not"), "{output:?}");
        authority.push(std::fs::read_to_string(data.path().join("it's/certs/ca.crt")).unwrap());
        signal(&dev, "TERM");
        assert_eq!(dev.wait().unwrap().code(), Some(0));
    }
    assert_eq!(authority[0], authority[1]);
}

#[test]
fn over_tls_the_screen_shows_locks_too() {
    let mut dev = Dev::start(&["--tls"]);
    dev.screen_with("leader");
    dev.screen_with("LOCK");
}
