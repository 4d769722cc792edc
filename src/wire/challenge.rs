//! What a peer is asked that is not known where it dialed, and what it answers: that it knows the key of the cluster.

use crate::base::cluster_key::KEY_BYTES;
use crate::wire::{Ability, FrameError, Values};

/// What the dialed node asks in place of a welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Drawn at each start of the process that asks.
    pub boot: u64,
    /// Drawn for this connection.
    pub nonce: [u8; KEY_BYTES],
}

/// What answers a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// HMAC-SHA256 under the key of the cluster ([`Statement`](crate::base::cluster_key::Statement)).
    pub mac: [u8; KEY_BYTES],
}

impl Challenge {
    /// What a peer must understand to be sent one.
    pub const NEEDS: Option<Ability> = Some(Ability::Challenges);

    /// As it is sent.
    #[must_use]
    pub fn to_values(&self) -> Values {
        Values::new().with("boot", Some(self.boot)).with("nonce", Some(self.nonce))
    }

    /// As it came.
    ///
    /// # Errors
    /// A value is missing without which there is no challenge.
    pub fn from_values(values: &Values) -> Result<Self, FrameError> {
        Ok(Self {
            boot: values.number("boot").ok_or_else(|| missing("boot"))?,
            nonce: values.bytes32("nonce").ok_or_else(|| missing("nonce"))?,
        })
    }
}

impl Proof {
    /// As it is sent.
    #[must_use]
    pub fn to_values(&self) -> Values {
        Values::new().with("mac", Some(self.mac))
    }

    /// As it came.
    ///
    /// # Errors
    /// There is no proof in it.
    pub fn from_values(values: &Values) -> Result<Self, FrameError> {
        Ok(Self { mac: values.bytes32("mac").ok_or_else(|| missing("mac"))? })
    }
}

fn missing(name: &str) -> FrameError {
    FrameError::Body(format!("its {name:?} is missing, or no value of its kind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_and_proofs_come_back_and_are_whole() {
        let challenge = Challenge { boot: 2, nonce: [3; KEY_BYTES] };
        assert_eq!(Challenge::from_values(&challenge.to_values()), Ok(challenge));
        let proof = Proof { mac: [4; KEY_BYTES] };
        assert_eq!(Proof::from_values(&proof.to_values()), Ok(proof));
        for short in [&[][..], &[4; KEY_BYTES - 1]] {
            let mut values = Values::new();
            values.add("mac", crate::wire::Value::Bytes(short.to_vec()));
            assert!(Proof::from_values(&values).is_err());
        }
        assert!(Challenge::from_values(&Values::new()).is_err());
    }
}
