//! What goes to stdout: whole texts, tables, and colours where a person looks.

use crate::cli::failure::Failure;
use std::io::{IsTerminal, Write};

/// Writes `text` to stdout.
///
/// # Errors
/// Stdout is closed or full. A reader that has seen enough (a broken pipe) ends the program quietly.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::no(),
            _ => Failure::unavailable(format!("cannot write to stdout: {error}")),
        }
    })
}

/// Rows as text, each column as wide as its widest cell. The last column is not padded.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let width = |column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How to write on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone: a file, a pipe, NO_COLOR.
    Plain,
    /// With colours: a terminal.
    Colour,
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink(&'static str);

impl Ink {
    pub const BOLD: Self = Self("1");
    pub const DIM: Self = Self("2");
    pub const RED: Self = Self("1;31");
    pub const GREEN: Self = Self("1;32");
    pub const YELLOW: Self = Self("33");
    /// One for each of eight workers, told apart on dark and bright backgrounds.
    pub const WORKERS: [Self; 8] = [
        Self("31"),
        Self("32"),
        Self("33"),
        Self("34"),
        Self("35"),
        Self("36"),
        Self("1;31"),
        Self("1;34"),
    ];
}

impl Style {
    /// What suits stdout.
    #[must_use]
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !refused { Self::Colour } else { Self::Plain }
    }

    /// `text` in `ink`.
    #[must_use]
    pub fn paint(self, ink: Ink, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\u{1b}[{}m{text}\u{1b}[0m", ink.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(table(&[row(["a", "é"]), row(["long", ""])]), "a     é\nlong\n");
    }

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Style::Plain.paint(Ink::RED, "no"), "no");
        assert_eq!(Style::Colour.paint(Ink::RED, "no"), "\u{1b}[1;31mno\u{1b}[0m");
    }
}
