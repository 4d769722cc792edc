//! The newest snapshot on its way to operators: without keys, where these stand being found in parts, so that no turn is as long as a state is large.

use super::Replica;
use super::operators::Ordered;
use crate::base::Index;
use crate::base::limits::SNAPSHOT_CHUNK_BYTES_MAX;
use crate::lock::{KeySearch, Keyless};
use crate::raft::{Payload, Snapshot};
use crate::wire::OrderAnswer;

/// What is known of the keys in the snapshot at an index.
#[derive(Clone, Debug)]
pub(super) struct Giving {
    of: Index,
    keys: Keys,
}

#[derive(Clone, Debug)]
enum Keys {
    Sought(KeySearch),
    Found(Keyless),
    /// Says why.
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

    /// Goes on with the search for keys, if somebody has asked for the newest snapshot.
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
            // Most are short: those are given at once.
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

/// What stands from `offset` on, as it is given to nobody that is known.
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

/// Bytes that are walked over in one turn: some hundred microseconds.
const WALKED_PER_TURN: usize = 256 << 10;
