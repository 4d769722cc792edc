//! The audit trail: a line for each order of an operator, each break of a lock, each snapshot that leaves, and each denial.
//!
//! A line says when, who, from where, what, with what result, and the reason given. It goes to the
//! log (target `audit`) and, as JSON, to a file of its own if there is one. The deciding node
//! writes it when the answer leaves. A request that is only answered by a hint to another leader
//! has no line, nor has what holders do with their own locks.

mod file;
mod line;

use crate::base::{ConnectionId, NodeId};
use crate::net::Key;
use crate::node::links::{Link, connection_id};

use crate::wire::{Act, ActKey, Request, ServerMessage};
pub(super) use file::AuditFile;
use line::Line;
use std::collections::BTreeMap;
use std::time::Duration;

/// The audit trail: unanswered requests, and where lines go.
#[derive(Debug)]
pub(super) struct Audit {
    own: NodeId,
    pub(super) file: Option<AuditFile>,
    asked: BTreeMap<(ConnectionId, ActKey), (Who, Act)>,
    denials: Denials,
}

/// A requester: its identity and source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    principal: String,
    address: String,
}

/// The denials of the present second that have a line, and those since without one.
#[derive(Debug, Default)]
struct Denials {
    second: u64,
    lines: u32,
    untold: u64,
}

impl Who {
    /// The requester at the other end of `link` of node `own`.
    pub(super) fn at(link: &Link, own: NodeId) -> Self {
        let (principal, address) = (link.subject(own).to_string(), link.connection.address());
        let address = address.map_or_else(|| "this process".to_owned(), |at| at.to_string());
        Self { principal, address }
    }
}

impl Audit {
    /// The audit trail of node `own`, without a file.
    pub(super) fn new(own: NodeId) -> Self {
        Self { own, file: None, asked: BTreeMap::new(), denials: Denials::default() }
    }

    /// Notes a request of `who` that gets a line once it is answered.
    pub(super) fn note(
        &mut self,
        connection: ConnectionId,
        who: impl FnOnce() -> Who,
        request: &Request,
    ) {
        let Some((asked, act)) = Act::of(request) else { return };
        if self.asked.len() < ASKED_MAX {
            self.asked.insert((connection, asked), (who(), act));
            return;
        }
        // Written now, so that no order can hide behind many unanswered ones.
        let result = "asked for: too much is under way here to say what becomes of it";
        self.write(&Line { who: &who(), act: &act, result, untold: 0 });
    }

    /// Writes the line of a request of `who` that is answered, or denied.
    pub(super) fn answer(
        &mut self,
        now: u64,
        connection: ConnectionId,
        message: &ServerMessage,
        who: impl FnOnce() -> Option<Who>,
    ) {
        let mut noted = None;
        if !self.asked.is_empty()
            && let Some((asked, result)) = Act::result(message)
        {
            let found = self.asked.remove(&(connection, asked));
            noted = found.map(|(who, act)| (who, act, result));
        }
        match (noted, Act::denial(message)) {
            (Some((who, act, _)), Some((_, why))) => self.write_denial(now, &who, &act, why),
            (None, Some((act, why))) => {
                if let Some(who) = who() {
                    self.write_denial(now, &who, &act, why);
                }
            }
            (Some((who, act, Some(result))), None) => {
                self.write(&Line { who: &who, act: &act, result: &result, untold: 0 });
            }
            (Some((_, _, None)) | None, None) => {}
        }
    }

    /// Writes lines for the unanswered requests of a closed connection: they may still be carried
    /// out.
    pub(super) fn end(&mut self, key: Key) {
        let connection = connection_id(key);
        let first = (connection, ActKey::FIRST);
        let left: Vec<_> = self
            .asked
            .range(first..)
            .take_while(|((of, _), _)| *of == connection)
            .map(|(key, _)| *key)
            .collect();
        for key in left {
            let Some((who, act)) = self.asked.remove(&key) else { continue };
            let result = "the connection ended before the answer: it may have been done";
            self.write(&Line { who: &who, act: &act, result, untold: 0 });
        }
    }

    /// Writes a denial of a request of `who`.
    pub(super) fn deny(&mut self, now: u64, who: &Who, request: &Request, why: &str) {
        let act = Act::of(request).map_or_else(|| Act::other(request), |(_, act)| act);
        self.write_denial(now, who, &act, why);
    }

    /// Writes a denial that the answer to `who` does not show.
    pub(super) fn note_denial(&mut self, now: u64, who: &Who, why: &str) {
        self.write_denial(now, who, &Act::untold(), why);
    }

    /// Writes a denial; of many in one second some get a line, and the others are counted.
    fn write_denial(&mut self, now: u64, who: &Who, act: &Act, why: &str) {
        let second = now / NANOS_PER_SECOND;
        let denials = &mut self.denials;
        if denials.second != second {
            (denials.second, denials.lines) = (second, 0);
        }
        if denials.lines >= DENIAL_LINES_PER_SECOND {
            denials.untold += 1;
            return;
        }
        denials.lines += 1;
        let untold = std::mem::take(&mut denials.untold);
        let result = format!("denied: {why}");
        self.write(&Line { who, act, result: &result, untold });
    }

    fn write(&mut self, line: &Line<'_>) {
        line.log();
        if let Some(file) = &self.file {
            file.write(line.to_json(self.own));
        }
    }
}

const NANOS_PER_SECOND: u64 = Duration::from_secs(1).as_nanos() as u64;
const DENIAL_LINES_PER_SECOND: u32 = 5;
/// More unanswered requests than any lawful use has.
const ASKED_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
