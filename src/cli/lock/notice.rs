//! Who is in the way: told at the end of a wait, and at a terminal during it.

use crate::cli::log::printable;
use crate::cli::outlet::STDERR;
use crate::cli::show::ago;
use crate::cli::told;
use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tenure::base::SessionId;
use tenure::client::Client;
use tenure::lock::LockView;
use tenure::sys::{clock, thread};
use tenure::wire::OrderShown;

/// Tells the person at the terminal whom we wait for and how many are before us, again whenever that changes. Over when
/// dropped: nothing is written after that.
#[derive(Debug)]
pub struct Notice {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Notice {
    /// Begins. A question to the cluster may take long, and must not keep us from a grant or a Ctrl-C: so a thread asks.
    pub fn give(client: &Client, names: &[String]) -> Self {
        let state = Arc::new(State::default());
        if std::io::stderr().is_terminal() {
            let (client, names, shared) = (client.clone(), names.to_vec(), Arc::clone(&state));
            // Without a thread nothing is told, and all else goes on.
            let _ = thread::spawn("tenure-notice", move || tell(&client, &names, &shared));
        }
        Self { state }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        *self.state.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.state.changed.notify_all();
    }
}

fn tell(client: &Client, names: &[String], state: &State) {
    let mut told: Option<Obstacle> = None;
    // A wait that is shorter needs no explanation.
    let mut pause = NOTICE_AFTER;
    loop {
        let is_over = state.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = state.changed.wait_timeout_while(is_over, pause, |is_over| !*is_over);
        if *waited.unwrap_or_else(PoisonError::into_inner).0 {
            return;
        }
        pause = NOTICE_EVERY;
        let found = obstacle(client, names);
        let is_over = state.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_over {
            return;
        }
        if found.is_some() && found != told {
            let text = found.as_ref().map(Obstacle::sentence).unwrap_or_default();
            STDERR.say(&format!("waiting for {text}"));
            told = found;
        }
    }
}

/// Who is in the way now, in a sentence; `None`: nobody, or it could not be learnt.
pub fn in_the_way(client: &Client, names: &[String]) -> Option<String> {
    obstacle(client, names)?.holder_sentence()
}

/// What keeps us from a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Obstacle {
    name: String,
    /// The oldest holder, its token, and since when it holds.
    holder: Option<(String, u64, u64)>,
    /// How many hold it.
    holding: u32,
    is_delayed: bool,
    /// How many wait before us; `None`: we are not among the first who are told.
    ahead: Option<usize>,
    /// What the holder says of itself, and what it was asked.
    more: Vec<String>,
}

impl Obstacle {
    fn new(lock: LockView, orders: &[OrderShown], own: SessionId) -> Self {
        let value = Some(told::brief_value(&lock.value)).filter(|value| !value.is_empty());
        let value = value.map(|value| format!("value {value}"));
        let more = value.into_iter().chain(orders.iter().map(told::asked)).collect();
        let ahead = lock.waiters.iter().position(|waiter| waiter.session == own);
        let holder = (lock.token.0 != 0).then_some((lock.client, lock.token.0, lock.since_unix_ms));
        Self {
            name: lock.name.as_str().to_owned(),
            holder,
            holding: lock.holding,
            is_delayed: lock.is_delayed,
            ahead,
            more,
        }
    }

    fn sentence(&self) -> String {
        let name = printable(&self.name);
        let place = match self.ahead {
            Some(0) => "; we are next".to_owned(),
            Some(ahead) => format!("; {ahead} wait before us"),
            None => String::new(),
        };
        match self.holder_sentence() {
            Some(holder) => format!("{name}: {holder}{place}"),
            None => format!("{name}{place}"),
        }
    }

    fn holder_sentence(&self) -> Option<String> {
        let Some((client, token, since)) = &self.holder else {
            return self
                .is_delayed
                .then(|| "the delay after its last holder is not over".to_owned());
        };
        let since = ago(clock::unix_ms(), *since);
        let others = match self.holding {
            0 | 1 => String::new(),
            holding => format!(" and {} others hold it", holding - 1),
        };
        let verb = if others.is_empty() { " holds it" } else { "" };
        let more = match self.more.as_slice() {
            [] => String::new(),
            more => format!(" ({})", more.join("; ")),
        };
        let client = printable(client);
        Some(format!("{client}{verb}{others} under token {token} since {since}{more}"))
    }
}

/// Of the first of `names` that is in the hands of others.
fn obstacle(client: &Client, names: &[String]) -> Option<Obstacle> {
    let own = client.session().session;
    names.iter().find_map(|name| {
        let rows = client.lock_shown(name).ok()?;
        let lock = &rows.first()?.0;
        let is_free = lock.token.0 == 0 && !lock.is_delayed && lock.waiting <= 1;
        let orders = if is_free { Vec::new() } else { client.orders_shown(&rows).ok()? };
        (!is_free).then(|| Obstacle::new(lock.clone(), &orders, own))
    })
}

/// When the first notice is due.
const NOTICE_AFTER: Duration = Duration::from_millis(300);
/// How often to look whether something has changed: one read, which writes nothing.
const NOTICE_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(holding: u32, ahead: Option<usize>) -> Obstacle {
        let holder = Some(("a:1".to_owned(), 17, 0));
        Obstacle { name: "x".into(), holder, holding, is_delayed: false, ahead, more: Vec::new() }
    }

    #[test]
    fn a_notice_says_who_holds_it_and_our_place() {
        let sentence = obstacle(1, Some(2)).sentence();
        assert!(sentence.starts_with("x: a:1 holds it under token 17 since "), "{sentence}");
        assert!(sentence.ends_with("; 2 wait before us"), "{sentence}");
        assert!(obstacle(1, Some(0)).sentence().ends_with("; we are next"));
        let several = obstacle(3, None).sentence();
        assert!(several.starts_with("x: a:1 and 2 others hold it under token 17"), "{several}");
    }

    #[test]
    fn a_delay_is_told_as_such() {
        let delayed = Obstacle { holder: None, is_delayed: true, ..obstacle(0, Some(0)) };
        let expected = "x: the delay after its last holder is not over; we are next";
        assert_eq!(delayed.sentence(), expected);
    }
}
