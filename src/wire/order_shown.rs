//! What a holder was asked (safety L23), as it is told to whoever asks who holds a lock.

use crate::base::Token;
use crate::base::locks::Name;
use crate::wire::{Cell, Row, Values, row_number, row_text};

/// An order to end a grant, that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderShown {
    /// The lock.
    pub name: Name,
    /// Its oldest grant that is to end.
    pub token: Token,
    /// Within so many milliseconds of hearing of it.
    pub grace_ms: u64,
    /// Why, for people; may be empty.
    pub reason: String,
    /// The client that gets the lock then.
    pub heir: Option<String>,
}

impl OrderShown {
    /// Several as named values.
    #[must_use]
    pub fn to_values(orders: &[Self]) -> Values {
        Values::new().with("orders", Some(orders.iter().map(Self::to_row).collect::<Vec<_>>()))
    }

    /// Out of named values; one that names no lock is none.
    #[must_use]
    pub fn from_values(values: &Values) -> Vec<Self> {
        values.rows("orders").iter().filter_map(|row| Self::of_row(row)).collect()
    }

    fn to_row(&self) -> Row {
        let text = |text: &str| Cell::Text(text.to_owned());
        let mut row = vec![
            ("name".to_owned(), text(self.name.as_str())),
            ("token".to_owned(), Cell::Number(self.token.0)),
            ("grace_ms".to_owned(), Cell::Number(self.grace_ms)),
            ("reason".to_owned(), text(&self.reason)),
        ];
        row.extend(self.heir.as_deref().map(|heir| ("to".to_owned(), text(heir))));
        row
    }

    fn of_row(row: &[(String, Cell)]) -> Option<Self> {
        Some(Self {
            name: Name::try_from(row_text(row, "name")?).ok()?,
            token: Token(row_number(row, "token").unwrap_or_default()),
            grace_ms: row_number(row, "grace_ms").unwrap_or_default(),
            reason: row_text(row, "reason").unwrap_or_default().to_owned(),
            heir: row_text(row, "to").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_back_and_a_row_without_a_lock_is_passed_over() {
        let name = Name::try_from("x").unwrap();
        let order = |heir: Option<&str>| OrderShown {
            name: name.clone(),
            token: Token(7),
            grace_ms: 10,
            reason: "maintenance".to_owned(),
            heir: heir.map(str::to_owned),
        };
        let orders = [order(None), order(Some("b"))];
        assert_eq!(OrderShown::from_values(&OrderShown::to_values(&orders)), orders);
        let nameless = Values::new().with("orders", Some(vec![vec![]]));
        assert_eq!(OrderShown::from_values(&nameless), []);
    }
}
