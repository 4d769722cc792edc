//! Colours on stdout, if it is a terminal.

use std::io::IsTerminal;

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
    /// A colour for each of eight workers, distinct on dark and bright backgrounds.
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
    /// The style that suits stdout.
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
    fn plain_text_has_no_escapes() {
        assert_eq!(Style::Plain.paint(Ink::RED, "no"), "no");
        assert_eq!(Style::Colour.paint(Ink::RED, "no"), "\u{1b}[1;31mno\u{1b}[0m");
    }
}
