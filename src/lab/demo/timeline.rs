//! The picture of holders: a row for each lock, a column for each slice of time, a letter for each
//! worker.

use super::workers::{LOCKS, WORKERS};
use crate::lab::ink::{Ink, Style};
use tenure::sim::checkers::belief::Held;

/// The span of time that is drawn, on CLOCK_BOOTTIME in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Left edge.
    pub from: u64,
    /// Right edge.
    pub until: u64,
    /// The end of what is drawn so far.
    pub now: u64,
    /// Slices.
    pub columns: usize,
}

/// An event at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: u64,
    pub text: String,
}

impl Frame {
    /// The picture: marks above, a row for each lock. Always the same number of lines.
    #[must_use]
    pub fn draw(&self, beliefs: &[Held], marks: &[Mark], style: Style) -> Vec<String> {
        let mut lines = vec![style.paint(Ink::YELLOW, &self.mark_line(marks))];
        for name in LOCKS {
            let holders: Vec<&Held> = beliefs.iter().filter(|held| held.name == name).collect();
            let row: String =
                (0..self.columns).map(|column| self.cell(column, &holders, style)).collect();
            lines.push(format!("{name:<LABEL$}{row}"));
        }
        let slice = (self.until - self.from) / self.columns as u64 / 1_000_000;
        let legend = format!("{:<LABEL$}a letter is a worker, a column {slice} ms, · nobody", "");
        lines.push(style.paint(Ink::DIM, &legend));
        lines
    }

    /// Each mark's text behind an arrow that points down at its column.
    fn mark_line(&self, marks: &[Mark]) -> String {
        let mut line = " ".repeat(LABEL);
        for mark in marks {
            let column = LABEL + self.column(mark.at);
            let length = line.chars().count();
            line.push_str(&" ".repeat(column.saturating_sub(length)));
            line.push_str(&format!("▼ {}", mark.text));
        }
        line
    }

    fn cell(&self, column: usize, holders: &[&Held], style: Style) -> String {
        let (from, until) = (self.edge(column), self.edge(column + 1));
        if from >= self.now {
            return " ".to_owned();
        }
        let overlap = |held: &Held| held.until.min(until).saturating_sub(held.from.max(from));
        let holder =
            holders.iter().max_by_key(|held| overlap(held)).filter(|held| overlap(held) > 0);
        match holder {
            None => style.paint(Ink::DIM, "·"),
            Some(held) => style.paint(ink(&held.client), &held.client),
        }
    }

    fn column(&self, at: u64) -> usize {
        let inside = at.clamp(self.from, self.until) - self.from;
        let column = inside * self.columns as u64 / (self.until - self.from);
        (column as usize).min(self.columns - 1)
    }

    fn edge(&self, column: usize) -> u64 {
        self.from + (self.until - self.from) * column as u64 / self.columns as u64
    }
}

/// The grants of `name` in their order, as "A 12": the first and the last ones.
#[must_use]
pub fn tokens(name: &str, beliefs: &[Held], style: Style) -> String {
    let mut grants: Vec<&Held> = beliefs.iter().filter(|held| held.name == name).collect();
    grants.sort_by_key(|held| held.from);
    let show =
        |held: &&Held| format!("{} {}", style.paint(ink(&held.client), &held.client), held.token);
    let count = grants.len();
    if count <= TOKENS_SHOWN {
        let all: Vec<String> = grants.iter().map(show).collect();
        return format!("{name:<LABEL$}{}", all.join("  "));
    }
    let half = TOKENS_SHOWN / 2;
    let first: Vec<String> = grants[..half].iter().map(show).collect();
    let last: Vec<String> = grants[count - half..].iter().map(show).collect();
    format!("{name:<LABEL$}{}  …  {}   ({count} grants)", first.join("  "), last.join("  "))
}

fn ink(worker: &str) -> Ink {
    let place = WORKERS.iter().position(|name| *name == worker).unwrap_or(0);
    Ink::WORKERS[place]
}

/// Columns for a lock's name.
const LABEL: usize = 8;
const TOKENS_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn held(client: &str, token: u64, from: u64, until: u64) -> Held {
        Held { client: client.into(), name: LOCKS[0].into(), token, from, until }
    }

    #[test]
    fn each_column_shows_who_held_the_lock_longest_in_it() {
        let frame = Frame { from: 0, until: 80, now: 60, columns: 8 };
        let beliefs = [held("A", 1, 0, 26), held("B", 2, 27, 45)];
        let marks = [Mark { at: 35, text: "killed".into() }];
        let lines = frame.draw(&beliefs, &marks, Style::Plain);
        assert_eq!(lines[0], "           ▼ killed");
        assert_eq!(lines[1], "orders  AAABB·  ");
        assert_eq!(lines[2], "mail    ······  ");
    }

    #[test]
    fn marks_beyond_the_edges_stay_inside() {
        let frame = Frame { from: 100, until: 180, now: 180, columns: 8 };
        assert_eq!((frame.column(0), frame.column(180), frame.column(999)), (0, 7, 7));
    }

    #[test]
    fn many_grants_are_shown_by_the_first_and_the_last() {
        let beliefs: Vec<Held> = (1..=20).map(|n| held("C", n, n * 10, n * 10 + 5)).collect();
        let expected = "orders  C 1  C 2  C 3  C 4  …  C 17  C 18  C 19  C 20   (20 grants)";
        assert_eq!(tokens(LOCKS[0], &beliefs, Style::Plain), expected);
    }
}
