//! What the logs say was asked about grants and done with them: validated, handed to a waiter by name, taken at once.

use super::history::Source;

/// All of it.
#[derive(Debug, Default)]
pub struct Orders {
    /// How often a server was asked whether a token holds.
    pub validations: u64,
    /// When it said that it does not.
    pub refutations: Vec<Refutation>,
    /// Handovers to a named waiter that were done.
    pub handovers: Vec<Handover>,
    /// Breaks that take at once.
    pub breaks: Vec<Break>,
}

/// A server's word that a token does not hold a lock, which arrived at `at`.
#[derive(Clone, Copy, Debug)]
pub struct Refutation {
    pub boot: u32,
    pub lock: u32,
    pub token: u64,
    pub at: u64,
    pub source: Source,
}

/// Of the grant of `lock` under `token`, to the client `to`; done by the instant `at`.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    pub boot: u32,
    pub lock: u32,
    pub token: u64,
    pub to: u32,
    pub at: u64,
    pub source: Source,
}

/// Of the grant of `lock` under `token`, by `client`; not before the instant `at`.
#[derive(Clone, Copy, Debug)]
pub struct Break {
    pub boot: u32,
    pub client: u32,
    pub lock: u32,
    pub token: u64,
    pub at: u64,
    pub answer: Answer,
    pub source: Source,
}

/// What is known of whether a break was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: it may have been done at any time since.
    Unknown,
    /// It was, by the instant `by`.
    Took { by: u64 },
    /// It was not, and never will be.
    Spared,
}

impl Orders {
    /// Notes the answer to the newest break of `client` that has none yet. Says whether there is one.
    pub fn answer_break(&mut self, (client, lock, token): (u32, u32, u64), answer: Answer) -> bool {
        let open = self.breaks.iter_mut().rev().find(|one| {
            (one.client, one.lock, one.token) == (client, lock, token)
                && one.answer == Answer::Unknown
        });
        let found = open.is_some();
        if let Some(open) = open {
            open.answer = answer;
        }
        found
    }
}
