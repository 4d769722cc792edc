//! The observers of locks at this leader.
//!
//! An observer is named by its connection and the client's own number. It has a place from its
//! request on, so that bounds count it, and so that it can be withdrawn or replaced before a round
//! has confirmed it; it is told of changes once confirmed.

use crate::base::limits::{OBSERVERS_MAX, OBSERVERS_PER_CONNECTION_MAX};
use crate::base::{ConnectionId, Index};
use crate::lock::Name;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

/// All observers of one leader.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    of_connections: BTreeMap<ConnectionId, BTreeMap<u64, Observer>>,
    /// Confirmed observers, as (connection, read), by name, each with the index after which it is
    /// told of changes.
    told: BTreeMap<Name, BTreeMap<(ConnectionId, u64), Index>>,
    /// Observers of closed connections.
    gone: VecDeque<(ConnectionId, BTreeMap<u64, Observer>)>,
    count: usize,
    newest: u64,
}

#[derive(Clone, Debug)]
struct Observer {
    name: Name,
    asking: Asking,
}

/// The number of one request to observe: a client may reuse its own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking(u64);

impl Observers {
    /// Reserves a place, replacing an earlier observer of these numbers. `None`: there is no room.
    #[must_use]
    pub fn insert(&mut self, connection: ConnectionId, read: u64, name: Name) -> Option<Asking> {
        self.remove(connection, read);
        let present = self.of_connections.get(&connection).map_or(0, BTreeMap::len);
        if present >= OBSERVERS_PER_CONNECTION_MAX || self.count >= OBSERVERS_MAX {
            return None;
        }
        self.newest += 1;
        let asking = Asking(self.newest);
        let of_connection = self.of_connections.entry(connection).or_default();
        of_connection.insert(read, Observer { name, asking });
        self.count += 1;
        Some(asking)
    }

    /// Begins a confirmed observer, which is told of each change after `index`. `None`: it was
    /// withdrawn or replaced meanwhile.
    #[must_use]
    pub fn begin(
        &mut self,
        connection: ConnectionId,
        read: u64,
        asking: Asking,
        index: Index,
    ) -> Option<Name> {
        let observer = self.of_connections.get(&connection)?.get(&read)?;
        if observer.asking != asking {
            return None;
        }
        let name = observer.name.clone();
        self.told.entry(name.clone()).or_default().insert((connection, read), index);
        Some(name)
    }

    /// Drops an observer that could not be confirmed.
    pub fn give_up(&mut self, connection: ConnectionId, read: u64, asking: Asking) {
        let of_connection = self.of_connections.get(&connection);
        let observer = of_connection.and_then(|of_connection| of_connection.get(&read));
        if observer.is_some_and(|observer| observer.asking == asking) {
            self.remove(connection, read);
        }
    }

    /// Removes an observer, if there is one.
    pub fn remove(&mut self, connection: ConnectionId, read: u64) {
        let Some(of_connection) = self.of_connections.get_mut(&connection) else { return };
        let Some(Observer { name, .. }) = of_connection.remove(&read) else { return };
        if of_connection.is_empty() {
            self.of_connections.remove(&connection);
        }
        self.count -= 1;
        self.tell_no_more(&name, connection, read);
    }

    /// Removes a closed connection's observers, which [`Observers::forget`] frees.
    pub fn remove_connection(&mut self, connection: ConnectionId) {
        let of_connection = self.of_connections.remove(&connection);
        self.gone.extend(of_connection.map(|of_connection| (connection, of_connection)));
    }

    /// The next observer after a bound, confirmed or not, and its name.
    pub fn next(&self, behind: Bound<(ConnectionId, u64)>) -> Option<((ConnectionId, u64), Name)> {
        let (Bound::Included((first, read)) | Bound::Excluded((first, read))) = behind else {
            return self.first_of(Bound::Unbounded);
        };
        let of_connection = self.of_connections.get(&first);
        let rest =
            of_connection.and_then(|it| it.range((Bound::Excluded(read), Bound::Unbounded)).next());
        match rest {
            Some((read, observer)) => Some(((first, *read), observer.name.clone())),
            None => self.first_of(Bound::Excluded(first)),
        }
    }

    /// Whether an observer of `name` is confirmed.
    pub fn is_told(&self, name: &Name, observer: (ConnectionId, u64)) -> bool {
        self.told.get(name).is_some_and(|told| told.contains_key(&observer))
    }

    fn first_of(&self, behind: Bound<ConnectionId>) -> Option<((ConnectionId, u64), Name)> {
        let (connection, of_connection) =
            self.of_connections.range((behind, Bound::Unbounded)).next()?;
        let (read, observer) = of_connection.first_key_value()?;
        Some(((*connection, *read), observer.name.clone()))
    }

    /// The number of observers.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Frees at most `count` observers of closed connections; until then they count.
    pub fn forget(&mut self, count: usize) {
        for _ in 0..count {
            let Some((connection, mut of_connection)) = self.gone.pop_front() else { return };
            if let Some((read, Observer { name, .. })) = of_connection.pop_first() {
                self.count -= 1;
                self.tell_no_more(&name, connection, read);
                self.gone.push_front((connection, of_connection));
            }
        }
    }

