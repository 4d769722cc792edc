//! Log lines on stderr: UTC time, level, what happened; one line each whatever the text contains. A node never waits for
//! whoever reads them.

use crate::cli::outlet::STDERR;
use log::{LevelFilter, Log, Metadata, Record};
use tenure::sys::clock;

struct Stderr;

/// Sends all log lines from `level` on to stderr. Once per process; later calls only set the level.
pub fn install(level: LevelFilter) {
    // A second call finds the same logger in place.
    let _ = log::set_logger(&Stderr);
    log::set_max_level(level);
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
        let text = printable(&record.args().to_string());
        STDERR.say(&format!("{} {:5} {text}", utc(clock::unix_ms()), record.level()));
    }

    fn flush(&self) {}
}

/// `text` with all spelled out that nobody would see, or that would move or hide other letters: names come from other
/// people's programs.
#[must_use]
pub fn printable(text: &str) -> String {
    let escape = |c: char| if is_hidden(c) { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escape).collect()
}

/// Control characters, line ends, what has no width, and what changes the direction of writing (Unicode's
/// Default_Ignorable_Code_Point and Bidi_Control).
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
