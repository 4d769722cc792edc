//! What may be asked for by one acquire: looked at by a client before it asks, by a leader before it logs, and by the apply.

use super::{Acquire, Mode, Name};
use crate::base::limits::{LOCK_DELAY_MS_MAX, NAMES_PER_ACQUIRE_MAX, VALUE_BYTES_MAX};
use std::ops::Deref;

/// An acquire without its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long its value is.
    pub value_bytes: usize,
    /// See [`Acquire::mode`].
    pub mode: Mode,
    /// See [`Acquire::limit`].
    pub limit: u32,
    /// See [`Acquire::permits`].
    pub permits: u32,
    /// See [`Acquire::delay_ms`].
    pub delay_ms: u32,
}

/// Why no server takes an acquire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The value is too long.
    #[error("a value has at most {VALUE_BYTES_MAX} bytes, not {0}")]
    Value(usize),
    /// Several permits of what has one.
    #[error("a lock has one permit, not {0}; a semaphore has a limit")]
    Lock(u32),
    /// None, or more than there are.
    #[error("of a semaphore of {limit}, from 1 to {limit} permits, not {permits}")]
    Permits { limit: u32, permits: u32 },
    /// A semaphore is exclusive in its permits.
    #[error("a semaphore is not shared: it has permits")]
    Shared,
    /// Too long.
    #[error("a lock delay is at most {LOCK_DELAY_MS_MAX} ms, not {0}")]
    Delay(u32),
    /// Too many.
    #[error("at most {NAMES_PER_ACQUIRE_MAX} names in one acquire, not {0}")]
    Names(usize),
    /// A lock cannot be asked for twice.
    #[error("{0:?} is named twice in one acquire")]
    Twice(Name),
}

impl From<&Acquire> for Terms {
    fn from(acquire: &Acquire) -> Self {
        let Acquire { mode, limit, permits, delay_ms, .. } = *acquire;
        Self { value_bytes: acquire.value.len(), mode, limit, permits, delay_ms }
    }
}

impl Terms {
    /// How much it is: what a leader looks at before it logs it.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn check_sizes(&self, names: usize) -> Result<(), TermsError> {
        if self.value_bytes > VALUE_BYTES_MAX {
            return Err(TermsError::Value(self.value_bytes));
        }
        if self.delay_ms > LOCK_DELAY_MS_MAX {
            return Err(TermsError::Delay(self.delay_ms));
        }
        if names > NAMES_PER_ACQUIRE_MAX {
            return Err(TermsError::Names(names));
        }
        Ok(())
    }

    /// All of it. Gives the names in byte order.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn check<'a>(&self, first: &'a Name, also: &'a [Name]) -> Result<InOrder<'a>, TermsError> {
        let Self { mode, limit, permits, .. } = *self;
        match limit {
            0 if permits != 1 => return Err(TermsError::Lock(permits)),
            0 => {}
            _ if !(1..=limit).contains(&permits) => {
                return Err(TermsError::Permits { limit, permits });
            }
            _ if mode == Mode::Shared => return Err(TermsError::Shared),
            _ => {}
        }
        self.check_sizes(1 + also.len())?;
        if also.is_empty() {
            return Ok(InOrder::One([first]));
        }
        distinct(std::iter::once(first).chain(also)).map(InOrder::Several)
    }
}

/// The names of an acquire in byte order. Nearly all acquires are of one name, which allocates nothing.
#[derive(Clone, Debug)]
pub enum InOrder<'a> {
    /// The only name.
    One([&'a Name; 1]),
    /// All names.
    Several(Vec<&'a Name>),
}

impl<'a> Deref for InOrder<'a> {
    type Target = [&'a Name];

    fn deref(&self) -> &[&'a Name] {
        match self {
            Self::One(one) => one,
            Self::Several(all) => all,
        }
    }
}

/// The names in byte order, as many as one acquire may have, and none twice.
///
/// # Errors
/// [`TermsError::Names`], [`TermsError::Twice`].
pub fn distinct<'a>(names: impl Iterator<Item = &'a Name>) -> Result<Vec<&'a Name>, TermsError> {
    let mut names: Vec<&Name> = names.collect();
    if names.len() > NAMES_PER_ACQUIRE_MAX {
        return Err(TermsError::Names(names.len()));
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(TermsError::Twice(pair[0].clone())),
        None => Ok(names),
    }
}
