//! The remembered requests of one session, so that each request has one effect (safety L17).
//!
//! A request is known in exactly one of three ways: it holds, it waits, or its answer is fixed. Fixed
//! answers go once the session's floor has passed them; grants and places are kept below the floor too,
//! because a client that lost the grant's message asks again under the old id.

use super::by_request::ByRequest;
use super::locks::Slot;
use super::owners::Owners;
use super::print::Print;
use super::queue::Ticket;
use crate::base::locks::{Answer, Name, Operation, Refusal};
use crate::base::{Owner, RequestId, Right, Token};
use std::sync::Arc;

/// The remembered requests of one session.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    /// The lowest id that the client may still repeat; only rises.
    floor: RequestId,
    /// Up to here every unknown id is refused for good: one of them was refused for want of room
    /// without being remembered, and must not run when it is repeated.
    refused_to: RequestId,
    grants: ByRequest<Hold>,
    /// The owners of grants and places other than `ALONE`. Nearly all are `ALONE`, so [`Hold`] has no
    /// owner.
    owners: Owners,
    waiting: ByRequest<Place>,
    fixed: ByRequest<Remembered>,
    /// The bytes of all of them in the state.
    bytes: u64,
}

/// A fixed answer, and the print of its request.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) print: Print,
    pub(super) answer: Fixed,
}

/// The grant on which an acquire has a handle: of several locks, the first by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) slot: Slot,
    pub(super) token: Token,
    /// The print of the acquire.
    pub(super) print: Print,
    /// Its bytes in the state.
    pub(super) bytes: u32,
}

/// The token and three small numbers: every handle of every grant has one.
const _: () = assert!(size_of::<Hold>() <= 24);

/// Where an acquire waits: a place in the queue of each of its names.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) owner: Owner,
    /// The print of the acquire.
    pub(super) print: Print,
    /// Its bytes in the state.
    pub(super) bytes: u32,
    /// One in each queue, in the byte order of the names. Nearly all acquires are of one lock.
    spots: Vec<(Slot, Ticket)>,
}

impl Place {
    pub(super) fn new(owner: Owner, print: Print, bytes: u32) -> Self {
        Self { owner, print, bytes, spots: Vec::with_capacity(1) }
    }

    /// Adds a queue in which the acquire stands.
    pub(super) fn add(&mut self, slot: Slot, ticket: Ticket) {
        self.spots.push((slot, ticket));
    }

    /// Replaces the ticket in the queue of `slot`.
    fn set_ticket(&mut self, slot: Slot, ticket: Ticket) {
        let spot = self.spots.iter_mut().find(|(spot, _)| *spot == slot);
        spot.unwrap_or_else(|| panic!("it does not wait for {slot:?}")).1 = ticket;
    }

    pub(super) fn spots(&self) -> impl ExactSizeIterator<Item = (Slot, Ticket)> {
        self.spots.iter().copied()
    }

    /// The locks that it waits for.
    pub(super) fn slots(&self) -> impl ExactSizeIterator<Item = Slot> {
        self.spots().map(|(slot, _)| slot)
    }

    /// Its ticket in the queue of `slot`.
    pub(super) fn ticket(&self, slot: Slot) -> Option<Ticket> {
        self.spots().find(|(spot, _)| *spot == slot).map(|(_, ticket)| ticket)
    }
}

/// An answer that no later entry changes.
#[derive(Clone, Debug)]
pub(super) enum Fixed {
    Ended(Token),
    Held(Arc<str>),
    Deadlock(Arc<str>),
    Withdrawn,
    Done,
    NotHeld,
    NoWaiter,
    Refused(Refusal),
    Denied(Right, Name),
}

