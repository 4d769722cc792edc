//! Typed values to bytes and back; the one file that names bincode.
//!
//! bincode 1.3.3 with fixed-width integers, little-endian, a size limit, and trailing bytes refused.
//! Golden vectors in the modules that own the types pin the bytes, so that the format outlives the
//! crate. Recursive types must not be encoded: nothing bounds the depth.

use crate::base::limits::FRAME_BYTES_MAX;
use bincode::Options;
use serde::{Deserialize, Serialize};

/// Bytes that are not a value of the asked type, or a value that is larger than any frame.
#[derive(Debug, thiserror::Error)]
#[error("cannot be encoded or decoded: {0}")]
pub struct CodecError(String);

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().reject_trailing_bytes()
}

/// Appends the encoding of `value` to `out`; on an error `out` is as it was.
///
/// # Errors
/// The encoding is longer than [`FRAME_BYTES_MAX`].
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    // bincode's own limit would walk through the value twice.
    let encoded = options().serialize_into(&mut *out, value).map_err(|error| error.to_string());
    let fits = out.len() - start <= FRAME_BYTES_MAX;
    let encoded = encoded.and_then(|()| {
        fits.then_some(()).ok_or_else(|| format!("more than {FRAME_BYTES_MAX} bytes"))
    });
    encoded.map_err(|error| {
        out.truncate(start);
        CodecError(error)
    })
}

/// The encoding of `value`.
///
/// # Errors
/// As for [`encode_into`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::with_capacity(64);
    encode_into(value, &mut out)?;
    Ok(out)
}

/// The value that all of `bytes` encode; text and byte strings may be borrowed from them.
///
/// # Errors
/// `bytes` are cut short, too many, over the limit, or not of this type.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    let options = options().with_limit(FRAME_BYTES_MAX as u64);
    options.deserialize(bytes).map_err(|error| CodecError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_length_is_refused_without_allocating_it() {
        let huge = (1u64 << 40).to_le_bytes();
        assert!(decode::<Vec<u64>>(&huge).is_err());
        assert!(decode::<String>(&huge).is_err());
    }

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        let mut bytes = encode(&7u32).unwrap();
        assert_eq!(decode::<u32>(&bytes).unwrap(), 7);
        bytes.push(0);
        assert!(decode::<u32>(&bytes).is_err());
        assert!(decode::<u32>(&bytes[..3]).is_err());
    }

    #[test]
    fn a_value_over_the_limit_leaves_the_buffer_as_it_was() {
        let mut out = vec![1, 2, 3];
        assert!(encode_into(&vec![0u8; FRAME_BYTES_MAX + 1], &mut out).is_err());
        assert_eq!(out, [1, 2, 3]);
    }

    #[test]
    fn integers_are_fixed_width_and_little_endian() {
        assert_eq!(encode(&(1u16, 2u64)).unwrap(), [1, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    }
}
