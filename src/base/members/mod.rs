//! The vocabulary of members: who they are, how that is changed, and why not; the types that frames have in common with consensus
//! (`raft`, which re-exports them).

mod membership;
mod refused;
mod snapshot_meta;

pub use membership::{Change, ChangeError, Member, Membership, Seat};
pub use refused::{MembershipError, TransferError};
pub use snapshot_meta::SnapshotMeta;
