//! Durations as people write them: a number and a unit.

use std::time::Duration;
pub use tenure::base::text::span as show;

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The duration that `text` means: "5s", "500ms", "1.5s", "2m".
///
/// # Errors
/// A sentence that says how it must look.
pub fn parse(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err("a duration is a number and a unit, as 5s, 500ms or 2m".to_owned());
    }
    if unit.is_empty() {
        return Err(format!("a duration needs a unit: {number}s, {number}ms or {number}m"));
    }
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("\"{unit}\" is no unit of time; use ns, us, ms, s, m or h"));
    };
    scale(number, *nanos).ok_or_else(|| format!("{text} is no number, or too long a time"))
}

/// `number`, perhaps with decimals, times `nanos`; exact, and cut to whole nanoseconds.
fn scale(number: &str, nanos: u64) -> Option<Duration> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || decimals.len() > 9 || (number.contains('.') && decimals.is_empty()) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(nanos)?;
    let part = if decimals.is_empty() {
        0
    } else {
        let decimal = u128::from(decimals.parse::<u64>().ok()?);
        let part = decimal * u128::from(nanos) / 10u128.pow(decimals.len() as u32);
        u64::try_from(part).ok()?
    };
    Some(Duration::from_nanos(whole.checked_add(part)?))
}

/// A duration exactly, as `parse` takes it: "10s", "1h", "1500ms".
#[must_use]
pub fn exact(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let mut units = UNITS.iter().rev().map(|(name, unit)| (*name, u128::from(*unit)));
    let fits = units.find(|(_, unit)| nanos > 0 && nanos.is_multiple_of(*unit));
    fits.map_or("0s".to_owned(), |(name, unit)| format!("{}{name}", nanos / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_decimals_are_understood() {
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_number_alone_is_refused_with_what_to_write() {
        assert_eq!(parse("5").unwrap_err(), "a duration needs a unit: 5s, 5ms or 5m");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "s", "-5s", "5 s", "5x", "1.s", ".5s", "1.2.3s", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("18446744073709551615h").is_err());
    }

    #[test]
    fn an_exact_duration_is_read_as_it_is_written() {
        for text in ["10s", "1h", "1500ms", "61s", "2m", "7ns", "0s"] {
            assert_eq!(exact(parse(text).unwrap()), text);
        }
    }
}
