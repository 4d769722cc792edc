//! Logs in few words, and what `tenure verify` says to them.

use crate::cluster::tenure;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// What it said.
pub struct Verdict {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Verifies one log of such lines: `granted 10 a token=5` is what client a logs at the instant 10 about the lock m.
pub fn verify(lines: &[&str]) -> Verdict {
    verify_with(&[], &[&log("this-boot", lines)])
}

/// Verifies logs, named 0.jsonl, 1.jsonl, …, with flags.
pub fn verify_with(flags: &[&str], logs: &[&str]) -> Verdict {
    let directory: TempDir = tempfile::tempdir().expect("a temporary directory");
    let mut command = tenure();
    command.current_dir(directory.path()).arg("verify").args(flags);
    for (place, text) in logs.iter().enumerate() {
        let name = format!("{place}.jsonl");
        std::fs::write(directory.path().join(&name), text).expect("a log is written");
        command.arg(Path::new(&name));
    }
    let Output { status, stdout, stderr } = command.output().expect("tenure runs");
    let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
    let code = status.code().expect("it ends by itself");
    Verdict { code, stdout: text(stdout), stderr: text(stderr) }
}

/// The text of a log: its head, and the lines.
pub fn log(boot: &str, lines: &[&str]) -> String {
    let head = format!("{{\"event\":\"log\",\"boot\":\"{boot}\"}}\n");
    lines.iter().fold(head, |text, line| text + &json(line) + "\n")
}

/// `granted 10 a token=5 mode=shared` as JSON.
fn json(line: &str) -> String {
    let mut words = line.split(' ');
    let mut next = || words.next().expect("an event, an instant and a client");
    let (event, at, client) = (next(), next(), next());
    let mut fields = vec![format!("\"event\":\"{event}\",\"at\":{at},\"client\":\"{client}\"")];
    let mut lock = "m";
    for word in words {
        let (field, value) = word.split_once('=').expect("field=value");
        match (field, value.parse::<u64>().is_ok() || ["true", "false"].contains(&value)) {
            ("lock", _) => lock = value,
            ("also", _) => fields.push(format!("\"also\":[\"{}\"]", value.replace(',', "\",\""))),
            (_, true) => fields.push(format!("\"{field}\":{value}")),
            (_, false) => fields.push(format!("\"{field}\":\"{value}\"")),
        }
    }
    fields.push(format!("\"lock\":\"{lock}\""));
    format!("{{{}}}", fields.join(","))
}

impl Verdict {
    #[track_caller]
    pub fn check_kept(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        assert!(self.stdout.starts_with("OK: no violation.\n"), "{}", self.stdout);
    }

    /// Exactly one violation, with all of `parts` in its line.
    #[track_caller]
    pub fn check_broken(&self, rule: &str, parts: &[&str]) {
        assert_eq!((self.code, self.stderr.as_str()), (1, ""), "{}", self.stdout);
        let violations: Vec<&str> =
            self.stdout.lines().filter(|line| line.starts_with("VIOLATION")).collect();
        let [line] = violations[..] else { panic!("one violation was expected: {}", self.stdout) };
        assert!(line.starts_with(&format!("VIOLATION: {rule}: ")), "{line}");
        for part in parts {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
    }

    /// Not understood, with all of `parts` in the one sentence.
    #[track_caller]
    pub fn check_refused(&self, parts: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {:?}", self.stderr);
        }
    }

    /// What stands behind `what` in the table of counts.
    #[track_caller]
    pub fn count(&self, what: &str) -> u64 {
        let line = self.stdout.lines().find_map(|line| line.strip_prefix(what));
        line.and_then(|rest| rest.trim().parse().ok())
            .unwrap_or_else(|| panic!("no count of {what:?}: {}", self.stdout))
    }
}
