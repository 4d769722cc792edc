//! What one acquire wants: checked before it leaves, and as the servers are asked for it.

use super::requests::OwnerKey;
use super::types::{AcquireCall, Wait};
use crate::base::Owner;
use crate::base::limits::{LOCK_DELAY_MS_MAX, NAMES_PER_ACQUIRE_MAX, VALUE_BYTES_MAX};
use crate::base::locks::{Acquire, Mode, Name, Operation};
use crate::{Error, Status};

/// Who wants which locks in which way. An owner enters again just what equals what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    owner: Owner,
    /// In byte order.
    names: Vec<Name>,
    mode: Mode,
    limit: u32,
    permits: u32,
}

impl Claim {
    /// One for each of the locks.
    pub(super) fn keys(&self) -> Vec<OwnerKey> {
        self.names.iter().map(|name| (self.owner, name.clone())).collect()
    }
}

impl AcquireCall {
    /// Whether any server would take it (the same that `lock::LockMachine` checks).
    pub(super) fn check(&self) -> Result<(), Error> {
        let most = self.limit.max(1);
        let count = 1 + self.also.len();
        let text = if self.value.len() > VALUE_BYTES_MAX {
            format!("a value has at most {VALUE_BYTES_MAX} bytes, not {}", self.value.len())
        } else if !(1..=most).contains(&self.permits) && self.limit == 0 {
            format!("a lock has one permit, not {}; a semaphore has a limit", self.permits)
        } else if !(1..=most).contains(&self.permits) {
            format!("of a semaphore of {most}, from 1 to {most} permits, not {}", self.permits)
        } else if self.limit > 0 && self.mode == Mode::Shared {
            "a semaphore is not shared: it has permits".to_owned()
        } else if self.delay_ms > LOCK_DELAY_MS_MAX {
            format!("a lock delay is at most {LOCK_DELAY_MS_MAX} ms, not {}", self.delay_ms)
        } else if count > NAMES_PER_ACQUIRE_MAX {
            format!("at most {NAMES_PER_ACQUIRE_MAX} names in one acquire, not {count}")
        } else if let Some(name) = self.repeated_name() {
            format!("{name:?} is named twice in one acquire")
        } else {
            return Ok(());
        };
        Err(Error::new(Status::Invalid, text))
    }

    fn repeated_name(&self) -> Option<&Name> {
        let names = self.sorted_names();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    fn sorted_names(&self) -> Vec<&Name> {
        let mut names: Vec<&Name> = std::iter::once(&self.name).chain(&self.also).collect();
        names.sort_unstable();
        names
    }

    /// `None` for an owner of its own.
    pub(super) fn claim(&self) -> Option<Claim> {
        (self.owner != 0).then(|| Claim {
            owner: Owner(self.owner),
            names: self.sorted_names().into_iter().cloned().collect(),
            mode: self.mode,
            limit: self.limit,
            permits: self.permits,
        })
    }

    pub(super) fn operation(&self) -> Operation {
        let acquire = Acquire {
            name: self.name.clone(),
            value: self.value.clone(),
            mode: self.mode,
            limit: self.limit,
            permits: self.permits,
            owner: Owner(self.owner),
            delay_ms: self.delay_ms,
            try_only: self.wait == Wait::Try,
        };
        if self.also.is_empty() {
            Operation::Acquire(acquire)
        } else {
            Operation::AcquireAll { acquire, also: self.also.clone() }
        }
    }
}
