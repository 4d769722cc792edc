//! The end of a certificate's validity, parsed from its DER: webpki does not tell it.

use rustls::pki_types::CertificateDer;

/// The last second in which a certificate is valid, since 1970; `None`: malformed by RFC 5280.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, rest)) = expect(fields, VERSION) {
        fields = rest;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    seconds(tag, time)
}

/// The contents of the element of tag `expected` at the front, and the rest.
fn expect(bytes: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, contents, rest) = element(bytes)?;
    (tag == expected).then_some((contents, rest))
}

/// The tag and contents of the element at the front, and the rest (X.690, 8.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// Parses YYMMDDHHMMSSZ until 2049, YYYYMMDDHHMMSSZ after it (RFC 5280, 4.1.2.5).
fn seconds(tag: u8, text: &[u8]) -> Option<u64> {
    let (digits, zone) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if zone != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |at: usize| {
        let pair = digits.get(at..at + 2)?;
        Some(u64::from(pair[0] - b'0') * 10 + u64::from(pair[1] - b'0'))
    };
    let (year, at) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            (two(0).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2)
        }
        (GENERALIZED_TIME, 14) => (two(0)? * 100 + two(2)?, 4),
        _ => return None,
    };
    let (month, day) = (two(at)?, two(at + 2)?);
    let (hour, minute, second) = (two(at + 4)?, two(at + 6)?, two(at + 8)?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970. Counted in years from 1 March, so that leap days come last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    of_years + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Days from 1 March of the year 0 to 1970.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn ends(year: i32, month: u8, day: u8) -> Option<u64> {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, month, day);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        not_after(certificate.der())
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        assert_eq!(ends(2026, 11, 30), Some(1_795_996_800));
        assert_eq!(ends(2024, 2, 29), Some(1_709_164_800));
        assert_eq!(ends(2049, 12, 31), Some(2_524_521_600));
        assert_eq!(ends(2050, 1, 1), Some(2_524_608_000));
        assert_eq!(ends(4096, 1, 1), Some(67_090_118_400));
    }

    #[test]
    fn what_is_cut_off_or_no_time_has_no_end() {
        let certificate = CertificateParams::default();
        let certificate = certificate.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let whole = certificate.der().to_vec();
        for length in 0..whole.len().min(200) {
            assert_eq!(not_after(&CertificateDer::from(&whole[..length])), None, "{length}");
        }
        for text in ["261130000000", "261330000000Z", "2611300000Z", "26113000000xZ", "Z", ""] {
            assert_eq!(seconds(UTC_TIME, text.as_bytes()), None, "{text}");
        }
        assert_eq!(seconds(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(seconds(GENERALIZED_TIME, b"19691231235959Z"), None);
    }
}
