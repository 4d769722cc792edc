//! CRC-32C (Castagnoli), over several pieces in turn.

/// The CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    extend(0, bytes)
}

/// Continues `crc` over `bytes`: `extend(crc32c(a), b) == crc32c(a ++ b)`.
///
/// Most pieces are single numbers and short names. For these a call of the processor's own instruction, which
/// looks for the processor and for aligned words first, costs four times as much as a look into tables.
#[inline]
#[must_use]
pub fn extend(crc: u32, bytes: &[u8]) -> u32 {
    if bytes.len() < SHORT_BYTES {
        extend_short(crc, bytes)
    } else {
        crc32c::crc32c_append(crc, bytes)
    }
}

fn extend_short(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        crc = behind_eight(word ^ u64::from(crc));
    }
    for byte in words.remainder() {
        crc = TABLES[0][usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
    }
    !crc
}

/// Each of the eight bytes is looked up in the table of its distance from the end.
fn behind_eight(word: u64) -> u32 {
    let bytes = word.to_le_bytes().map(usize::from);
    let [a, b, c, d, e, f, g, h] = bytes;
    let first = TABLES[7][a] ^ TABLES[6][b] ^ TABLES[5][c] ^ TABLES[4][d];
    first ^ TABLES[3][e] ^ TABLES[2][f] ^ TABLES[1][g] ^ TABLES[0][h]
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

/// `TABLES[n][b]`: what byte b makes of a register that holds nothing else, n zero bytes later.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut place = 256;
    while place < 8 * 256 {
        let (table, byte) = (place / 256, place % 256);
        let before: u32 = tables[table - 1][byte];
        tables[table][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
        place += 1;
    }
    tables
}

/// Castagnoli's, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// From so many bytes on the processor's instruction is quicker.
const SHORT_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn short_and_long_pieces_have_the_checksum_that_the_processor_counts() {
        let mut rng = Rng::new(5);
        let bytes: Vec<u8> = (0..3 * SHORT_BYTES).map(|_| rng.between(0, 255) as u8).collect();
        for start in 0..16 {
            for length in 0..2 * SHORT_BYTES {
                let (piece, crc) =
                    (&bytes[start..start + length], rng.between(0, u64::from(u32::MAX)) as u32);
                for crc in [0, crc, u32::MAX] {
                    let counted = crc32c::crc32c_append(crc, piece);
                    assert_eq!(extend(crc, piece), counted, "{length} bytes behind {crc:#x}");
                }
            }
        }
    }

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
