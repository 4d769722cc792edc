//! All connections that ever were, by number: found at once, since each message looks for its own.

use crate::sim::network::LineId;

/// Something for each line that stands. Numbers begin at 1 and are never reused.
#[derive(Debug)]
pub struct Lines<L> {
    slots: Vec<Option<L>>,
}

impl<L> Lines<L> {
    /// No lines yet.
    #[must_use]
    pub fn new() -> Self {
        Self { slots: vec![None] }
    }

    /// A new one.
    pub fn open(&mut self, line: L) -> LineId {
        self.slots.push(Some(line));
        LineId(self.slots.len() as u64 - 1)
    }

    /// The one of that number, while it stands.
    #[must_use]
    pub fn find(&self, id: LineId) -> Option<&L> {
        self.slots[position(id)].as_ref()
    }

    /// See [`Lines::find`].
    pub fn find_mut(&mut self, id: LineId) -> Option<&mut L> {
        self.slots[position(id)].as_mut()
    }

    /// Forgets the line.
    pub fn remove(&mut self, id: LineId) {
        self.slots[position(id)] = None;
    }

    /// Lines that are open, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (LineId, &L)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(id, line)| Some((LineId(id as u64), line.as_ref()?)))
    }
}

fn position(id: LineId) -> usize {
    usize::try_from(id.0).expect("lines fit into memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_number_and_is_gone_once_removed() {
        let mut lines = Lines::new();
        let (a, b) = (lines.open('a'), lines.open('b'));
        lines.remove(a);
        let c = lines.open('c');
        assert_eq!((lines.find(a), lines.find(b)), (None, Some(&'b')));
        assert!(lines.iter().eq([(b, &'b'), (c, &'c')]));
    }
}
