//! A round-robin queue over connections: a connection with much work delays itself, and not others.

use crate::base::ConnectionId;
use std::collections::{BTreeMap, VecDeque};

/// Items, in order within a connection, and connections in turn.
#[derive(Clone, Debug)]
pub struct Turnwise<T> {
    /// Each connection that has items, once.
    order: VecDeque<ConnectionId>,
    waiting: BTreeMap<ConnectionId, VecDeque<T>>,
}

impl<T> Turnwise<T> {
    /// Appends an item to those of its connection.
    pub fn push(&mut self, connection: ConnectionId, one: T) {
        let waiting = self.waiting.entry(connection).or_insert_with(|| {
            self.order.push_back(connection);
            VecDeque::new()
        });
        waiting.push_back(one);
    }

    /// The next item of the connection whose turn it is.
    pub fn pop(&mut self) -> Option<(ConnectionId, T)> {
        let connection = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&connection).expect("it is in the order");
        let one = waiting.pop_front().expect("it has something");
        if waiting.is_empty() {
            self.waiting.remove(&connection);
        } else {
            self.order.push_back(connection);
        }
        Some((connection, one))
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Takes all.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.order.clear();
        std::mem::take(&mut self.waiting).into_values().flatten()
    }
}

impl<T> Default for Turnwise<T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), waiting: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_much_goes_in_turn_with_others_and_each_in_its_own_order() {
        let mut turnwise = Turnwise::default();
        let (much, little) = (ConnectionId(1), ConnectionId(2));
        (0..4).for_each(|one| turnwise.push(much, one));
        turnwise.push(little, 10);
        assert_eq!(turnwise.pop(), Some((much, 0)));
        turnwise.push(little, 11);
        let rest: Vec<_> = std::iter::from_fn(|| turnwise.pop()).collect();
        assert_eq!(rest, [(little, 10), (much, 1), (little, 11), (much, 2), (much, 3)]);
        assert!(turnwise.is_empty());
    }
}
