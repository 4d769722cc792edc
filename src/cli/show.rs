//! `tenure show`: who holds a lock, under which token, since when, and who waits.

use crate::cli::connect::Connection;
use crate::cli::duration;
use crate::cli::failure::{Failure, NO};
use crate::cli::log::printable;
use crate::cli::{name, output, told, typed};
use clap::Args;
use serde_json::Value;
use std::time::Duration;
use tenure::client::Client;
use tenure::lock::{LockView, Mode};
use tenure::sys::clock;
use tenure::wire::{OrderShown, Query, ReadAnswer};

/// Show who holds a lock, under which token, since when, and who waits.
///
/// STATE is "held", "shared by N", or how much of a semaphore is taken ("2 of 3"); "asked" is added where the holder was
/// asked to end (`tenure break`), "delayed" where an expired holder's lock delay is not over. HOLDER is the oldest, and
/// VALUE what it says of itself. A single lock is shown with what its holder was asked, why, its other holders and its queue.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 of one lock: somebody holds it, of several: shown; 1 nobody holds it; 2 usage; \
                  3 cluster unavailable."
)]
pub struct Options {
    /// A lock, or all below a prefix that ends with "/"; without the word all locks
    #[arg(value_name = "NAME|PREFIX/", value_parser = name::parse)]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A lock, and the least remaining time of its holder's session in milliseconds.
type Row = (LockView, u64);

pub fn run(options: &Options) -> Result<u8, Failure> {
    let client = options.connection.open()?;
    let shown = options.show(&client);
    options.connection.close(&client);
    let (text, code) = shown?;
    output::conclude(&text).map(|()| code)
}

impl Options {
    /// The text, and the exit code.
    fn show(&self, client: &Client) -> Result<(String, u8), Failure> {
        let name = self.name.as_deref().unwrap_or_default();
        let is_one = !name.is_empty() && !name.ends_with('/');
        let code = |is_held: bool| if is_one && !is_held { NO } else { 0 };
        if self.json {
            let text = client.describe(if is_one { "lock" } else { "locks" }, name)?;
            let shown: Value = serde_json::from_str(&text).unwrap_or_default();
            let is_held = shown["locks"][0]["holding"].as_u64().is_some_and(|holding| holding > 0);
            return Ok((format!("{text}\n"), code(is_held)));
        }
        let rows = if is_one { client.lock_shown(name)? } else { client.locks_shown(name)? };
        let is_held = rows.iter().any(|(lock, _)| lock.holding > 0);
        let orders = client.orders_shown(&rows)?;
        let mut text = to_text(&rows, &orders, clock::unix_ms());
        if is_one && rows.is_empty() && has_some_below(client, name)? {
            let below = typed::command("show", &self.connection, &[&format!("{name}/")]);
            text.push_str(&format!("there are locks below it: see `{below}`\n"));
        }
        if let Some(condition) = client.condition() {
            text.push_str(&format!("{}\n", printable(&condition.sentence())));
        }
        Ok((text, code(is_held)))
    }
}

/// Whether a lock below the folder `name` is held or waited for.
fn has_some_below(client: &Client, name: &str) -> Result<bool, Failure> {
    let query = Query::Locks { prefix: format!("{name}/"), after: None, limit: 1 };
    match client.read(query)? {
        ReadAnswer::Locks { locks, .. } => Ok(!locks.is_empty()),
        other => Err(Failure::unavailable(format!("an answer of another kind came: {other:?}"))),
    }
}

fn to_text(rows: &[Row], orders: &[OrderShown], now_unix_ms: u64) -> String {
    if rows.is_empty() {
        return "nobody holds or waits\n".to_owned();
    }
    let head = ["NAME", "STATE", "HOLDER", "TOKEN", "SINCE", "REMAINING", "QUEUE"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| line(row, now_unix_ms)));
    // The value comes last, since it may be long. A single lock has a line for it.
    if rows.len() > 1 && rows.iter().any(|(lock, _)| !lock.value.is_empty()) {
        lines[0].push("VALUE".to_owned());
        let values = rows.iter().map(|(lock, _)| told::brief_value(&lock.value));
        lines[1..].iter_mut().zip(values).for_each(|(line, value)| line.push(value));
    }
    let mut text = output::table(&lines);
    if let [(lock, _)] = rows {
        if !lock.value.is_empty() {
            text.push_str(&format!("  value: {}\n", told::value(&lock.value)));
        }
        text.push_str(&orders.iter().map(|order| asked(lock, order)).collect::<String>());
        text.push_str(&others(lock, now_unix_ms));
        text.push_str(&queue(lock, now_unix_ms));
    }
    text
}

