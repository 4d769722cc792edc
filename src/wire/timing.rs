//! How long something takes at a node, in microseconds, as its status tells it.

use crate::wire::{Cell, Row, Value, Values, row_number};

/// Of all times since the start of the node's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// How many there were.
    pub count: u64,
    /// Half of them were at most so long.
    pub p50: u64,
    /// 99 of 100 were at most so long.
    pub p99: u64,
    /// The longest.
    pub max: u64,
    /// The longest of the last minute.
    pub max_minute: u64,
}

impl Timing {
    /// As a named value: a list of one row, so that what is added later has a name, too.
    pub(super) fn to_value(self) -> Value {
        let row: Row = self
            .figures()
            .map(|(name, micros)| (name.to_owned(), Cell::Number(micros)))
            .into_iter()
            .collect();
        Value::Rows(vec![row])
    }

    /// `None` if the values do not have it.
    pub(super) fn named(values: &Values, name: &str) -> Option<Self> {
        let row = values.rows(name).first()?;
        let number = |name: &str| row_number(row, name).unwrap_or_default();
        Some(Self {
            count: number("count"),
            p50: number("p50"),
            p99: number("p99"),
            max: number("max"),
            max_minute: number("max_minute"),
        })
    }

    /// Each figure under its name.
    #[must_use]
    pub fn figures(self) -> [(&'static str, u64); 5] {
        let Self { count, p50, p99, max, max_minute } = self;
        [("count", count), ("p50", p50), ("p99", p99), ("max", max), ("max_minute", max_minute)]
    }
}
