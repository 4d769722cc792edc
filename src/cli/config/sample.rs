//! The sample file: every option with its purpose and default, taken from the command line of
//! `serve`.

use super::settings::{self, Kind, Setting};

/// The text of the file, valid TOML.
pub fn text() -> String {
    let mut text = HEAD.to_owned();
    for setting in settings::all() {
        let about = setting.about.replace("--", "");
        let (value, note) = match &setting.default {
            Some(default) => (default.clone(), ""),
            None => (
                example(&setting),
                if NEEDED.contains(&setting.key.as_str()) { NEED } else { NONE },
            ),
        };
        text += &format!("\n# {about}{note}\n#{}\n", setting.line(&value));
    }
    text
}

/// An example of a value, for an option without default.
fn example(setting: &Setting) -> String {
    let text = match (setting.key.as_str(), setting.kind) {
        ("id", _) => "1",
        ("data", _) => "/var/lib/tenure",
        ("listen", _) => "10.0.0.1:7401",
        ("cluster", _) => "1=10.0.0.1:7401,2=10.0.0.2:7401,3=10.0.0.3:7401",
        ("tls", _) => "required",
        ("audit", _) => "/var/lib/tenure-audit.jsonl",
        ("admin", _) => "127.0.0.1:9401",
        (_, Kind::List) => "10.0.0.1:7401,10.0.0.2:7401,10.0.0.3:7401",
        (key, _) => return format!("/etc/tenure/{key}"),
    };
    text.to_owned()
}

const HEAD: &str = "# Options of `tenure serve --config FILE`, each with its default: take a `#` away to say another value.
# A flag (--heartbeat) wins over a variable (TENURE_HEARTBEAT), that over this file. An unknown key is an error.
# `tenure config check FILE` tells each mistake with its place, `tenure config print` what holds and why.
# Durations and sizes are text with a unit: \"150ms\", \"1.5s\", \"2m\"; \"64MiB\".
";
/// No node starts without these; `join` may replace `cluster`.
const NEEDED: [&str; 3] = ["id", "data", "cluster"];
const NEED: &str = ". Needed";
const NONE: &str = ". No default";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::file;

    #[test]
    fn each_line_is_of_the_file_once_its_mark_is_gone() {
        let is_line = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
        let text = text();
        let lines: Vec<&str> = text.lines().filter(is_line).map(|line| &line[1..]).collect();
        let entries = file::parse(&lines.join("\n")).expect("it is TOML");
        let keys: Vec<String> = entries.into_iter().map(|entry| entry.key).collect();
        let all: Vec<String> = settings::all().into_iter().map(|setting| setting.key).collect();
        assert_eq!(keys, all);
    }
}