/// The three states of a remembered request.
#[derive(Debug)]
pub(super) enum Known<'a> {
    Granted(&'a Hold),
    Waiting(&'a Place),
    Fixed(&'a Remembered),
}

impl Known<'_> {
    pub(super) fn print(&self) -> Print {
        match self {
            Self::Granted(hold) => hold.print,
            Self::Waiting(place) => place.print,
            Self::Fixed(remembered) => remembered.print,
        }
    }
}

/// Whether an arrived request is carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It was: answer it again.
    Known,
    /// It may have been, and is forgotten.
    BelowFloor,
    /// It was not, and there is no room to remember it.
    Full,
    /// It was not.
    New,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self::resume(RequestId(1), RequestId(0))
    }

    /// The answers of a session with this floor and bound; its requests are noted one by one.
    pub(super) fn resume(floor: RequestId, refused_to: RequestId) -> Self {
        Self {
            floor,
            refused_to,
            grants: ByRequest::new(),
            owners: Owners::new(),
            waiting: ByRequest::new(),
            fixed: ByRequest::new(),
            bytes: 0,
        }
    }

    /// The grants and places of an ended session: no client asks for its answers, and none is kept from here
    /// on.
    pub(super) fn of_the_dead(mut self) -> Self {
        self.raise_floor(RequestId(u64::MAX));
        self.refused_to = RequestId(0);
        self
    }

    /// Raises the floor and forgets the fixed answers below it.
    pub(super) fn raise_floor(&mut self, floor: RequestId) {
        self.floor = self.floor.max(floor);
        let bytes = &mut self.bytes;
        self.fixed.remove_below(self.floor, |known| *bytes -= known.answer.bytes());
    }

    /// Whether to carry out `request`; at most `answers_max` requests may be remembered.
    pub(super) fn admission(&self, request: RequestId, answers_max: usize) -> Admission {
        // Room for the request's own answer and for one that it fixes for another (a withdrawal's).
        let has_room = self.len() + 2 <= answers_max;
        if self.known(request).is_some() {
            Admission::Known
        } else if request < self.floor {
            Admission::BelowFloor
        } else if request <= self.refused_to || !has_room {
            Admission::Full
        } else {
            Admission::New
        }
    }

    /// Whether `operation`, of this print, is the one for which `request` was first used.
    pub(super) fn is_retry(&self, request: RequestId, operation: &Operation, print: Print) -> bool {
        let known = self.known(request);
        // Before level 2 there are no prints, and any operation under a known id is a retry.
        print == Print::UNKNOWN || known.is_none_or(|known| known.print().is_of(operation, print))
    }

    /// Refuses `request` for want of room: a repeat will not run either.
    pub(super) fn refuse_for_good(&mut self, request: RequestId) {
        self.refused_to = self.refused_to.max(request);
    }

    pub(super) fn known(&self, request: RequestId) -> Option<Known<'_>> {
        let fixed = self.fixed.value(request).map(Known::Fixed);
        let granted = || self.grants.value(request).map(Known::Granted);
        let waiting = || self.waiting.value(request).map(Known::Waiting);
        fixed.or_else(granted).or_else(waiting)
    }

    /// `request` of `owner` has a handle on the grant `hold`.
    pub(super) fn note_grant(&mut self, request: RequestId, hold: Hold, owner: Owner) {
        self.owners.note_grant(request, owner);
        self.bytes += u64::from(hold.bytes);
        let earlier = self.grants.insert(request, hold);
        assert!(earlier.is_none(), "request {request} holds {earlier:?} already");
    }

    /// `request` waits at `place`.
    pub(super) fn note_waiting(&mut self, request: RequestId, place: Place) {
        self.bytes += u64::from(place.bytes);
        place.slots().for_each(|slot| self.owners.note_waiting(place.owner, slot));
        let earlier = self.waiting.insert(request, place);
        assert!(earlier.is_none(), "request {request} waits at {earlier:?} already");
    }

    /// Adds a queue to the place of `request`, if it waits.
    pub(super) fn add_spot(
        &mut self,
        request: RequestId,
        slot: Slot,
        ticket: Ticket,
    ) -> Option<()> {
        let place = self.waiting.value_mut(request)?;
        place.add(slot, ticket);
        self.owners.note_waiting(place.owner, slot);
        Some(())
    }

    /// Replaces the ticket of `request`, which waits, in the queue of `slot`.
    pub(super) fn set_ticket(&mut self, request: RequestId, slot: Slot, ticket: Ticket) {
        let place = self.waiting.value_mut(request);
        place.unwrap_or_else(|| panic!("request {request} does not wait")).set_ticket(slot, ticket);
    }

    pub(super) fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Removes the place of `request`, which waits.
    pub(super) fn leave_queue(&mut self, request: RequestId) -> Place {
        let place = self.waiting.remove(request);
        let place = place.unwrap_or_else(|| panic!("request {request} does not wait"));
        self.bytes -= u64::from(place.bytes);
        self.owners.end_waiting(&place);
        place
    }

    /// Removes the grant on which `request` has a handle.
    pub(super) fn end_grant(&mut self, request: RequestId) -> Hold {
        self.owners.end_grant(request);
        let hold = self.grants.remove(request);
        let hold = hold.unwrap_or_else(|| panic!("request {request} holds nothing"));
        self.bytes -= u64::from(hold.bytes);
        hold
    }

    /// Sets the bytes of the grant on which `request` has a handle.
    pub(super) fn set_bytes(&mut self, request: RequestId, bytes: u32) {
        let hold = self.grants.value_mut(request);
        let hold = hold.unwrap_or_else(|| panic!("request {request} holds nothing"));
        let before = std::mem::replace(&mut hold.bytes, bytes);
        self.bytes = self.bytes - u64::from(before) + u64::from(bytes);
    }

    /// The bytes of all requests in the state.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes of the fixed answers, counted one by one.
    pub(super) fn fixed_bytes(&self) -> u64 {
        self.fixed.values().map(|known| known.answer.bytes()).sum()
    }

    /// Fixes the answer of `request`, which holds and waits no more. Nothing is kept below the floor: an
    /// unknown request there is refused.
    pub(super) fn fix(&mut self, request: RequestId, print: Print, answer: Fixed) {
        if request >= self.floor {
            self.bytes += answer.bytes();
            let before = self.fixed.insert(request, Remembered { print, answer });
            self.bytes -= before.map_or(0, |before| before.answer.bytes());
        }
    }

    /// The number of remembered requests.
    pub(super) fn len(&self) -> usize {
        self.standing() + self.fixed.len()
    }

    /// The number of grants and places.
    pub(super) fn standing(&self) -> usize {
        self.grants.len() + self.waiting.len()
    }

    /// The highest id known as used, or named as the floor.
    pub(super) fn reach(&self) -> RequestId {
        let last = [self.grants.last(), self.waiting.last(), self.fixed.last()];
        let highest = last.into_iter().flatten().max().unwrap_or_default();
        highest.max(self.floor).max(self.refused_to)
    }

    pub(super) fn floor(&self) -> RequestId {
        self.floor
    }

    pub(super) fn refused_to(&self) -> RequestId {
        self.refused_to
    }

    pub(super) fn grants(&self) -> &ByRequest<Hold> {
        &self.grants
    }

    pub(super) fn waiting(&self) -> &ByRequest<Place> {
        &self.waiting
    }

    pub(super) fn fixed(&self) -> &ByRequest<Remembered> {
        &self.fixed
    }

    /// Fails unless each request is known in one way, and no fixed answer is below the floor.
    pub(super) fn examine(&self) -> Result<(), String> {
        if let Some(oldest) = self.fixed.first().filter(|oldest| *oldest < self.floor) {
            return Err(format!("request {oldest} is remembered below the floor {}", self.floor));
        }
        let mut standing = self.grants.requests().chain(self.waiting.requests());
        if let Some(request) = standing.find(|request| self.fixed.contains(*request)) {
            return Err(format!("request {request} stands and is fixed"));
        }
        if let Some(request) = self.grants.requests().find(|held| self.waiting.contains(*held)) {
            return Err(format!("request {request} holds and waits"));
        }
        if let Some(request) = self.owners.holding().find(|held| !self.grants.contains(*held)) {
            return Err(format!("request {request} has an owner and holds nothing"));
        }
        Ok(())
    }
}

