//! A round-robin queue of connections by source: those of one source in order, the sources in turn.
//! A source with many connections delays its own, and others not for long.

use crate::base::ClientSource;
use crate::net::Key;
use std::collections::{BTreeMap, VecDeque};

/// The queue.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    /// The connections of each source; none is empty.
    sources: BTreeMap<ClientSource, VecDeque<Key>>,
    /// The order of sources; each once.
    order: VecDeque<ClientSource>,
    len: usize,
}

impl FairQueue {
    pub(super) fn push(&mut self, key: Key, source: ClientSource) {
        let keys = self.sources.entry(source).or_default();
        if keys.is_empty() {
            self.order.push_back(source);
        }
        keys.push_back(key);
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Key> {
        let source = self.order.pop_front()?;
        let keys = self.sources.get_mut(&source)?;
        let key = keys.pop_front()?;
        if keys.is_empty() {
            self.sources.remove(&source);
        } else {
            self.order.push_back(source);
        }
        self.len -= 1;
        Some(key)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_take_turns_whatever_each_of_them_brings() {
        let mut queue = FairQueue::default();
        let source = ClientSource::v4;
        for (key, from) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (6, 2)] {
            queue.push(Key(key), source(from));
        }
        let popped = |queue: &mut FairQueue| queue.pop().map(|key| key.0);
        assert_eq!([(); 4].map(|()| popped(&mut queue)), [Some(1), Some(4), Some(5), Some(2)]);
        queue.push(Key(7), source(3));
        assert_eq!((queue.len(), queue.order.len()), (3, 3));
        assert_eq!([(); 4].map(|()| popped(&mut queue)), [Some(6), Some(3), Some(7), None]);
        assert_eq!((queue.len(), queue.sources.len()), (0, 0));
    }
}