fn line((lock, remaining_ms): &Row, now_unix_ms: u64) -> Vec<String> {
    let mut cells = vec![printable(lock.name.as_str()), state(lock)];
    cells.extend(if lock.holding == 0 {
        ["-"; 4].map(str::to_owned)
    } else {
        [
            printable(&lock.client),
            lock.token.to_string(),
            ago(now_unix_ms, lock.since_unix_ms),
            duration::show(Duration::from_millis(*remaining_ms)),
        ]
    });
    cells.push(lock.waiting.to_string());
    cells
}

/// STATE: how much of the lock is held, "asked", "delayed".
fn state(lock: &LockView) -> String {
    let held = match (lock.limit, lock.mode, lock.holding) {
        (0, _, 0) if lock.is_delayed => return "delayed".to_owned(),
        (0, _, 0) => "free".to_owned(),
        (0, Mode::Exclusive, _) => "held".to_owned(),
        (0, Mode::Shared, holding) => format!("shared by {holding}"),
        (limit, _, _) => format!("{} of {limit}", lock.taken),
    };
    let asked = if lock.is_asked { ", asked" } else { "" };
    let delayed = if lock.is_delayed { ", delayed" } else { "" };
    format!("{held}{asked}{delayed}")
}

/// The order to a holder; names the holder if it is not the oldest.
fn asked(lock: &LockView, order: &OrderShown) -> String {
    let whose = match order.token {
        token if token == lock.token => String::new(),
        token => format!("token {token} is "),
    };
    format!("  {whose}{}\n", told::asked(order))
}

/// A line for each holder but the oldest.
fn others(lock: &LockView, now_unix_ms: u64) -> String {
    let mut text = String::new();
    for other in &lock.others {
        let (client, since) = (printable(&other.client), ago(now_unix_ms, other.since_unix_ms));
        let permits = permits(lock, other.permits);
        text.push_str(&format!(
            "  holds too: {client}, token {}, since {since}{permits}\n",
            other.token
        ));
    }
    text.push_str(&more(lock.holding, 1 + lock.others.len(), "hold it too"));
    text
}

/// A line for each waiter, first come first.
fn queue(lock: &LockView, now_unix_ms: u64) -> String {
    let mut text = String::new();
    for (place, waiter) in lock.waiters.iter().enumerate() {
        let (client, since) = (printable(&waiter.client), ago(now_unix_ms, waiter.since_unix_ms));
        let permits = permits(lock, waiter.permits);
        let shared = if waiter.mode == Mode::Shared { ", shared" } else { "" };
        text.push_str(&format!(
            "  waits {}: {client}, since {since}{shared}{permits}\n",
            place + 1
        ));
    }
    text.push_str(&more(lock.waiting, lock.waiters.len(), "wait"));
    text
}

fn permits(lock: &LockView, permits: u32) -> String {
    if lock.limit == 0 { String::new() } else { format!(", {permits} of {}", lock.limit) }
}

/// A line that counts those who are not listed.
fn more(all: u32, listed: usize, what: &str) -> String {
    match (all as usize).saturating_sub(listed) {
        0 => String::new(),
        unlisted => format!("  and {unlisted} more {what}\n"),
    }
}

