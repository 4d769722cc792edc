//! Bytes that are shared: of an entry, or of a part of a snapshot.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The bytes of an entry; cheap to clone, since log, disk and each peer's queue share them.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from([]))
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
        Self(shared)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::from(bytes))
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &[u8] = serde_bytes::deserialize(deserializer)?;
        Ok(Self(Arc::from(bytes)))
    }
}
