//! A snapshot from a node, part by part.

use super::order::unexpected;
use crate::base::members::SnapshotMeta;
use crate::base::{Blob, Index, checksum};
use crate::client::Operator;
use crate::raft::Snapshot;
use crate::wire::{Order, OrderAnswer};
use crate::{Error, Status};
use std::time::{Duration, Instant};

impl Operator {
    /// Has the node make a snapshot of all that it has applied, within `timeout`, and fetches it.
    ///
    /// # Errors
    /// UNAVAILABLE: the node makes none, or sends damaged bytes.
    pub fn snapshot(&mut self, timeout: Duration) -> Result<Snapshot, Error> {
        let mut gathered = Gathered::default();
        let mut at_least = None;
        let until = Instant::now() + timeout;
        loop {
            let order = Order::Snapshot { at_least, offset: gathered.bytes.len() as u64 };
            match self.order(&order)? {
                OrderAnswer::Begun { at_least: begun } => {
                    at_least = Some(begun);
                    if Instant::now() >= until {
                        return Err(self.late(begun));
                    }
                    std::thread::sleep(PAUSE);
                }
                OrderAnswer::Part { meta, total, crc, offset, bytes } => {
                    let part = Part { meta, total, crc, offset, bytes: bytes.bytes() };
                    let taken = gathered.take(part);
                    let taken = taken.map_err(|why| Error::new(Status::Unavailable, why))?;
                    if let Some(snapshot) = taken {
                        return Ok(snapshot);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    fn late(&self, at_least: Index) -> Error {
        let node = self.node();
        let text = format!(
            "node {node} has not made a snapshot of entry {at_least} yet: allow a longer timeout; if that does not help, \
             its log says why"
        );
        Error::new(Status::Unavailable, text)
    }
}

/// The received parts of one snapshot.
#[derive(Debug, Default)]
struct Gathered {
    meta: Option<SnapshotMeta>,
    bytes: Vec<u8>,
    restarts: u32,
}

struct Part<'a> {
    meta: SnapshotMeta,
    total: u64,
    crc: u32,
    offset: u64,
    bytes: &'a [u8],
}

impl Gathered {
    /// Takes a part; gives the snapshot once it is whole. If the node's newest snapshot is another
    /// one by now, the earlier parts are dropped.
    fn take(&mut self, part: Part<'_>) -> Result<Option<Snapshot>, String> {
        if self.meta.as_ref() != Some(&part.meta) {
            self.begin(&part.meta)?;
        }
        if part.offset != self.bytes.len() as u64 {
            return Ok(None);
        }
        self.bytes.extend_from_slice(part.bytes);
        if (self.bytes.len() as u64) < part.total {
            let stuck = part.bytes.is_empty();
            return if stuck { Err("an empty part came".to_owned()) } else { Ok(None) };
        }
        if checksum::crc32c(&self.bytes) != part.crc {
            return Err("the snapshot came damaged: its checksum is another; try again".to_owned());
        }
        let data = Blob::with_crc(std::mem::take(&mut self.bytes), part.crc);
        Ok(Some(Snapshot { meta: part.meta, data }))
    }

    fn begin(&mut self, meta: &SnapshotMeta) -> Result<(), String> {
        if self.meta.replace(meta.clone()).is_some() {
            self.restarts += 1;
        }
        self.bytes.clear();
        if self.restarts > RESTARTS_MAX {
            return Err(
                "the leader makes snapshots faster than they come here: have the nodes make fewer (snapshot-every)"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// How soon to ask again for a snapshot that is being made.
const PAUSE: Duration = Duration::from_millis(10);
const RESTARTS_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Term;
    use crate::base::members::Membership;

    const WHOLE: &[u8] = b"the whole state";

    fn part(index: u64, offset: usize, length: usize) -> Part<'static> {
        let meta = SnapshotMeta {
            index: Index(index),
            term: Term(1),
            membership: Membership::default(),
            membership_index: Index(0),
        };
        let bytes = &WHOLE[offset..offset + length];
        let (total, crc) = (WHOLE.len() as u64, checksum::crc32c(WHOLE));
        Part { meta, total, crc, offset: offset as u64, bytes }
    }

    #[test]
    fn parts_make_the_whole_in_their_order() {
        let mut gathered = Gathered::default();
        assert_eq!(gathered.take(part(9, 0, 5)), Ok(None));
        let snapshot = gathered.take(part(9, 5, 10)).unwrap().expect("it is whole");
        assert_eq!((snapshot.meta.index, snapshot.data.to_vec()), (Index(9), Ok(WHOLE.to_vec())));
    }

    #[test]
    fn a_newer_snapshot_is_gathered_from_its_beginning() {
        let mut gathered = Gathered::default();
        assert_eq!(gathered.take(part(9, 0, 5)), Ok(None));
        // Asked for at 5, but of another snapshot: nothing of it is kept.
        assert_eq!(gathered.take(part(12, 5, 10)), Ok(None));
        assert_eq!(gathered.bytes.len(), 0);
        let snapshot = gathered.take(part(12, 0, 15)).unwrap().expect("it is whole");
        assert_eq!(snapshot.meta.index, Index(12));
    }

    #[test]
    fn damaged_bytes_and_empty_parts_are_refused() {
        let mut gathered = Gathered::default();
        let damaged = Part { crc: 1, ..part(9, 0, 15) };
        assert!(gathered.take(damaged).unwrap_err().contains("checksum"));
        assert!(Gathered::default().take(part(9, 0, 0)).is_err());
    }

    #[test]
    fn snapshots_that_follow_each_other_for_ever_are_given_up() {
        let mut gathered = Gathered::default();
        let given_up = (1..1000).find(|index| gathered.take(part(*index, 0, 5)).is_err());
        assert_eq!(given_up, Some(2 + u64::from(RESTARTS_MAX)));
    }
}
