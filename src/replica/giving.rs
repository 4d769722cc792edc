//! Gives the newest snapshot to operators, without keys. The positions of keys are searched in
//! parts, so that no turn is as long as the state is large.

use super::Replica;
use super::operators::Ordered;
use crate::base::Index;
use crate::base::limits::SNAPSHOT_CHUNK_BYTES_MAX;
use crate::lock::{KeySearch, Keyless};
use crate::raft::{Payload, Snapshot};
use crate::wire::OrderAnswer;

/// The search for keys in the snapshot at an index.
#[derive(Clone, Debug)]
pub(super) struct Giving {
    of: Index,
    keys: Keys,
}

#[derive(Clone, Debug)]
enum Keys {
    Sought(KeySearch),
    Found(Keyless),
    /// The snapshot cannot be read: why.
    Unreadable(String),
}

impl Giving {
    /// Whether the search can go on.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.keys, Keys::Sought(_))
    }
}

impl Replica {
    pub(super) fn send_snapshot(&mut self, to: Ordered, at_least: Option<Index>, offset: u64) {
        let newest = self.raft.snapshot_index();
        let at_least = at_least.unwrap_or(self.applied);
        let answer = match self.raft.snapshot().is_some() && newest >= at_least {
            true => self.part_of_newest(newest, offset),
            false => {
                self.want_snapshot();
                OrderAnswer::Begun { at_least }
            }
        };
        self.answer_order(to, answer);
    }

    /// Continues the search for keys, if the newest snapshot was asked for.
    pub(super) fn advance_giving(&mut self) {
        let newest = self.raft.snapshot_index();
        let Some(Giving { keys, .. }) = self.giving.as_mut().filter(|it| it.of == newest) else {
            self.giving = None;
            return;
        };
        let (Keys::Sought(search), Some(snapshot)) = (&mut *keys, self.raft.snapshot()) else {
            return;
        };
        match search.go_on(&snapshot.data, self.work.part(WALKED_PER_TURN) as u64) {
            Ok(None) => {}
            Ok(Some(found)) => *keys = Keys::Found(found),
            Err(why) => *keys = Keys::Unreadable(why),
        }
    }

    fn part_of_newest(&mut self, newest: Index, offset: u64) -> OrderAnswer {
        if self.giving.as_ref().is_none_or(|giving| giving.of != newest) {
            self.giving = Some(Giving { of: newest, keys: Keys::Sought(KeySearch::default()) });
            // Most snapshots are short: those are given at once.
            self.advance_giving();
        }
        let keys = self.giving.as_ref().map(|giving| &giving.keys);
        let part = match (keys, self.raft.snapshot()) {
            (Some(Keys::Found(keyless)), Some(snapshot)) => part_of(snapshot, keyless, offset),
            (Some(Keys::Unreadable(why)), _) => Err(why.clone()),
            _ => return OrderAnswer::Begun { at_least: newest },
        };
        part.unwrap_or_else(|why| OrderAnswer::Refused {
            text: format!(
                "this node cannot read its snapshot of {newest}: {why}. Ask another node, and replace this disk"
            ),
        })
    }
}

/// The part from `offset` on, with keys blanked.
fn part_of(snapshot: &Snapshot, keyless: &Keyless, offset: u64) -> Result<OrderAnswer, String> {
    let Snapshot { meta, data } = snapshot;
    let offset = offset.min(data.len());
    let bytes = keyless.part(data, offset..offset + SNAPSHOT_CHUNK_BYTES_MAX as u64)?;
    Ok(OrderAnswer::Part {
        meta: meta.clone(),
        total: data.len(),
        crc: keyless.crc(),
        offset,
        bytes: Payload::from(bytes),
    })
}

/// Bytes searched in one turn: some hundred microseconds.
const WALKED_PER_TURN: usize = 256 << 10;
