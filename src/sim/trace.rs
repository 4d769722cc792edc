//! Trace of a run: a hash over everything, counts, and lines for people.

use crate::sim::marks::Marks;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

/// The record of one run.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    counts: BTreeMap<&'static str, u64>,
    lines: Lines,
    /// Rare paths that were reached.
    pub marks: Marks,
    /// Turns of nodes: counted apart from the others, since there are so many.
    pub node_steps: u64,
    /// Turns of clients.
    pub client_steps: u64,
    /// Pieces of streams that arrived.
    pub messages: u64,
}

/// Whether lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Lines go to stderr.
    Printed,
    /// Not at all.
    Dropped,
}

impl Trace {
    /// Nothing happened yet.
    #[must_use]
    pub fn new(lines: Lines) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            counts: BTreeMap::new(),
            lines,
            marks: Marks::new(),
            node_steps: 0,
            client_steps: 0,
            messages: 0,
        }
    }

    /// Mixes a number into the hash.
    pub fn mix(&mut self, number: u64) {
        let mixed = (self.hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    /// One more of `what`.
    pub fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// `number` more of `what`.
    pub fn add(&mut self, what: &'static str, number: u64) {
        *self.counts.entry(what).or_default() += number;
    }

    /// A line for people, at simulated time `now`.
    pub fn line(&self, now: u64, what: fmt::Arguments<'_>) {
        if self.lines == Lines::Printed {
            // A reader that has closed the pipe still wants the run's result.
            let _ = writeln!(std::io::stderr(), "{:>12.6} {what}", now as f64 / 1e9);
        }
    }

    /// Whether anybody reads the lines.
    #[must_use]
    pub fn is_printed(&self) -> bool {
        self.lines == Lines::Printed
    }

    /// The hash of all that was mixed in.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// All counts and marks.
    #[must_use]
    pub fn into_counts(mut self) -> (BTreeMap<&'static str, u64>, Marks) {
        self.add("node steps", self.node_steps);
        self.add("client steps", self.client_steps);
        self.add("messages", self.messages);
        (self.counts, self.marks)
    }
}
