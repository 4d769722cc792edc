//! Little-endian fields, taken from the front of a slice; `None` when there are too few bytes.

pub(super) fn take_u8(input: &mut &[u8]) -> Option<u8> {
    take_array::<1>(input).map(|[byte]| byte)
}

pub(super) fn take_u32(input: &mut &[u8]) -> Option<u32> {
    take_array(input).map(u32::from_le_bytes)
}

pub(super) fn take_u64(input: &mut &[u8]) -> Option<u64> {
    take_array(input).map(u64::from_le_bytes)
}

pub(super) fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

/// A size of something in memory; all of ours are far below 2³².
pub(super) fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("sizes of what fits into memory")
}
