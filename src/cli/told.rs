//! Texts of a lock for people: its value, and the order to its holder.

use crate::cli::duration;
use crate::cli::log::printable;
use std::time::Duration;
use tenure::wire::OrderShown;

/// A value as a part of a line, printable.
#[must_use]
pub fn value(bytes: &[u8]) -> String {
    printable(&String::from_utf8_lossy(bytes))
}

/// A value cut to [`BRIEF_CHARS`] characters.
#[must_use]
pub fn brief_value(bytes: &[u8]) -> String {
    let whole = value(bytes);
    if whole.chars().count() <= BRIEF_CHARS {
        return whole;
    }
    whole.chars().take(BRIEF_CHARS - 1).chain(['…']).collect()
}

/// "asked to end within 10.0s of hearing of it: maintenance; it goes to b:2 then"
#[must_use]
pub fn asked(order: &OrderShown) -> String {
    let grace = duration::show(Duration::from_millis(order.grace_ms));
    let reason = match order.reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", printable(reason)),
    };
    let heir = order.heir.as_deref().map(printable);
    let heir = heir.map_or(String::new(), |heir| format!("; it goes to {heir} then"));
    format!("asked to end within {grace} of hearing of it{reason}{heir}")
}

/// Characters of a value where there is little room.
const BRIEF_CHARS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::Token;
    use tenure::lock::Name;

    #[test]
    fn an_order_says_all_that_it_has() {
        let order = OrderShown {
            name: Name::try_from("x").unwrap(),
            token: Token(1),
            grace_ms: 10_000,
            reason: String::new(),
            heir: None,
        };
        assert_eq!(asked(&order), "asked to end within 10.0s of hearing of it");
        let order = OrderShown { reason: "a\nb".into(), heir: Some("b:2".into()), ..order };
        let expected = "asked to end within 10.0s of hearing of it: a\\nb; it goes to b:2 then";
        assert_eq!(asked(&order), expected);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(brief_value("ä".repeat(60).as_bytes()), "ä".repeat(60));
        assert_eq!(brief_value("ä".repeat(61).as_bytes()), "ä".repeat(59) + "…");
        assert_eq!(value(b"\xff\n"), "\u{fffd}\\n");
    }
}