/// How long ago an instant of another machine's wall clock was; one in the future counts as now.
#[must_use]
pub fn ago(now_unix_ms: u64, then_unix_ms: u64) -> String {
    duration::show(Duration::from_millis(now_unix_ms.saturating_sub(then_unix_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::{SessionId, Token};
    use tenure::lock::{HolderView, Name, WaiterView};

    fn row() -> Row {
        let waiter = WaiterView {
            session: SessionId(2),
            client: "b:2".into(),
            since_unix_ms: 9_000,
            mode: Mode::Exclusive,
            permits: 1,
        };
        let lock = LockView {
            name: Name::try_from("jobs/x").unwrap(),
            token: Token(17),
            session: SessionId(1),
            client: "a\n:1".into(),
            value: b"v".to_vec(),
            since_unix_ms: 5_000,
            mode: Mode::Exclusive,
            limit: 0,
            taken: 1,
            others: Vec::new(),
            holding: 1,
            is_delayed: false,
            is_asked: false,
            waiters: vec![waiter],
            waiting: 1,
        };
        (lock, 7_500)
    }

    fn several(mode: Mode, limit: u32) -> LockView {
        let client = "c:3".into();
        let other = HolderView {
            token: Token(18),
            session: SessionId(3),
            client,
            since_unix_ms: 6_000,
            permits: 1,
        };
        let (lock, _) = row();
        LockView { mode, limit, taken: 2, others: vec![other], holding: 2, ..lock }
    }

    #[test]
    fn a_lock_is_one_line_with_its_queue_below() {
        let expected = "NAME    STATE  HOLDER  TOKEN  SINCE  REMAINING  QUEUE\n\
                        jobs/x  held   a\\n:1   17     5.0s   7.5s       1\n  value: v\n  waits 1: b:2, since 1.0s\n";
        assert_eq!(to_text(&[row()], &[], 10_000), expected);
    }

    #[test]
    fn several_locks_are_a_table_alone() {
        assert_eq!(to_text(&[row(), row()], &[], 10_000).lines().count(), 3);
        assert_eq!(to_text(&[], &[], 10_000), "nobody holds or waits\n");
    }

    #[test]
    fn readers_are_counted_and_listed_after_the_oldest() {
        let text = to_text(&[(several(Mode::Shared, 0), 7_500)], &[], 10_000);
        assert!(text.contains("jobs/x  shared by 2  a\\n:1   17"), "{text}");
        assert!(text.contains("  holds too: c:3, token 18, since 4.0s\n  waits 1: b:2"), "{text}");
    }

    #[test]
    fn a_semaphore_says_how_much_of_it_is_taken_and_wanted() {
        let text = to_text(&[(several(Mode::Exclusive, 3), 7_500)], &[], 10_000);
        assert!(text.contains("jobs/x  2 of 3  "), "{text}");
        assert!(
            text.contains("since 4.0s, 1 of 3\n  waits 1: b:2, since 1.0s, 1 of 3\n"),
            "{text}"
        );
    }

    #[test]
    fn those_who_are_not_listed_are_counted() {
        let text = to_text(&[(LockView { holding: 9, waiting: 70, ..row().0 }, 0)], &[], 10_000);
        assert!(text.contains("  and 8 more hold it too\n"), "{text}");
        assert!(text.ends_with("  and 69 more wait\n"), "{text}");
    }

    #[test]
    fn a_delayed_lock_has_no_holder_and_one_that_is_asked_for_still_has() {
        let (lock, _) = row();
        let asked = LockView { is_asked: true, ..lock.clone() };
        assert_eq!(state(&asked), "held, asked");
        let delayed = LockView {
            token: Token(0),
            client: String::new(),
            holding: 0,
            is_delayed: true,
            ..lock
        };
        let cells = line(&(delayed, 0), 10_000);
        assert_eq!(cells, ["jobs/x", "delayed", "-", "-", "-", "-", "1"]);
    }
}
