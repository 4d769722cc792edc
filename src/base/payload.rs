//! Bytes that are shared: of an entry, or of a part of a snapshot.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The bytes of an entry; cheap to clone, since log, disk and each peer's queue share them.
///
/// The entries of one append share one buffer, which stays until the last of them is forgotten: they stand side by side in
/// the log, so no more than one append is kept for a part of it.
#[derive(Clone)]
pub struct Payload {
    shared: Arc<[u8]>,
    start: u32,
    len: u32,
}

impl Payload {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::whole(Arc::from([]))
    }

    /// `bytes` with another beginning.
    ///
    /// # Panics
    /// If they are fewer than that.
    #[must_use]
    pub fn with_start<const N: usize>(start: [u8; N], bytes: &[u8]) -> Self {
        let mut shared: Arc<[u8]> = Arc::from(bytes);
        let own = Arc::get_mut(&mut shared).expect("nobody else has them yet");
        own[..N].copy_from_slice(&start);
        Self::whole(shared)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.shared[self.start as usize..][..self.len as usize]
    }

    /// Each of `pieces`, in one buffer.
    pub fn together<'a, I>(pieces: I) -> impl Iterator<Item = Self>
    where
        I: Iterator<Item = &'a [u8]> + Clone,
    {
        let mut bytes = Vec::with_capacity(pieces.clone().map(<[u8]>::len).sum());
        pieces.clone().for_each(|piece| bytes.extend_from_slice(piece));
        let (shared, mut end) = (Self::from(bytes).shared, 0);
        pieces.map(move |piece| {
            let start = end;
            // All of them together are no longer than the buffer.
            end += piece.len() as u32;
            Self { shared: Arc::clone(&shared), start, len: end - start }
        })
    }

    fn whole(shared: Arc<[u8]>) -> Self {
        let len = u32::try_from(shared.len()).expect("a frame or a record holds it");
        Self { shared, start: 0, len }
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self::whole(Arc::from(bytes))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::whole(Arc::from(bytes))
    }
}

/// Equality of the bytes.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Payload {}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &[u8] = serde_bytes::deserialize(deserializer)?;
        Ok(Self::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_one_buffer_are_those_in_buffers_of_their_own() {
        let pieces: [&[u8]; 5] = [b"", b"abc", b"", &[7; 1000], b"z"];
        let together: Vec<Payload> = Payload::together(pieces.iter().copied()).collect();
        assert_eq!(together, pieces.map(Payload::from));
        assert!(together.iter().all(|piece| Arc::ptr_eq(&piece.shared, &together[0].shared)));
        assert_eq!(Payload::together(std::iter::empty()).count(), 0);
        assert_ne!(together[1], together[4]);
    }

    #[test]
    fn another_beginning_leaves_the_rest() {
        let bytes = Payload::from(&b"abcdef"[..]);
        assert_eq!(Payload::with_start(*b"xy", bytes.bytes()).bytes(), b"xycdef");
        assert_eq!(bytes.bytes(), b"abcdef");
    }
}
