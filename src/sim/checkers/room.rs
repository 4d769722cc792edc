//! O19: a leader whose log cannot go on hands over only to one that has said that it has room, as this process has read
//! it, and not again to the same one until something changed (W2, C3).

use super::Violation;
use crate::base::NodeId;
use crate::wire::Values;
use std::collections::{BTreeMap, BTreeSet};

/// Words of others about their disks that one process has heard, and its handovers for lack of room.
#[derive(Debug, Default)]
pub struct Rooms {
    /// The last word of each peer on its present connection.
    said: BTreeMap<NodeId, bool>,
    /// To whom leadership was handed since its own disk lacks something.
    asked: BTreeSet<NodeId>,
    /// Handovers that were looked at.
    seen: u64,
    /// Inputs for the next step, in order: connections, and words about room.
    news: Vec<(NodeId, Option<bool>)>,
}

impl Rooms {
    /// A connection to this peer stands.
    pub fn note_connected(&mut self, peer: NodeId) {
        self.news.push((peer, None));
    }

    /// A peer says how it is.
    pub fn note_status(&mut self, peer: NodeId, values: &Values) {
        self.news.extend(values.flag("room").map(|room| (peer, Some(room))));
    }

    /// After a step of `node`, at whose beginning its own log lacked nothing or did: a handover is decided before what came in for that step is looked at.
    ///
    /// # Errors
    /// Leadership was handed to one that has not said that it has room; or once more to the same one.
    pub fn check(
        &mut self,
        node: NodeId,
        is_open: bool,
        handed_over: Option<(u64, NodeId)>,
    ) -> Result<bool, Violation> {
        if is_open {
            self.asked.clear();
        }
        let new = handed_over.filter(|(count, _)| *count > self.seen);
        if let Some((count, to)) = new {
            self.seen = count;
            if self.said.get(&to) != Some(&true) {
                let what = format!(
                    "node {node} lacks room and hands over to node {to}, which has not said that it has any"
                );
                return Err(Violation::new("O19", what));
            }
            if !self.asked.insert(to) {
                let what = format!(
                    "node {node} lacks room and hands over to node {to} once more, and nothing has changed"
                );
                return Err(Violation::new("O19", what));
            }
        }
        for (peer, said) in std::mem::take(&mut self.news) {
            match said {
                None => {
                    self.said.remove(&peer);
                    self.asked.remove(&peer);
                }
                Some(room) => {
                    if self.said.insert(peer, room) == Some(false) && room {
                        self.asked.remove(&peer);
                    }
                }
            }
        }
        Ok(new.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);
    const PEER: NodeId = NodeId(2);

    fn said(room: bool) -> Values {
        Values::new().with("room", Some(room))
    }

    #[test]
    fn o19_a_handover_to_one_that_has_not_said_that_it_has_room_is_found() {
        for words in [None, Some(false)] {
            let mut rooms = Rooms::default();
            rooms.note_connected(PEER);
            words.into_iter().for_each(|room| rooms.note_status(PEER, &said(room)));
            assert_eq!(rooms.check(NODE, true, None), Ok(false));
            // Inputs of the step itself were not known yet.
            rooms.note_status(PEER, &said(true));
            assert!(rooms.check(NODE, false, Some((1, PEER))).is_err());
        }
    }

    #[test]
    fn o19_a_second_handover_to_the_same_one_needs_news() {
        let mut rooms = Rooms::default();
        rooms.note_status(PEER, &said(true));
        assert_eq!(rooms.check(NODE, true, None), Ok(false));
        assert_eq!(rooms.check(NODE, false, Some((1, PEER))), Ok(true));
        assert_eq!(rooms.check(NODE, false, Some((1, PEER))), Ok(false));
        [false, true].iter().for_each(|room| rooms.note_status(PEER, &said(*room)));
        assert_eq!(rooms.check(NODE, false, Some((1, PEER))), Ok(false));
        assert_eq!(rooms.check(NODE, false, Some((2, PEER))), Ok(true));
        assert!(rooms.check(NODE, false, Some((3, PEER))).is_err());
    }
}
