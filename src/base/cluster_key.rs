//! The key of a cluster: a secret of its members, and the proof of knowing it.

use crate::base::{ClusterId, DirectoryId, NodeId};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::fmt;

/// 32 random bytes in the replicated state. A reader of the log or of a snapshot in a data directory knows them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterKey(pub [u8; KEY_BYTES]);

/// How long a key is, a nonce, and a proof.
pub const KEY_BYTES: usize = 32;

/// Content of a proof: who speaks, to whom, on which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The cluster of both.
    pub cluster: ClusterId,
    /// The node that proves itself.
    pub from: NodeId,
    /// Its data directory.
    pub directory: DirectoryId,
    /// Drawn at the start of its process.
    pub from_boot: u64,
    /// The node to which it does.
    pub to: NodeId,
    /// Drawn at the start of that process.
    pub to_boot: u64,
    /// Drawn for this connection by whom it is proved to.
    pub nonce: [u8; KEY_BYTES],
}

impl ClusterKey {
    /// The proof of `statement`: HMAC-SHA256 over it.
    #[must_use]
    pub fn prove(&self, statement: &Statement) -> [u8; KEY_BYTES] {
        let tag = hmac::sign(&self.hmac(), &statement.bytes());
        tag.as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// Whether `proof` was made of `statement` under this key. Takes as long whatever is wrong with it.
    #[must_use]
    pub fn verifies(&self, statement: &Statement, proof: &[u8]) -> bool {
        hmac::verify(&self.hmac(), &statement.bytes(), proof).is_ok()
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl Statement {
    /// Each field in its width, so that no two statements give the same bytes.
    fn bytes(&self) -> Vec<u8> {
        let Self { cluster, from, directory, from_boot, to, to_boot, nonce } = self;
        let mut bytes = LABEL.to_vec();
        bytes.extend_from_slice(&cluster.0);
        bytes.extend_from_slice(&from.0.to_le_bytes());
        bytes.extend_from_slice(&directory.0);
        bytes.extend_from_slice(&from_boot.to_le_bytes());
        bytes.extend_from_slice(&to.0.to_le_bytes());
        bytes.extend_from_slice(&to_boot.to_le_bytes());
        bytes.extend_from_slice(nonce);
        bytes
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A credential: never printed.
        f.write_str("ClusterKey(…)")
    }
}

/// Keeps these proofs apart from whatever else the key may be used for one day.
const LABEL: &[u8] = b"tenure: a peer is a member\0";

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            cluster: ClusterId([1; 16]),
            from: NodeId(2),
            directory: DirectoryId([3; 16]),
            from_boot: 4,
            to: NodeId(5),
            to_boot: 6,
            nonce: [7; KEY_BYTES],
        }
    }

    #[test]
    fn a_proof_is_of_one_statement_under_one_key() {
        let key = ClusterKey([9; KEY_BYTES]);
        let proof = key.prove(&statement());
        assert!(key.verifies(&statement(), &proof));
        assert!(!ClusterKey([8; KEY_BYTES]).verifies(&statement(), &proof));
        let others = [
            Statement { cluster: ClusterId([0; 16]), ..statement() },
            Statement { from: NodeId(5), to: NodeId(2), ..statement() },
            Statement { directory: DirectoryId([0; 16]), ..statement() },
            Statement { from_boot: 6, to_boot: 4, ..statement() },
            Statement { to: NodeId(0), ..statement() },
            Statement { nonce: [0; KEY_BYTES], ..statement() },
        ];
        for other in others {
            assert!(!key.verifies(&other, &proof), "{other:?}");
        }
        for cut in [&proof[..0], &proof[..31]] {
            assert!(!key.verifies(&statement(), cut));
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = ClusterKey([0xab; KEY_BYTES]);
        assert_eq!(format!("{key:?}"), "ClusterKey(…)");
    }
}
