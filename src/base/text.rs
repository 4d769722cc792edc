//! Text from outside, and times, made fit for a line that a person reads.

use std::time::Duration;

/// `text` with all escaped that would be invisible, break the line, or move other letters, and cut off behind about
/// `bytes_max` bytes.
#[must_use]
pub fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for letter in text.chars() {
        if line.len() >= bytes_max {
            line.push('…');
            break;
        }
        if is_hidden(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Bytes that as a text would be shown replaced, as hexadecimal digits: `None` for a text.
#[must_use]
pub fn hex_unless_text(bytes: &[u8]) -> Option<String> {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    std::str::from_utf8(bytes).is_err().then(hex)
}

/// A duration as short as it can be said without lying much: "1.5s", "230ms", "4m 10s", "3h 5m".
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.is_zero() => "0s".to_owned(),
        0 if duration.as_millis() == 0 => format!("{}us", duration.as_micros()),
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{}.{}s", seconds, duration.subsec_millis() / 100),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The time of day of an instant of the wall clock: "14:03:22 UTC".
#[must_use]
pub fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// An instant of the wall clock, in seconds since 1970: "2026-11-30 14:03 UTC".
#[must_use]
pub fn date(unix_seconds: u64) -> String {
    // Days in eras of 400 years that begin on a 1st of March: leap days come last.
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    let (hours, minutes) = (unix_seconds / 3600 % 24, unix_seconds / 60 % 60);
    format!("{:04}-{month:02}-{day:02} {hours:02}:{minutes:02} UTC", era * 400 + year)
}

/// Whole days from one instant of the wall clock to the last second before another, both in seconds; below 0 behind that.
#[must_use]
pub fn days_left(end: u64, now: u64) -> i64 {
    let left = i128::from(end) - i128::from(now);
    i64::try_from(left.div_euclid(86_400)).unwrap_or(i64::MAX)
}

/// The same to the second, given milliseconds: "2026-11-30 14:03:22 UTC".
#[must_use]
pub fn moment(unix_ms: u64) -> String {
    let (date, time) = (date(unix_ms / 1000), time_of_day(unix_ms));
    format!("{} {time}", date.split(' ').next().unwrap_or_default())
}

/// Control characters, separators of lines, what has no width, and what changes the direction of writing.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_and_the_rest_stays() {
        assert_eq!(one_line("jobs/ä \"1\" \\ 漢", 99), "jobs/ä \"1\" \\ 漢");
        assert_eq!(one_line("a\nb\t\x1b[2J\0", 99), "a\\nb\\t\\u{1b}[2J\\u{0}");
        assert_eq!(one_line("x\u{202e}y\u{200b}z\u{feff}", 99), "x\\u{202e}y\\u{200b}z\\u{feff}");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_whole() {
        assert_eq!(hex_unless_text("ä".as_bytes()), None);
        assert_eq!(hex_unless_text(b"a\xff\0"), Some("61ff00".to_owned()));
    }

    #[test]
    fn durations_are_shown_with_their_unit() {
        assert_eq!(span(Duration::from_micros(12)), "12us");
        assert_eq!(span(Duration::from_millis(230)), "230ms");
        assert_eq!(span(Duration::from_millis(1530)), "1.5s");
        assert_eq!(span(Duration::from_secs(250)), "4m 10s");
        assert_eq!(span(Duration::from_secs(11_100)), "3h 5m");
        assert_eq!(span(Duration::ZERO), "0s");
    }

    #[test]
    fn an_instant_is_shown_as_its_time_of_day() {
        assert_eq!(time_of_day(1_732_975_402_999), "14:03:22 UTC");
        assert_eq!(time_of_day(0), "00:00:00 UTC");
    }

    #[test]
    fn an_instant_is_shown_as_its_date() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_732_975_402, "2024-11-30 14:03 UTC"),
            (1_798_761_599, "2026-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date(seconds), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_off_between_letters() {
        assert_eq!(one_line("abcd", 4), "abcd");
        assert_eq!(one_line("abcde", 4), "abcd…");
        assert_eq!(one_line("äöü", 3), "äö…");
        assert_eq!(one_line(&"é".repeat(1 << 20), 100).len(), 103);
    }
}