    /// Whether some are left to be freed.
    #[must_use]
    pub fn has_forgotten(&self) -> bool {
        !self.gone.is_empty()
    }

    /// The observers of `name` after a bound, in order, each with the index after which it is told
    /// of changes.
    pub fn of(
        &self,
        name: &Name,
        behind: Bound<(ConnectionId, u64)>,
    ) -> impl Iterator<Item = ((ConnectionId, u64), Index)> + '_ {
        let told = self.told.get(name).into_iter();
        let behind = told.flat_map(move |told| told.range((behind, Bound::Unbounded)));
        behind.map(|(observer, index)| (*observer, *index))
    }

    /// Whether `name` has observers that are told.
    pub fn any_of(&self, name: &Name) -> bool {
        !self.told.is_empty() && self.told.contains_key(name)
    }

    fn tell_no_more(&mut self, name: &Name, connection: ConnectionId, read: u64) {
        let Some(told) = self.told.get_mut(name) else { return };
        told.remove(&(connection, read));
        if told.is_empty() {
            self.told.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnectionId = ConnectionId(1);
    const B: ConnectionId = ConnectionId(2);

    fn name(text: &str) -> Name {
        Name::try_from(text).unwrap()
    }

    fn told(observers: &Observers, text: &str) -> Vec<(ConnectionId, u64)> {
        observers.of(&name(text), Bound::Unbounded).map(|(observer, _)| observer).collect()
    }

    fn observe(observers: &mut Observers, connection: ConnectionId, read: u64, text: &str) {
        let asking = observers.insert(connection, read, name(text)).expect("there is room");
        assert_eq!(observers.begin(connection, read, asking, Index(0)), Some(name(text)));
    }

    fn assert_empty(observers: &Observers) {
        let maps = (observers.of_connections.len(), observers.told.len());
        assert_eq!((maps, observers.count), ((0, 0), 0));
    }

    #[test]
    fn an_observer_is_told_once_it_is_confirmed_and_until_it_is_taken_back() {
        let mut observers = Observers::default();
        let asking = observers.insert(A, 1, name("a")).unwrap();
        assert_eq!(told(&observers, "a"), []);
        assert_eq!(observers.begin(A, 1, asking, Index(0)), Some(name("a")));
        assert_eq!(told(&observers, "a"), [(A, 1)]);
        observers.remove(A, 1);
        assert_eq!(told(&observers, "a"), []);
        assert_empty(&observers);
    }

    #[test]
    fn one_that_was_taken_back_before_it_is_confirmed_never_begins() {
        let mut observers = Observers::default();
        let asking = observers.insert(A, 1, name("a")).unwrap();
        observers.remove(A, 1);
        assert_eq!(observers.begin(A, 1, asking, Index(0)), None);
        assert_empty(&observers);
    }

    #[test]
    fn the_confirmation_of_a_replaced_one_says_nothing_of_its_successor() {
        let mut observers = Observers::default();
        let first = observers.insert(A, 1, name("a")).unwrap();
        let second = observers.insert(A, 1, name("b")).unwrap();
        assert_eq!(observers.begin(A, 1, first, Index(0)), None);
        observers.give_up(A, 1, first);
        assert_eq!(observers.begin(A, 1, second, Index(0)), Some(name("b")));
        assert_eq!((told(&observers, "a"), told(&observers, "b")), (vec![], vec![(A, 1)]));
    }

    #[test]
    fn a_standing_one_is_replaced_by_the_next_of_its_numbers() {
        let mut observers = Observers::default();
        observe(&mut observers, A, 1, "a");
        observe(&mut observers, A, 1, "b");
        assert_eq!((told(&observers, "a"), told(&observers, "b")), (vec![], vec![(A, 1)]));
        assert_eq!(observers.count, 1);
    }

    #[test]
    fn a_connection_takes_all_its_observers_along_and_no_others() {
        let mut observers = Observers::default();
        observe(&mut observers, A, 1, "a");
        observe(&mut observers, A, 2, "a");
        observe(&mut observers, B, 1, "a");
        observers.remove_connection(A);
        observers.forget(1);
        assert_eq!(told(&observers, "a"), [(A, 2), (B, 1)], "so many at once");
        observers.forget(9);
        assert_eq!(told(&observers, "a"), [(B, 1)]);
        observers.remove_connection(B);
        observers.forget(9);
        assert!(!observers.has_forgotten());
        assert_empty(&observers);
    }

    #[test]
    fn observers_are_bounded_per_connection_and_in_all() {
        let mut observers = Observers::default();
        let full = OBSERVERS_PER_CONNECTION_MAX as u64;
        (0..full).for_each(|read| observe(&mut observers, A, read, "a"));
        assert_eq!(observers.insert(A, full, name("a")), None);
        assert!(observers.insert(A, 0, name("b")).is_some(), "a replacement takes no room");
        assert!(observers.insert(B, 0, name("a")).is_some(), "others have their own");
        observers.remove(A, 0);
        assert!(observers.insert(A, full, name("a")).is_some());
        observers.count = OBSERVERS_MAX;
        assert_eq!(observers.insert(B, 1, name("a")), None);
    }
}
