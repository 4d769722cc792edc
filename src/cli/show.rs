//! `tenure show`: who holds a lock, under which token, since when, and who waits.

use crate::cli::connect::Connection;
use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::output;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;
use tenure::base::limits::LOCKS_PER_READ_MAX;
use tenure::client::Client;
use tenure::lock::{LockView, Name};
use tenure::sys::clock;
use tenure::wire::{Query, ReadAnswer};

/// Show who holds a lock, under which token, since when, and who waits.
#[derive(Args, Debug)]
pub struct Options {
    /// A lock, or all below a prefix that ends with "/"; without it all locks
    #[arg(value_name = "NAME|PREFIX/")]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A lock, and how long its holder's session lasts at least, in milliseconds.
type Row = (LockView, u64);

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let client = options.connection.open()?;
    let rows = match &options.name {
        Some(name) if !name.ends_with('/') => one(&client, name)?,
        prefix => all(&client, prefix.as_deref().unwrap_or_default())?,
    };
    options.connection.close(&client);
    output::print(&if options.json { to_json(&rows) } else { to_text(&rows, clock::unix_ms()) })
}

fn one(client: &Client, name: &str) -> Result<Vec<Row>, Failure> {
    let name = Name::try_from(name).map_err(|error| Failure::usage(error.to_string()))?;
    match client.read(Query::Lock { name })? {
        ReadAnswer::Lock { lock, session_remaining_ms } => {
            Ok(lock.into_iter().map(|lock| (lock, session_remaining_ms)).collect())
        }
        other => Err(unexpected(&other)),
    }
}

/// All locks under `prefix`, page by page. Each page is linearizable, the whole is not one instant.
fn all(client: &Client, prefix: &str) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|(lock, _)| lock.name.clone());
        let query = Query::Locks { prefix: prefix.to_owned(), after, limit: PAGE };
        match client.read(query)? {
            ReadAnswer::Locks { locks, more } => {
                let none = locks.is_empty();
                rows.extend(locks);
                if none || !more {
                    return Ok(rows);
                }
            }
            other => return Err(unexpected(&other)),
        }
    }
}

fn unexpected(answer: &ReadAnswer) -> Failure {
    match answer {
        ReadAnswer::Refused(why) => Failure::unavailable(format!("the cluster refused: {why:?}")),
        other => Failure::unavailable(format!("an answer of another kind came: {other:?}")),
    }
}

fn to_json(rows: &[Row]) -> String {
    let waiter = |waiter: &tenure::lock::WaiterView| -> Value {
        json!({"client": waiter.client, "since_unix_ms": waiter.since_unix_ms})
    };
    let lock = |(lock, remaining_ms): &Row| -> Value {
        json!({
            "name": lock.name.as_str(),
            "holder": (lock.token.0 != 0).then_some(&lock.client),
            "token": lock.token.0,
            "value": String::from_utf8_lossy(&lock.value),
            "since_unix_ms": lock.since_unix_ms,
            "remaining_ms": remaining_ms,
            "waiting": lock.waiting,
            "queue": lock.waiters.iter().map(waiter).collect::<Vec<_>>(),
        })
    };
    format!("{}\n", json!({"locks": rows.iter().map(lock).collect::<Vec<_>>()}))
}

fn to_text(rows: &[Row], now_unix_ms: u64) -> String {
    if rows.is_empty() {
        return "nobody holds or waits\n".to_owned();
    }
    let since = |unix_ms| ago(now_unix_ms, unix_ms);
    let head = ["NAME", "HOLDER", "TOKEN", "SINCE", "REMAINING", "QUEUE"].map(str::to_owned);
    let mut lines = vec![head.to_vec()];
    for (lock, remaining_ms) in rows {
        lines.push(vec![
            printable(lock.name.as_str()),
            printable(&lock.client),
            lock.token.to_string(),
            since(lock.since_unix_ms),
            duration::show(Duration::from_millis(*remaining_ms)),
            lock.waiting.to_string(),
        ]);
    }
    let mut text = output::table(&lines);
    if let [(lock, _)] = rows {
        for (place, waiter) in lock.waiters.iter().enumerate() {
            let (client, since) = (printable(&waiter.client), since(waiter.since_unix_ms));
            text.push_str(&format!("  waits {}: {client}, since {since}\n", place + 1));
        }
    }
    text
}

/// How long ago an instant of another machine's wall clock was; never before now.
#[must_use]
pub fn ago(now_unix_ms: u64, then_unix_ms: u64) -> String {
    duration::show(Duration::from_millis(now_unix_ms.saturating_sub(then_unix_ms)))
}

/// Locks asked for at once.
const PAGE: u32 = LOCKS_PER_READ_MAX as u32;

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::{SessionId, Token};
    use tenure::lock::WaiterView;

    fn rows() -> Vec<Row> {
        let waiter =
            WaiterView { session: SessionId(2), client: "b:2".into(), since_unix_ms: 9_000 };
        let lock = LockView {
            name: Name::try_from("jobs/x").unwrap(),
            token: Token(17),
            session: SessionId(1),
            client: "a\n:1".into(),
            value: b"v".to_vec(),
            since_unix_ms: 5_000,
            limit: 0,
            others: Vec::new(),
            holding: 1,
            is_delayed: false,
            is_asked: false,
            waiters: vec![waiter],
            waiting: 1,
        };
        vec![(lock, 7_500)]
    }

    #[test]
    fn a_lock_is_one_line_with_its_queue_below() {
        let text = to_text(&rows(), 10_000);
        let expected = "NAME    HOLDER  TOKEN  SINCE  REMAINING  QUEUE\n\
                        jobs/x  a\\n:1   17     5.0s   7.5s       1\n  waits 1: b:2, since 1.0s\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn json_has_numbers_as_numbers() {
        let value: Value = serde_json::from_str(&to_json(&rows())).unwrap();
        let lock = &value["locks"][0];
        assert_eq!((lock["token"].as_u64(), lock["remaining_ms"].as_u64()), (Some(17), Some(7500)));
        assert_eq!(lock["queue"][0]["client"], "b:2");
    }
}
