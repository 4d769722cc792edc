//! The holders of one lock: the one of an exclusive lock, any number of readers, or the takers of a
//! semaphore's permits.
//!
//! Nearly all locks have one holder, which is kept in place; several are a map by token, so that each
//! step is logarithmic in a crowd of readers.

use super::stake::{ALONE, Stake};
use crate::base::{Owner, RequestId, SessionId, Token};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The holders of a lock.
#[derive(Clone, Debug, Default)]
pub(super) enum Holders {
    #[default]
    Nobody,
    One(Grant),
    Many(Box<Crowd>),
}

/// The decision that acquires of one owner hold a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) token: Token,
    pub(super) since_unix_ms: u64,
    /// The first acquire that holds it; re-entries are in the stake.
    first: RequestId,
    pub(super) stake: Stake,
}

impl Holders {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of grants.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nobody => 0,
            Self::One(_) => 1,
            Self::Many(crowd) => crowd.grants.len(),
        }
    }

    /// The permits that they take together.
    pub(super) fn permits(&self) -> u64 {
        match self {
            Self::Nobody => 0,
            Self::One(grant) => u64::from(grant.stake.permits),
            Self::Many(crowd) => crowd.permits,
        }
    }

    /// The oldest grant.
    pub(super) fn first(&self) -> Option<&Grant> {
        self.iter().next()
    }

    /// The newest grant.
    pub(super) fn last(&self) -> Option<&Grant> {
        match self {
            Self::Nobody => None,
            Self::One(grant) => Some(grant),
            Self::Many(crowd) => crowd.grants.last_key_value().map(|(_, grant)| grant),
        }
    }

    pub(super) fn by_token(&self, token: Token) -> Option<&Grant> {
        match self {
            Self::One(grant) => Some(grant).filter(|grant| grant.token == token),
            Self::Many(crowd) => crowd.grants.get(&token),
            Self::Nobody => None,
        }
    }

    pub(super) fn by_token_mut(&mut self, token: Token) -> Option<&mut Grant> {
        match self {
            Self::One(grant) => Some(grant).filter(|grant| grant.token == token),
            Self::Many(crowd) => crowd.grants.get_mut(&token),
            Self::Nobody => None,
        }
    }

    /// The grant that `owner` of `session` would re-enter; owner 0 never does.
    pub(super) fn by_owner(&self, session: SessionId, owner: Owner) -> Option<&Grant> {
        if owner == ALONE {
            return None;
        }
        match self {
            Self::One(grant) => Some(grant)
                .filter(|grant| (grant.stake.session, grant.stake.owner()) == (session, owner)),
            Self::Many(crowd) => crowd.grants.get(crowd.owners.get(&(session, owner))?),
            Self::Nobody => None,
        }
    }

    /// All grants, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Grant> {
        let (one, many) = match self {
            Self::Nobody => (None, None),
            Self::One(grant) => (Some(grant), None),
            Self::Many(crowd) => (None, Some(crowd.grants.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The grants with tokens above `token`, the oldest first.
    pub(super) fn behind(&self, token: Token) -> impl Iterator<Item = &Grant> {
        let (one, many) = match self {
            Self::Nobody => (None, None),
            Self::One(grant) => (Some(grant).filter(|grant| grant.token > token), None),
            Self::Many(crowd) => {
                let behind = crowd.grants.range((Bound::Excluded(token), Bound::Unbounded));
                (None, Some(behind.map(|(_, grant)| grant)))
            }
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Adds a grant; its token is the newest.
    pub(super) fn add(&mut self, grant: Grant) {
        *self = match std::mem::take(self) {
            Self::Nobody => Self::One(grant),
            Self::One(first) => {
                let mut crowd = Box::<Crowd>::default();
                crowd.add(first);
                crowd.add(grant);
                Self::Many(crowd)
            }
            Self::Many(mut crowd) => {
                crowd.add(grant);
                Self::Many(crowd)
            }
        };
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Grant> {
        match self {
            Self::One(grant) if grant.token == token => match std::mem::take(self) {
                Self::One(grant) => Some(grant),
                _ => unreachable!("matched above"),
            },
            Self::Many(crowd) => {
                let grant = crowd.remove(token);
                if crowd.grants.is_empty() {
                    *self = Self::Nobody;
                }
                grant
            }
            Self::One(_) | Self::Nobody => None,
        }
    }

    /// Fails unless the crowd's sums and indexes agree with its grants.
    pub(super) fn examine(&self) -> Result<(), String> {
        let Self::Many(crowd) = self else { return Ok(()) };
        let mut anew = Crowd::default();
        crowd.grants.values().for_each(|grant| anew.add(grant.clone()));
        let agrees = anew.permits == crowd.permits && anew.owners == crowd.owners;
        agrees.then_some(()).ok_or_else(|| format!("the sums of {crowd:?} are wrong"))
    }
}

/// Several holders.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    grants: BTreeMap<Token, Grant>,
    /// The grants of owners that can re-enter.
    owners: BTreeMap<(SessionId, Owner), Token>,
    permits: u64,
}

impl Crowd {
    fn add(&mut self, grant: Grant) {
        let (session, owner) = (grant.stake.session, grant.stake.owner());
        self.permits += u64::from(grant.stake.permits);
        if owner != ALONE {
            self.owners.insert((session, owner), grant.token);
        }
        self.grants.insert(grant.token, grant);
    }

    fn remove(&mut self, token: Token) -> Option<Grant> {
        let grant = self.grants.remove(&token)?;
        self.permits -= u64::from(grant.stake.permits);
        self.owners.remove(&(grant.stake.session, grant.stake.owner()));
        Some(grant)
    }
}

impl Grant {
    /// A grant of `stake` to the acquire `first`.
    pub(super) fn new(token: Token, since_unix_ms: u64, first: RequestId, stake: Stake) -> Self {
        Self { token, since_unix_ms, first, stake }
    }

    /// The acquires that hold it, in the order in which they came.
    pub(super) fn handles(&self) -> impl Iterator<Item = RequestId> + '_ {
        std::iter::once(self.first).chain(self.stake.later().iter().copied())
    }

    pub(super) fn first_handle(&self) -> RequestId {
        self.first
    }

    pub(super) fn add_handle(&mut self, request: RequestId) {
        self.stake.change(|extras| extras.later.push(request));
    }

    /// Gives up the handle of `request`; whether others are left.
    pub(super) fn give_up(&mut self, request: RequestId) -> Left {
        let later = self.stake.later();
        if later.is_empty() {
            assert_eq!(self.first, request, "the last handle of a grant");
            return Left::None;
        }
        if self.first == request {
            self.first = self.stake.change(|extras| extras.later.remove(0));
        } else {
            let place = later.iter().position(|handle| *handle == request);
            let place = place.unwrap_or_else(|| panic!("{request} is no handle"));
            self.stake.change(|extras| extras.later.remove(place));
        }
        Left::Some
    }
}

/// Whether a grant still has handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    None,
    Some,
}

/// Two numbers, the first handle and the stake: a million locks have at least one each.
const _: () = assert!(size_of::<Grant>() <= 48);
/// The tag of the variant takes no byte beside the one holder.
const _: () = assert!(size_of::<Holders>() == size_of::<Grant>());
