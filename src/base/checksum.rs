//! CRC-32C (Castagnoli), over several pieces in turn.

/// The CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// Continues `crc` over `bytes`: `extend(crc32c(a), b) == crc32c(a ++ b)`.
#[must_use]
pub fn extend(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

/// The CRC-32C of `b ++ rest`, where `crc` is that of `a ++ rest`, `a` and `b` are as long, and `rest` has so many bytes:
/// `with_other_start(crc32c(a ++ rest), crc32c(a), crc32c(b), rest.len())`.
#[must_use]
pub fn with_other_start(crc: u32, start: u32, other: u32, rest: u64) -> u32 {
    // The checksum is linear: the difference at the start, moved on by the rest.
    crc ^ crc32c::crc32c_combine(
        start ^ other,
        0,
        usize::try_from(rest).expect("a length of bytes"),
    )
}

/// 128 bits from `bytes`, for naming a record: FNV-1a, which is stable over versions and machines.
/// It resists accidents, not adversaries.
#[must_use]
pub fn hash128(bytes: &[u8]) -> [u8; 16] {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let hash =
        bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    hash.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(extend(crc32c(b"1234"), b"56789"), 0xe306_9283);
        for (rest, len) in [(&b"56789"[..], 5), (b"", 0)] {
            let (whole, start) = (extend(crc32c(b"1234"), rest), crc32c(b"1234"));
            let other = with_other_start(whole, start, crc32c(b"abcd"), len);
            assert_eq!(other, extend(crc32c(b"abcd"), rest));
        }
        assert_ne!(hash128(b"a"), hash128(b"b"));
    }
}
