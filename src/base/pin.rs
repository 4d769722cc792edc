//! A pin: a cluster as people name it, by its whole id or the beginning of it.

use super::ClusterId;
use std::fmt;

/// The beginning of a cluster's id, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterPin(String);

impl ClusterPin {
    /// The pin that `text` writes.
    ///
    /// # Errors
    /// A sentence that says how it must look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
            return Err(format!(
                "{text:?} is no cluster id: write its {DIGITS_MAX} hex digits as `tenure status` shows them, or at least \
                 the first {DIGITS_MIN}"
            ));
        }
        Ok(Self(digits.to_ascii_lowercase()))
    }

    /// Whether this pin names `cluster`.
    #[must_use]
    pub fn matches(&self, cluster: ClusterId) -> bool {
        cluster.to_string().starts_with(&self.0)
    }
}

impl fmt::Display for ClusterPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ClusterId {
    /// The id that `text` writes in whole.
    ///
    /// # Errors
    /// A sentence that says how it must look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim();
        let mut id = [0; 16];
        let is_whole = digits.len() == DIGITS_MAX && digits.is_ascii();
        for (place, byte) in id.iter_mut().enumerate().filter(|_| is_whole) {
            let pair = &digits[2 * place..2 * place + 2];
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte =
                u8::from_str_radix(pair, 16).ok().filter(|_| is_hex).ok_or_else(|| no_id(text))?;
        }
        if is_whole { Ok(Self(id)) } else { Err(no_id(text)) }
    }
}

fn no_id(text: &str) -> String {
    format!(
        "{text:?} is no whole cluster id: write its {DIGITS_MAX} hex digits as `tenure status` shows them"
    )
}

/// Two clusters whose ids begin alike in so many digits are one pair in four billion.
const DIGITS_MIN: usize = 8;
const DIGITS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ClusterId = ClusterId([0xab; 16]);

    #[test]
    fn a_pin_is_a_beginning_of_the_id() {
        let (whole, beginning) = (ID.to_string(), "ABababab");
        for text in [whole.as_str(), beginning, " abababababab\n"] {
            assert!(ClusterPin::parse(text).unwrap().matches(ID), "{text:?}");
        }
        assert!(!ClusterPin::parse("abababac").unwrap().matches(ID));
        for text in ["", "abababa", "abababax", "+bababab", &"a".repeat(33)] {
            assert!(
                ClusterPin::parse(text).unwrap_err().contains("at least the first 8"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        assert_eq!(ClusterId::parse(&ID.to_string()), Ok(ID));
        assert_eq!(ClusterId::parse(&"AB".repeat(16)), Ok(ID));
        for text in ["", "abababab", &"+a".repeat(16), &"é".repeat(16), &"ab".repeat(17)] {
            assert!(ClusterId::parse(text).is_err(), "{text}");
        }
    }
}
