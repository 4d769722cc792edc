//! The obstacle that a wait for a lock meets: told at the wait's end, and during it; holders are
//! told of only at a terminal.

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

/// Tells the person at the terminal whom we wait for and how many are before us, and each change of
/// that. After a drop nothing is written.
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
    /// Begins. A thread asks the cluster: an answer may take long, and must not keep us from a
    /// grant or a Ctrl-C.
    pub fn give(client: &Client, names: &[String]) -> Self {
        let state = Arc::new(State::default());
        let (client, names, shared) = (client.clone(), names.to_vec(), Arc::clone(&state));
        let look = if std::io::stderr().is_terminal() { obstacle } else { condition };
        // Without a thread there are no notices, and all else goes on.
        let _ = thread::spawn("tenure-notice", move || tell((&client, &names, look), &shared));
        Self { state }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        *self.state.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.state.changed.notify_all();
    }
}

/// How the obstacle is looked up.
type Look = fn(&Client, &[String]) -> Option<Obstacle>;

fn tell((client, names, look): (&Client, &[String], Look), state: &State) {
    let mut told: Option<Obstacle> = None;
    // A shorter wait needs no explanation.
    let mut pause = NOTICE_AFTER;
    loop {
        let is_over = state.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = state.changed.wait_timeout_while(is_over, pause, |is_over| !*is_over);
        if *waited.unwrap_or_else(PoisonError::into_inner).0 {
            return;
        }
        pause = NOTICE_EVERY;
        let found = look(client, names);
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

/// The present obstacle as a sentence; `None`: there is none, or the cluster did not say.
pub fn in_the_way(client: &Client, names: &[String]) -> Option<String> {
    match obstacle(client, names)? {
        Obstacle::Holders(holders) => holders.holder_sentence(),
        Obstacle::Cluster { sentence, .. } => Some(sentence),
    }
}

/// An obstacle between us and a lock.
#[derive(Clone, Debug)]
enum Obstacle {
    Holders(Holders),
    /// The cluster grants nothing at all: `sentence` for people, `what` without the times in it.
    Cluster {
        what: String,
        sentence: String,
    },
}

impl PartialEq for Obstacle {
    /// Whether both would be told alike.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Holders(one), Self::Holders(other)) => one == other,
            (Self::Cluster { what: one, .. }, Self::Cluster { what: other, .. }) => one == other,
            _ => false,
        }
    }
}

impl Obstacle {
    fn sentence(&self) -> String {
        match self {
            Self::Holders(holders) => holders.sentence(),
            Self::Cluster { sentence, .. } => format!("the cluster: {}", printable(sentence)),
        }
    }
}

/// The holders of a lock, and the waiters before us.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holders {
    name: String,
    /// The oldest holder: its client's name, token, and wall clock (Unix, in milliseconds) of the
    /// grant.
    holder: Option<(String, u64, u64)>,
    /// The number of holders.
    holding: u32,
    is_delayed: bool,
    /// The number of waiters before us; `None`: we are not among those that the cluster lists.
    ahead: Option<usize>,
    /// The holder's value, and what it was asked, as parts of the sentence.
    more: Vec<String>,
}

impl Holders {
    fn new(lock: LockView, orders: &[OrderShown], own: Option<SessionId>) -> Self {
        let value = Some(told::brief_value(&lock.value)).filter(|value| !value.is_empty());
        let value = value.map(|value| format!("value {value}"));
        let more = value.into_iter().chain(orders.iter().map(told::asked)).collect();
        let ahead = lock.waiters.iter().position(|waiter| Some(waiter.session) == own);
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

/// The condition that keeps the whole cluster from granting, as this client heard of it: no request
/// is sent.
fn condition(client: &Client, _: &[String]) -> Option<Obstacle> {
    let condition = client.condition()?;
    Some(Obstacle::Cluster { sentence: condition.sentence(), what: condition.text })
}

/// The condition of the cluster, else the holders of the first of `names` that others hold.
fn obstacle(client: &Client, names: &[String]) -> Option<Obstacle> {
    let found = condition(client, names);
    found.or_else(|| holders(client, names).map(Obstacle::Holders))
}

fn holders(client: &Client, names: &[String]) -> Option<Holders> {
    let own = client.session().session;
    names.iter().find_map(|name| {
        let rows = client.lock_shown(name).ok()?;
        let lock = &rows.first()?.0;
        let is_free = lock.token.0 == 0 && !lock.is_delayed && lock.waiting <= 1;
        let orders = if is_free { Vec::new() } else { client.orders_shown(&rows).ok()? };
        (!is_free).then(|| Holders::new(lock.clone(), &orders, own))
    })
}

/// When the first notice is due.
const NOTICE_AFTER: Duration = Duration::from_millis(300);
/// How often to look for a change: each look is a read, which writes nothing to the log.
const NOTICE_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn holders(holding: u32, ahead: Option<usize>) -> Holders {
        let holder = Some(("a:1".to_owned(), 17, 0));
        Holders { name: "x".into(), holder, holding, is_delayed: false, ahead, more: Vec::new() }
    }

    #[test]
    fn a_notice_says_who_holds_it_and_our_place() {
        let sentence = holders(1, Some(2)).sentence();
        assert!(sentence.starts_with("x: a:1 holds it under token 17 since "), "{sentence}");
        assert!(sentence.ends_with("; 2 wait before us"), "{sentence}");
        assert!(holders(1, Some(0)).sentence().ends_with("; we are next"));
        let several = holders(3, None).sentence();
        assert!(several.starts_with("x: a:1 and 2 others hold it under token 17"), "{several}");
    }

    #[test]
    fn a_delay_is_told_as_such() {
        let delayed = Holders { holder: None, is_delayed: true, ..holders(0, Some(0)) };
        let expected = "x: the delay after its last holder is not over; we are next";
        assert_eq!(delayed.sentence(), expected);
    }
}