/// The error is the answer itself, if it is not a fixed one.
impl TryFrom<Answer> for Fixed {
    type Error = Answer;

    fn try_from(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Ended { token } => Ok(Fixed::Ended(token)),
            Answer::Held { client } => Ok(Fixed::Held(client.into())),
            Answer::Deadlock { circle } => Ok(Fixed::Deadlock(circle.into())),
            Answer::Withdrawn => Ok(Fixed::Withdrawn),
            Answer::Done => Ok(Fixed::Done),
            Answer::NotHeld => Ok(Fixed::NotHeld),
            Answer::NoWaiter => Ok(Fixed::NoWaiter),
            Answer::Refused(refusal) => Ok(Fixed::Refused(refusal)),
            Answer::Denied { right, name } => Ok(Fixed::Denied(right, name)),
            Answer::Granted { .. } | Answer::Queued { .. } | Answer::SessionExpired => Err(answer),
        }
    }
}

impl From<&Fixed> for Answer {
    fn from(fixed: &Fixed) -> Self {
        match fixed {
            Fixed::Ended(token) => Answer::Ended { token: *token },
            Fixed::Held(client) => Answer::Held { client: client.as_ref().to_owned() },
            Fixed::Deadlock(circle) => Answer::Deadlock { circle: circle.as_ref().to_owned() },
            Fixed::Withdrawn => Answer::Withdrawn,
            Fixed::Done => Answer::Done,
            Fixed::NotHeld => Answer::NotHeld,
            Fixed::NoWaiter => Answer::NoWaiter,
            Fixed::Refused(refusal) => Answer::Refused(*refusal),
            Fixed::Denied(right, name) => Answer::Denied { right: *right, name: name.clone() },
        }
    }
}
