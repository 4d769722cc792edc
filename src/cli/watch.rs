//! `tenure watch`: the holder of a lock, and each change of it.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::log::{printable, utc};
use crate::cli::output::Reader;
use crate::cli::signals::{ENDING, Signals};
use crate::cli::{name, output};
use clap::Args;
use serde_json::json;
use std::os::fd::AsRawFd;
use std::time::Duration;
use tenure::Status;
use tenure::base::text::hex_unless_text;
use tenure::client::{Observed, Observer, Wait};
use tenure::sys::poll::{self, Interest, Ready};

/// Print who holds a lock or election, and then each change, until a signal.
///
/// A line is "TOKEN HOLDER SINCE VALUE", or "-" while nobody holds it. Changes that could not be told one by one are
/// counted in a line of their own. Of several holders it is the oldest that is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The lock or election
    #[arg(value_parser = name::parse)]
    name: String,
    /// Print JSON, one object for each line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// How a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

impl Form {
    /// The form that the flag `--json` asks for.
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    follow(&options.connection, &options.name, Form::of(options.json))
}

/// Prints each holder of `name` until a signal.
///
/// # Errors
/// No cluster; a name that cannot be; stdout is closed.
pub fn follow(connection: &Connection, name: &str, form: Form) -> Result<(), Failure> {
    let signals = Signals::catch(ENDING)?;
    let client = connection.open()?;
    let observer = client.observe(name)?;
    let mut reader = Reader::Reads;
    while reader == Reader::Reads && signals.take().is_empty() {
        reader = match observer.next(Wait::Try) {
            Ok(observed) => output::offer(&line(name, &observed, form))?,
            Err(error) if error.status == Status::Again => wait_for(&observer, &signals)?,
            Err(error) => return Err(error.into()),
        };
    }
    drop(observer);
    connection.close(&client);
    Ok(())
}

/// Waits for the next change, a signal, or the end of the reader: there may be no change for a year.
fn wait_for(observer: &Observer, signals: &Signals) -> Result<Reader, Failure> {
    let fds = [Some(signals.fd()), observer.fd()];
    let mut set = vec![(std::io::stdout().as_raw_fd(), Interest::End, Ready::default())];
    set.extend(fds.iter().flatten().map(|fd| (*fd, Interest::Read, Ready::default())));
    // Without a descriptor for one of them: polls.
    let timeout = if fds.contains(&None) { Some(LOOK_EVERY) } else { None };
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::unavailable(format!("cannot wait for events: {error}")))?;
    Ok(if set[0].2.readable { Reader::Gone } else { Reader::Reads })
}

fn line(name: &str, observed: &Observed, form: Form) -> String {
    let Observed { holder, missed, .. } = observed;
    if form == Form::Json {
        let value = json!({
            "name": name,
            "holder": holder.as_ref().map(|holder| &holder.client),
            "token": holder.as_ref().map_or(0, |holder| holder.token.0),
            "value": holder.as_ref().map(|holder| String::from_utf8_lossy(&holder.value)),
            "value_hex": holder.as_ref().and_then(|holder| hex_unless_text(&holder.value)),
            "since_unix_ms": holder.as_ref().map(|holder| holder.since_unix_ms),
            "missed": missed,
        });
        return format!("{value}\n");
    }
    let before = match missed {
        0 => String::new(),
        missed => format!("({missed} changes before this were missed)\n"),
    };
    let Some(holder) = holder else { return format!("{before}-\n") };
    let value = String::from_utf8_lossy(&holder.value);
    let words = [
        holder.token.to_string(),
        printable(&holder.client),
        utc(holder.since_unix_ms),
        printable(&value),
    ];
    format!("{before}{}\n", words.join(" ").trim_end())
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::base::Token;
    use tenure::client::Holder;

    fn observed(missed: u64) -> Observed {
        let mut holder = Holder::default();
        holder.token = Token(17);
        holder.client = "a:1".to_owned();
        holder.value = b"10.0.0.1\n".to_vec();
        let mut observed = Observed::default();
        (observed.holder, observed.missed) = (Some(holder), missed);
        observed
    }

    #[test]
    fn a_holder_is_one_line_whatever_its_value() {
        let text = line("x", &observed(0), Form::Text);
        assert_eq!(text, "17 a:1 1970-01-01T00:00:00.000Z 10.0.0.1\\n\n");
        assert_eq!(line("x", &Observed::default(), Form::Text), "-\n");
    }

    #[test]
    fn missed_changes_are_said_before() {
        let text = line("x", &observed(3), Form::Text);
        assert!(text.starts_with("(3 changes before this were missed)\n17 a:1 "), "{text}");
    }

    #[test]
    fn json_has_the_same_keys_for_a_holder_and_for_none() {
        let text = line("x", &observed(3), Form::Json);
        let expected = json!({"name": "x", "holder": "a:1", "token": 17, "value": "10.0.0.1\n",
            "value_hex": null, "since_unix_ms": 0, "missed": 3});
        assert_eq!(text, format!("{expected}\n"));
        let text = line("x", &Observed::default(), Form::Json);
        let expected = json!({"name": "x", "holder": null, "token": 0, "value": null,
            "value_hex": null, "since_unix_ms": null, "missed": 0});
        assert_eq!(text, format!("{expected}\n"));
    }
}
