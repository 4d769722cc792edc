//! Log lines on stderr, one for each event whatever its text contains: for people (UTC time, level, what happened), for
//! journald (priority, what happened), or as JSON. A node never waits for their reader.

use crate::cli::outlet::STDERR;
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use serde_json::{Map, json};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use tenure::sys::clock;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people; where stderr is journald's, with priorities, which keeps the time itself.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

struct Stderr;

/// A service: the format of its lines, and the node whose lines they are.
#[derive(Debug)]
struct Service {
    format: Format,
    node: u64,
    to_journald: bool,
}

static SERVICE: OnceLock<Service> = OnceLock::new();

/// Sends all log lines from `level` on to stderr. Once per process; later calls only set the level.
pub fn install(level: LevelFilter) {
    // A second call finds the same logger in place.
    let _ = log::set_logger(&Stderr);
    log::set_max_level(level);
}

/// Makes this process a service: its lines have `format` and are those of `node`. Once per process.
pub fn set_service(format: Format, node: u64) {
    let _ = SERVICE.set(Service { format, node, to_journald: is_journald() });
}

/// The last words of this process, as a line of its log where that is JSON; `None`: it is not.
pub fn last_words(message: &str) -> Option<String> {
    let Some(Service { format: Format::Json, node, .. }) = SERVICE.get() else { return None };
    let mut record = Record::builder();
    record.level(Level::Error).target("tenure::serve");
    Some(json_line(&record.args(format_args!("{message}")).build(), clock::unix_ms(), *node))
}

/// The level for `-v` given `count` times, on top of `quiet`.
#[must_use]
pub fn level(quiet: LevelFilter, count: u8) -> LevelFilter {
    let level = quiet as usize + usize::from(count);
    LevelFilter::iter().nth(level).unwrap_or(LevelFilter::Trace)
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let service = SERVICE.get();
        let line = match service {
            Some(Service { format: Format::Json, node, .. }) => {
                json_line(record, clock::unix_ms(), *node)
            }
            Some(Service { to_journald: true, .. }) => journald_line(record),
            _ => text_line(record, clock::unix_ms()),
        };
        STDERR.say(&line);
    }

    fn flush(&self) {}
}

/// Whether stderr is the stream that systemd connected to its journal (systemd.exec(5), JOURNAL_STREAM).
fn is_journald() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let metadata = stderr.and_then(|stderr| stderr.metadata());
    metadata.is_ok_and(|of| stream == format!("{}:{}", of.dev(), of.ino()))
}

fn text_line(record: &Record<'_>, unix_ms: u64) -> String {
    let text = printable(&record.args().to_string());
    format!("{} {:5} {text}", utc(unix_ms), record.level())
}

/// A line for journald: a priority of syslog(3) before the text, as sd-daemon(3) defines.
fn journald_line(record: &Record<'_>) -> String {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    format!("<{priority}>{}", printable(&record.args().to_string()))
}

/// `time`, `level`, `target` (the part of Tenure that speaks), `message`, `node`, and the keys of the event: `term`, `index`,
/// `session`, `lock`, `leader`, `peer`.
fn json_line(record: &Record<'_>, unix_ms: u64, node: u64) -> String {
    let mut line = Map::new();
    let mut set = |key: &str, value| drop(line.insert(key.to_owned(), value));
    set("time", json!(utc(unix_ms)));
    set("level", json!(record.level().as_str().to_ascii_lowercase()));
    set("target", json!(part(record.target())));
    set("message", json!(record.args().to_string()));
    set("node", json!(node));
    let mut keys = Keys(line);
    // Our visitor never fails.
    let _ = record.key_values().visit(&mut keys);
    serde_json::Value::Object(keys.0).to_string()
}

/// `tenure::raft::change` is `raft`.
fn part(target: &str) -> &str {
    target.strip_prefix("tenure::").unwrap_or(target).split("::").next().unwrap_or(target)
}

struct Keys(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Keys {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = value.to_u64().map_or_else(|| json!(value.to_string()), |number| json!(number));
        self.0.insert(key.as_str().to_owned(), value);
        Ok(())
    }
}

/// `text` with escapes for characters that are invisible, or that move or hide others: names come
/// from other people's programs.
#[must_use]
pub fn printable(text: &str) -> String {
    let escape = |c: char| if is_hidden(c) { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escape).collect()
}

/// Control characters, line ends, characters without width, and those that change the direction of
/// writing (Unicode's Default_Ignorable_Code_Point and Bidi_Control).
fn is_hidden(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    ignorable || c.is_control()
}

/// An instant of the wall clock as RFC 3339, in UTC.
#[must_use]
pub fn utc(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, *chrono-Compatible Low-Level Date
/// Algorithms*, `civil_from_days`): years begin in March, so that the leap day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let first_of_next = u64::from(month <= 2);
    (year + era * 400 + first_of_next, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_record<T>(read: impl FnOnce(&Record<'_>) -> T) -> T {
        let keys = [("term", Value::from(4u64)), ("lock", Value::from("jobs/\"a\""))];
        let mut record = Record::builder();
        record.level(Level::Warn).target("tenure::raft::change").key_values(&keys);
        read(&record.args(format_args!("two\nlines")).build())
    }

    #[test]
    fn a_line_for_people_or_journald_is_one_line() {
        assert_eq!(
            with_record(|record| text_line(record, 0)),
            "1970-01-01T00:00:00.000Z WARN  two\\nlines"
        );
        assert_eq!(with_record(journald_line), "<4>two\\nlines");
    }

    #[test]
    fn a_line_of_json_has_the_events_keys() {
        let line = with_record(|record| json_line(record, 0, 3));
        assert!(!line.contains('\n'), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "time": "1970-01-01T00:00:00.000Z", "level": "warn", "target": "raft", "message": "two\nlines",
            "node": 3, "term": 4, "lock": "jobs/\"a\"",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn dates_are_right_around_leap_days_and_new_years() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(1_735_689_599_999), "2024-12-31T23:59:59.999Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
    }

    #[test]
    fn what_has_no_width_or_turns_the_writing_round_is_seen() {
        for c in "\u{200b}\u{200d}\u{200e}\u{202a}\u{202e}\u{2066}\u{2069}\u{2060}\u{feff}\u{61c}\u{e0041}".chars() {
            let text = printable(&format!("jobs/{c}x"));
            assert_eq!(text, format!("jobs/\\u{{{:x}}}x", c as u32));
        }
        assert_eq!(printable("jobs/ä 漢字 e\u{301} \\"), "jobs/ä 漢字 e\u{301} \\");
    }

    #[test]
    fn each_v_is_one_level_more() {
        assert_eq!(level(LevelFilter::Warn, 0), LevelFilter::Warn);
        assert_eq!(level(LevelFilter::Info, 1), LevelFilter::Debug);
        assert_eq!(level(LevelFilter::Warn, 9), LevelFilter::Trace);
    }
}
