//! Lists the standing grants and places of a session that attaches, in parts: a session may have
//! 16,384, of 32 names each.
//!
//! Its client is sent `Attached`, the list in the order of ids, and `Standing`, which alone says
//! that there is nothing else (`client::core::standing`). Changes meanwhile are sent as usual, on
//! the same connection: each part is true when it is sent, so an earlier part is either still true,
//! or was followed by its change.

use super::Replica;
use super::ServerMessage;
use super::confirm::Question;
use super::work::WorkKind;
use crate::base::{ConnectionId, RequestId, SessionId};
use crate::lock::Standing;
use std::collections::VecDeque;

/// The unfinished lists, the next one first.
#[derive(Clone, Debug, Default)]
pub struct Listings {
    waiting: VecDeque<Listing>,
    /// No list could go on in this turn.
    is_held_up: bool,
}

/// One list.
#[derive(Clone, Copy, Debug)]
struct Listing {
    connection: ConnectionId,
    session: SessionId,
    /// The last id that was sent.
    said: RequestId,
    is_said: bool,
}

/// How a list went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The list goes on, now or later.
    More,
    /// Nothing could be sent.
    HeldUp,
    Over,
}

impl Listings {
    /// Whether some lists can go on at once.
    #[must_use]
    pub fn are_due(&self) -> bool {
        !self.waiting.is_empty() && !self.is_held_up
    }
}

impl Replica {
    /// Begins the list of a session on the connection to which it has just been bound.
    pub(super) fn begin_list(&mut self, connection: ConnectionId, session: SessionId) {
        let waiting = &mut self.leading.listings.waiting;
        waiting.retain(|listing| listing.connection != connection);
        let (said, is_said) = (RequestId(0), false);
        // Most lists are short: those are sent at once.
        waiting.push_front(Listing { connection, session, said, is_said });
        self.leading.listings.is_held_up = false;
        if self.work.may(WorkKind::List) {
            self.advance_list();
        }
    }

    /// Continues the lists, a part of each in turn. Back-pressure: nothing for a client that, by
    /// `takes_more`, has not read its output.
    pub(super) fn advance_lists(&mut self, takes_more: impl Fn(ConnectionId) -> bool) {
        let mut held_up = 0;
        while held_up < self.leading.listings.waiting.len() && self.work.may(WorkKind::List) {
            let listings = &mut self.leading.listings.waiting;
            let is_free = listings.front().is_some_and(|next| takes_more(next.connection));
            let progress = match is_free {
                true => self.advance_list(),
                false => {
                    listings.rotate_left(1);
                    Progress::HeldUp
                }
            };
            held_up = if progress == Progress::HeldUp { held_up + 1 } else { 0 };
        }
        let count = self.leading.listings.waiting.len();
        self.leading.listings.is_held_up = count > 0 && held_up >= count;
    }

    /// Sends a part of the first list, and moves it behind the others if it goes on.
    fn advance_list(&mut self) -> Progress {
        let Some(mut listing) = self.leading.listings.waiting.pop_front() else {
            return Progress::Over;
        };
        let progress = self.say_part(&mut listing);
        if progress != Progress::Over {
            self.leading.listings.waiting.push_back(listing);
        }
        progress
    }

    fn say_part(&mut self, listing: &mut Listing) -> Progress {
        let Listing { connection, session, said, is_said } = *listing;
        // The connection is gone or bound to another session; or the session is bound to another
        // connection, or has ended.
        if self.clients.session_of(connection) != Some(session) {
            return Progress::Over;
        }
        if !is_said {
            let part = self.machine.standing_above(session, said, self.work.part(PART));
            let Standing { answers, asked, names, is_last } = part;
            self.work.spend(WorkKind::List, 1 + answers.len() as u64 + names as u64);
            listing.said = answers.last().map_or(said, |(request, _)| *request);
            listing.is_said = is_last;
            for (request, answer) in answers {
                self.reply(connection, ServerMessage::Answered { session, request, answer });
            }
            self.push_asked(asked);
        }
        if !listing.is_said {
            return Progress::More;
        }
        // Nobody may say that there is nothing else but a confirmed leader: that ends leases.
        match self.try_to_ask(connection, Question::Standing { session }) {
            Ok(()) => Progress::Over,
            Err(_) => Progress::HeldUp,
        }
    }
}

/// Entries of one part: with 32 names each, a quarter of a turn's work.
const PART: usize = 16;
