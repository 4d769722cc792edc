//! Those who hold one lock: a single grant of an exclusive lock, any number of readers, or the takers of
//! a semaphore's permits.
//!
//! Nearly all locks have one holder, which is kept in place; several are a map by token, so that each
//! step is logarithmic in a crowd of readers.

use super::command::{Mode, Name};
use crate::base::{Owner, RequestId, SessionId, Token};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    pub(super) handles: Handles,
    pub(super) claim: Claim,
}

/// Who asks for a lock, and for how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) session: SessionId,
    /// 0: this acquire alone.
    pub(super) owner: Owner,
    pub(super) mode: Mode,
    pub(super) permits: u32,
    /// What its expiry leaves behind (L16).
    pub(super) delay_ms: u32,
    pub(super) value: Box<[u8]>,
    /// All names in byte order, if it is for several; it then stands alike in each of these locks.
    pub(super) all: Option<Arc<[Name]>>,
}

/// The acquires that hold one grant: more than one where its owner has re-entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handles {
    first: RequestId,
    /// Those that came later, in the order in which they came.
    later: Vec<RequestId>,
}

impl Holders {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many grants there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nobody => 0,
            Self::One(_) => 1,
            Self::Many(crowd) => crowd.grants.len(),
        }
    }

    /// How many permits they have taken together.
    pub(super) fn permits(&self) -> u64 {
        match self {
            Self::Nobody => 0,
            Self::One(grant) => u64::from(grant.claim.permits),
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
                .filter(|grant| (grant.claim.session, grant.claim.owner) == (session, owner)),
            Self::Many(crowd) => crowd.grants.get(crowd.owners.get(&(session, owner))?),
            Self::Nobody => None,
        }
    }

    /// All, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Grant> {
        let (one, many) = match self {
            Self::Nobody => (None, None),
            Self::One(grant) => (Some(grant), None),
            Self::Many(crowd) => (None, Some(crowd.grants.values())),
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

    /// Takes the grant of `token` away.
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

    /// What is wrong, unless the crowd's sums and indexes agree with its grants.
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
        let Claim { session, owner, permits, .. } = grant.claim;
        self.permits += u64::from(permits);
        if owner != ALONE {
            self.owners.insert((session, owner), grant.token);
        }
        self.grants.insert(grant.token, grant);
    }

    fn remove(&mut self, token: Token) -> Option<Grant> {
        let grant = self.grants.remove(&token)?;
        self.permits -= u64::from(grant.claim.permits);
        self.owners.remove(&(grant.claim.session, grant.claim.owner));
        Some(grant)
    }
}

impl Claim {
    /// Whether another acquire of the same owner is one more handle on this one's grant.
    pub(super) fn is_of_kind(&self, other: &Claim) -> bool {
        (self.mode, self.permits, &self.all) == (other.mode, other.permits, &other.all)
    }

    /// All names that it is for; `name` is one of them.
    pub(super) fn names<'a>(&'a self, name: &'a Name) -> &'a [Name] {
        self.all.as_deref().unwrap_or(std::slice::from_ref(name))
    }

    /// Whether of its names `name` is the one under which its session knows it.
    pub(super) fn is_known_as(&self, name: &Name) -> bool {
        self.names(name)[0] == *name
    }
}

impl Handles {
    pub(super) fn new(first: RequestId) -> Self {
        Self { first, later: Vec::new() }
    }

    pub(super) fn add(&mut self, request: RequestId) {
        self.later.push(request);
    }

    /// The one that came first.
    pub(super) fn first(&self) -> RequestId {
        self.first
    }

    /// All, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = RequestId> + '_ {
        std::iter::once(self.first).chain(self.later.iter().copied())
    }

    /// Gives up the handle of `request`, and says what is left.
    pub(super) fn give_up(&mut self, request: RequestId) -> Left {
        if self.later.is_empty() {
            assert_eq!(self.first, request, "the last handle of a grant");
            return Left::None;
        }
        if self.first == request {
            self.first = self.later.remove(0);
        } else {
            let place = self.later.iter().position(|handle| *handle == request);
            self.later.remove(place.unwrap_or_else(|| panic!("{request} is no handle")));
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

/// The owner of acquires that are owners of their own each.
pub(super) const ALONE: Owner = Owner(0);
