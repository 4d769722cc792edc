//! Output to stdout: whole texts and tables.

use crate::cli::columns;
use crate::cli::failure::Failure;
use crate::cli::outlet::{Stream, write_whole};
use std::io::{self, ErrorKind};

/// Whether anybody reads what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Reads,
    /// The reader has seen enough (a broken pipe).
    Gone,
}

/// Writes `text` to stdout.
///
/// # Errors
/// Stdout is full.
pub fn offer(text: &str) -> Result<Reader, Failure> {
    let written = Stream::Stdout.open().and_then(|stdout| write_whole(&stdout, text.as_bytes()));
    match written {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(cannot_write(&error)),
    }
}

/// Writes `text` to stdout; more will follow.
///
/// # Errors
/// Stdout is full. A reader that has seen enough ends the program quietly.
pub fn print(text: &str) -> Result<(), Failure> {
    match offer(text)? {
        Reader::Reads => Ok(()),
        Reader::Gone => Err(Failure::no()),
    }
}

/// Writes the last `text` to stdout. A reader that has seen enough does not change the exit code:
/// the command was carried out, and its answer does not depend on a reader.
///
/// # Errors
/// Stdout is full.
pub fn conclude(text: &str) -> Result<(), Failure> {
    offer(text).map(drop)
}

/// The failure when stdout cannot be written.
pub fn cannot_write(error: &io::Error) -> Failure {
    Failure::unavailable(format!("cannot write to stdout: {error}"))
}

/// Rows as text, each column as wide as its widest cell. The last column is not padded.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let width = |column| cells(column).map(|cell| columns::width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&columns::pad(cell, width + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(table(&[row(["a", "é"]), row(["long", ""])]), "a     é\nlong\n");
        assert_eq!(table(&[row(["名", "x"]), row(["abc", "y"])]), "名   x\nabc  y\n");
    }
}
