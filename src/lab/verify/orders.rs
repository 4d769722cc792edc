//! Validations, hand-overs to named waiters, and breaks at once, as the logs have them.

use super::history::Source;

/// All validations, hand-overs and breaks.
#[derive(Debug, Default)]
pub struct Orders {
    /// How often a server was asked whether a token holds.
    pub validations: u64,
    /// The answers that it does not.
    pub refutations: Vec<Refutation>,
    /// Handovers to a named waiter that were done.
    pub handovers: Vec<Handover>,
    /// Breaks at once.
    pub breaks: Vec<Break>,
}

/// A server's answer, which arrived at `at`, that a token does not hold a lock.
#[derive(Clone, Copy, Debug)]
pub struct Refutation {
    pub boot: u32,
    pub lock: u32,
    pub token: u64,
    pub at: u64,
    pub source: Source,
}

/// A hand-over of the grant of `lock` under `token` to the client `to`; done by the instant `at`.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    pub boot: u32,
    pub lock: u32,
    pub token: u64,
    pub to: u32,
    pub at: u64,
    pub source: Source,
}

/// A break of the grant of `lock` under `token` by `client`; not before the instant `at`.
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

/// The answer to a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// None: the break may have been done at any time since.
    Unknown,
    /// The break was done by the instant `by`.
    Took { by: u64 },
    /// The break was not done, and never will be.
    Spared,
}

impl Orders {
    /// Records the answer to the newest unanswered break of `client`; says whether there is one.
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
