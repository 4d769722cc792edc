//! The envelope: the frame around every file but the log. It says the kind of file and its owner, and ends with a
//! checksum.
//!
//! ```text
//!  0  magic, 8 bytes        8  format, u32         12  body length, u32
//! 16  directory id, 16     32  node id, u64        40  body
//! 40 + body length: CRC-32C of all bytes before it
//! ```
//! The frame is the same in every format, so that an older program can say "newer" instead of "damaged".

use super::WalError;
use super::bytes::{take_array, take_u32, take_u64};
use crate::base::{DirectoryId, NodeId, checksum};

/// Owner of a file (W8). The directory id is drawn once, and the founding record names it, so it identifies the
/// cluster too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) directory: DirectoryId,
    pub(super) node: NodeId,
}

impl Owner {
    /// The checksum that every record's own begins with (W4).
    pub(super) fn checksum(&self) -> u32 {
        checksum::extend(checksum::crc32c(&self.directory.0), &self.node.0.to_le_bytes())
    }
}

/// Content of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened<'a> {
    pub(super) owner: Owner,
    pub(super) body: &'a [u8],
}

/// Why there is nothing to read in an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not the bytes that were written: torn, rotten, or never ours.
    Damaged,
    /// Intact, of a format that this program does not know.
    Format(u32),
}

impl Flaw {
    /// Sentence for people about `file`.
    pub(super) fn describe(self, file: &str) -> WalError {
        match self {
            Self::Damaged => WalError::Corrupt(format!("{file} is damaged. {ADVICE}")),
            Self::Format(format) => WalError::Foreign(format!(
                "{file} has format {format}, and this program reads format {FORMAT}: start the \
                 version of tenure that wrote it, or a newer one"
            )),
        }
    }
}

/// Wraps `body` in an envelope.
pub(super) fn seal(magic: Magic, owner: &Owner, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("envelopes hold small bodies");
    let mut out = Vec::with_capacity(sealed_bytes(body.len()));
    out.extend_from_slice(&magic);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&owner.directory.0);
    out.extend_from_slice(&owner.node.0.to_le_bytes());
    out.extend_from_slice(body);
    let crc = checksum::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The envelope at the start of `bytes`; what follows it is not looked at.
pub(super) fn open(magic: Magic, bytes: &[u8]) -> Result<Opened<'_>, Flaw> {
    let (format, opened) = unwrap(magic, bytes).ok_or(Flaw::Damaged)?;
    if format == FORMAT { Ok(opened) } else { Err(Flaw::Format(format)) }
}

/// How long the envelope of a body is.
pub(super) const fn sealed_bytes(body: usize) -> usize {
    HEAD_BYTES + body + 4
}

fn unwrap(magic: Magic, bytes: &[u8]) -> Option<(u32, Opened<'_>)> {
    let mut rest = bytes;
    if take_array::<8>(&mut rest)? != magic {
        return None;
    }
    let format = take_u32(&mut rest)?;
    let length = take_u32(&mut rest)? as usize;
    let directory = DirectoryId(take_array(&mut rest)?);
    let node = NodeId(take_u64(&mut rest)?);
    let body = rest.get(..length)?;
    let mut crc = &rest[length..];
    let intact = take_u32(&mut crc)? == checksum::crc32c(&bytes[..HEAD_BYTES + length]);
    intact.then_some((format, Opened { owner: Owner { directory, node }, body }))
}

/// The first eight bytes, one value for each kind of file.
pub(super) type Magic = [u8; 8];

/// The format of everything in a data directory.
const FORMAT: u32 = 1;

const HEAD_BYTES: usize = 40;

/// Advice about damage that this node must not repair by itself (W5).
pub(super) const ADVICE: &str = "Nothing was changed. Put the intact file back, or give this node an \
                                 empty data directory and let the cluster take it in as a new member";

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner { directory: DirectoryId([7; 16]), node: NodeId(3) };

    #[test]
    fn any_damaged_byte_of_an_envelope_is_found() {
        let sealed = seal(*b"TENURE-?", &OWNER, b"body");
        assert_eq!(open(*b"TENURE-?", &sealed), Ok(Opened { owner: OWNER, body: b"body" }));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(open(*b"TENURE-?", &damaged), Err(Flaw::Damaged), "byte {at}");
            assert_eq!(open(*b"TENURE-?", &sealed[..at]), Err(Flaw::Damaged), "cut at {at}");
        }
    }

    #[test]
    fn another_format_is_told_from_damage() {
        let mut sealed = seal(*b"TENURE-?", &OWNER, b"of the future");
        sealed[8] = 2;
        let end = sealed.len() - 4;
        let crc = checksum::crc32c(&sealed[..end]);
        sealed[end..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(open(*b"TENURE-?", &sealed), Err(Flaw::Format(2)));
    }
}
