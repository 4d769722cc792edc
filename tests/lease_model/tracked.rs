//! A process that is shared between worlds until one of them changes it, with its fingerprint.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// A step changes one process of five, so copying a world and telling it from others costs a fifth.
#[derive(Clone, Debug)]
pub struct Tracked<T> {
    value: Rc<T>,
    fingerprint: Cell<Option<u64>>,
}

impl<T> Tracked<T> {
    pub fn new(value: T) -> Self {
        Self { value: Rc::new(value), fingerprint: Cell::new(None) }
    }

    /// The fingerprint, made by `make` if the value changed since.
    pub fn fingerprint(&self, make: impl FnOnce(&T) -> u64) -> u64 {
        let known = self.fingerprint.get().unwrap_or_else(|| make(&self.value));
        self.fingerprint.set(Some(known));
        known
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Clone> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.fingerprint.set(None);
        Rc::make_mut(&mut self.value)
    }
}
