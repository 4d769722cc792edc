//! The output of the demo: lines on stdout, and a picture that moves on a terminal.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::ink::{Ink, Style};
use std::io::IsTerminal;

/// Stdout.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    style: Style,
    motion: Motion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motion {
    /// Each picture replaces the one before.
    Moving,
    /// Only the last picture is shown.
    Still,
}

impl Stage {
    /// A stage that suits stdout.
    #[must_use]
    pub fn new(style: Style) -> Self {
        let motion = if std::io::stdout().is_terminal() { Motion::Moving } else { Motion::Still };
        Self { style, motion }
    }

    /// With colours or without.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    pub fn title(&self, text: &str) -> Result<(), Failure> {
        output::print(&format!("\n{}\n\n", self.style.paint(Ink::BOLD, text)))
    }

    pub fn say(&self, line: &str) -> Result<(), Failure> {
        output::print(&format!("{}\n", format!("  {line}").trim_end()))
    }

    /// Lines, as they are.
    pub fn block(&self, text: &str) -> Result<(), Failure> {
        text.lines().try_for_each(|line| self.say(&format!("  {line}")))
    }

    /// Shows one of many pictures of the same number of lines, the first if `before` is 0, on a
    /// terminal only. Gives the number of lines.
    pub fn picture(&self, lines: &[String], before: usize) -> Result<usize, Failure> {
        if self.motion == Motion::Still {
            return Ok(0);
        }
        self.draw(lines, before)?;
        Ok(lines.len())
    }

    /// The last picture, after one of `before` lines.
    pub fn last_picture(&self, lines: &[String], before: usize) -> Result<(), Failure> {
        self.draw(lines, before)
    }

    fn draw(&self, lines: &[String], before: usize) -> Result<(), Failure> {
        let mut text = if before == 0 { String::new() } else { format!("\u{1b}[{before}A") };
        let end = if self.motion == Motion::Moving { "\u{1b}[K\n" } else { "\n" };
        for line in lines {
            text.push_str(&format!("  {line}{end}"));
        }
        output::print(&text)
    }
}
