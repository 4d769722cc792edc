//! Which ability the receiver of a message must have named. What 0.1.0 understands needs none.
//!
//! Each `match` here is exhaustive on purpose: a variant without a row does not compile. The rows of what peers say are in `wire/peer.rs`.

use crate::base::locks::{Answer, Operation, Refusal};
use crate::wire::{
    Ability, Order, OrderAnswer, Query, ReadAnswer, Refused, RefusedCode, Request, ServerMessage,
};
use std::fmt::Display;

impl Request {
    /// What the node must understand to be sent this.
    #[must_use]
    pub fn needs(&self) -> Option<Ability> {
        match self {
            Self::Submit { operation, .. } => operation_needs(operation),
            Self::Read { query, .. } => match query {
                Query::Lock { .. }
                | Query::Locks { .. }
                | Query::Validate { .. }
                | Query::Session { .. }
                | Query::Waits { .. } => None,
                Query::Asked { .. } => Some(Ability::AskedShown),
                Query::Rules { .. } | Query::Allowed { .. } => Some(Ability::Access),
            },
            Self::Order { order: Order::Access { .. }, .. } => Some(Ability::Access),
            Self::OpenSession { .. }
            | Self::Attach { .. }
            | Self::Renew { .. }
            | Self::Status { .. }
            | Self::Order { .. }
            | Self::Observe { .. }
            | Self::Unobserve { .. } => None,
            Self::Describe { .. } => Some(Ability::Describe),
        }
    }
}

fn operation_needs(operation: &Operation) -> Option<Ability> {
    match operation {
        Operation::Acquire(_)
        | Operation::Release { .. }
        | Operation::Withdraw { .. }
        | Operation::Close
        | Operation::AcquireAll { .. }
        | Operation::Proclaim { .. }
        | Operation::Transfer { .. }
        | Operation::Break { .. } => None,
    }
}

impl ServerMessage {
    /// What the client must understand to be sent this.
    #[must_use]
    pub fn needs(&self) -> Option<Ability> {
        match self {
            Self::Answered { answer, .. } => answer_needs(answer),
            Self::Read { answer, .. } => match answer {
                ReadAnswer::Refused(refusal) => refusal_needs(*refusal),
                ReadAnswer::Lock { .. }
                | ReadAnswer::Locks { .. }
                | ReadAnswer::Valid(_)
                | ReadAnswer::Session(_) => None,
                ReadAnswer::Asked(_) => Some(Ability::AskedShown),
                ReadAnswer::Denied { .. } | ReadAnswer::Rules(_) => Some(Ability::Access),
            },
            Self::SessionRefused { refusal, .. } => refusal_needs(*refusal),
            Self::Ordered { answer, .. } => match answer {
                OrderAnswer::Done { .. }
                | OrderAnswer::Refused { .. }
                | OrderAnswer::Begun { .. }
                | OrderAnswer::Part { .. } => None,
                OrderAnswer::Denied { .. } => Some(Ability::Denials),
                OrderAnswer::Access(_) => Some(Ability::Access),
            },
            Self::SessionOpened { .. }
            | Self::Attached { .. }
            | Self::AttachDenied { .. }
            | Self::Renewed { .. }
            | Self::SessionEnded { .. }
            | Self::Status { .. }
            | Self::Leader(_)
            | Self::Standing { .. }
            | Self::Asked { .. }
            | Self::Changed { .. } => None,
            Self::Described { .. } => Some(Ability::Describe),
            Self::Condition(_) => Some(Ability::Conditions),
            Self::Denied { .. } => Some(Ability::Denials),
        }
    }
}

fn answer_needs(answer: &Answer) -> Option<Ability> {
    match answer {
        Answer::Granted { .. }
        | Answer::Queued { .. }
        | Answer::Held { .. }
        | Answer::Ended { .. }
        | Answer::Withdrawn
        | Answer::Done
        | Answer::NotHeld
        | Answer::SessionExpired
        | Answer::Deadlock { .. }
        | Answer::NoWaiter => None,
        Answer::Refused(refusal) => refusal_needs(*refusal),
        // Said as `ServerMessage::Denied`.
        Answer::Denied { .. } => Some(Ability::Access),
    }
}

fn refusal_needs(refusal: Refusal) -> Option<Ability> {
    match refusal {
        Refusal::Unsupported
        | Refusal::Invalid
        | Refusal::Limit
        | Refusal::Busy
        | Refusal::Denied
        | Refusal::BelowFloor => None,
        Refusal::Conflict => Some(Ability::Conflicts),
    }
}

impl RefusedCode {
    /// What the other side must understand to be refused with this.
    #[must_use]
    pub fn needs(self) -> Option<Ability> {
        match self {
            Self::Cluster
            | Self::Node
            | Self::Directory
            | Self::ClockRate
            | Self::State
            | Self::Full
            | Self::Removed => None,
            Self::Version | Self::Level => Some(Ability::VersionRefusals),
            Self::SlowReader => Some(Ability::SlowReaders),
        }
    }
}

impl Refused {
    /// That a connection which stood is closed, and why.
    #[must_use]
    pub fn closing(why: &dyn Display) -> Self {
        Self { code: RefusedCode::State, text: format!("{CLOSING}{why}") }
    }

    /// Whether it is that; no kind of its own, which older readers would not understand.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.code == RefusedCode::State && self.text.starts_with(CLOSING)
    }

    /// The same for whoever named no ability: the code that 0.1.0 knows for "not so", under the same sentence.
    #[must_use]
    pub fn for_0_1(self) -> Self {
        if self.code.needs().is_none() { self } else { Self { code: RefusedCode::State, ..self } }
    }
}

/// How such a sentence begins.
const CLOSING: &str = "this node closes the connection: ";
