//! The words of a command that both worlds know: numbers, links, spans of time.

use std::time::Duration;

/// The number in `word`.
pub fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

/// The link in `word`, as `1→2`: from, to.
pub fn link(word: &str) -> Result<(u64, u64), String> {
    let (from, to) = word.split_once('→').ok_or_else(|| format!("{word:?} is no link as 1→2"))?;
    Ok((number(from)?, number(to)?))
}

/// A span of time: `10 s`, `300 ms`.
pub fn span(count: &str, unit: &str) -> Result<Duration, String> {
    let count = number(count)?;
    match unit {
        "s" => Ok(Duration::from_secs(count)),
        "ms" => Ok(Duration::from_millis(count)),
        _ => Err(format!("{unit:?} is no unit of time: s, ms")),
    }
}
