//! Sizes as people write them: a whole number and a unit.

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// The bytes that `text` means: "64MiB", "512KiB", "100MB".
///
/// # Errors
/// A sentence that says how it must look.
pub fn parse(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err("a size is a whole number and a unit, as 64MiB or 512KiB".to_owned());
    }
    if unit.is_empty() {
        return Err(format!("a size needs a unit: {number}B, {number}KiB or {number}MiB"));
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("\"{unit}\" is no unit of size; use B, kB, KiB, MB, MiB, GB or GiB"));
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(*bytes))
        .ok_or_else(|| format!("{text} is too much"))
}

/// A size, cut to a tenth of its unit: "812 B", "1.5 KiB", "64.0 MiB".
#[must_use]
pub fn show(bytes: u64) -> String {
    let unit = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match unit.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((name, shift)) => {
            let tenths = ((bytes >> (shift - 10)) * 10) >> 10;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_units() {
        assert_eq!(parse("64MiB"), Ok(64 << 20));
        assert_eq!(parse("100MB"), Ok(100_000_000));
        assert_eq!(parse("0B"), Ok(0));
        for text in ["", "MiB", "5", "5x", "1.5MiB", "-1B", "5 MiB", "99999999999999999999B"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("18446744073709551615GiB").is_err());
        assert!(parse("5").unwrap_err().contains("needs a unit: 5B"));
    }

    #[test]
    fn sizes_are_shown_with_their_unit() {
        let shown = [0, 812, 1536, 64 << 20, 5 << 29].map(show);
        assert_eq!(shown, ["0 B", "812 B", "1.5 KiB", "64.0 MiB", "2.5 GiB"]);
        assert_eq!(show(u64::MAX), "17179869183.9 GiB");
    }
}
