//! Reads logs line by line, and pairs events: a grant and its end, a wait and its grant.
//!
//! An unclear line is an error and not a guess: a checker that skips what it does not understand
//! proves nothing.

mod orders;
mod rights;

use super::history::{
    Belief, Fate, History, Mark, Outcome, Share, Sighting, Source, Told, Turn, Wait, Write,
};
use super::line::{Kind, Line, Mode};
use super::nanos;
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Reads `files`.
///
/// # Errors
/// A log cannot be read, or a line of it cannot be understood: where, and what to do.
pub fn read(files: &[PathBuf]) -> Result<History, Failure> {
    let mut reader = Reader::default();
    for path in files {
        reader.read_file(path)?;
    }
    Ok(reader.finish())
}

/// The reader of all logs, with the beliefs and waits that are open.
#[derive(Debug, Default)]
struct Reader {
    history: History,
    /// The boot of the present log, once the log has named it.
    boot: Option<u32>,
    here: Source,
    /// Open beliefs, one for each lock of a grant, by client, lock and token.
    held: BTreeMap<(u32, u32, u64), Range<usize>>,
    /// Open waits, one for each lock, by client and lock.
    waiting: BTreeMap<(u32, u32), Range<usize>>,
    /// Clients that are gone, since when.
    gone: Vec<(u32, u64)>,
}

impl Reader {
    fn read_file(&mut self, path: &Path) -> Result<(), Failure> {
        let cannot = |error: std::io::Error| {
            Failure::usage(format!("cannot read the log {}: {error}", path.display()))
        };
        let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(cannot)?);
        self.here = Source { file: self.history.files.len() as u32, line: 0 };
        self.history.files.push(path.to_owned());
        self.boot = None;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if input.read_until(b'\n', &mut bytes).map_err(cannot)? == 0 {
                return Ok(());
            }
            self.here.line += 1;
            self.history.lines += 1;
            match self.take_line(&bytes) {
                Ok(()) => {}
                // The writer was killed while it wrote.
                Err(_) if bytes.last() != Some(&b'\n') => self.history.cut_lines += 1,
                Err(what) => {
                    let place = self.history.place(self.here);
                    let what = printable(&what);
                    return Err(Failure::usage(format!(
                        "{place}: {what}; correct the line or leave it out (docs/developers/chaos.md has the format)"
                    )));
                }
            }
        }
    }

    fn take_line(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let line: Line = serde_json::from_slice(bytes).map_err(|error| said(&error))?;
        match line.event {
            Kind::Log => self.take_head(&line),
            Kind::Waiting => self.take_waiting(&line),
            Kind::GaveUp => self.take_gave_up(&line),
            Kind::Granted => self.take_granted(&line),
            Kind::Held | Kind::Ended => self.take_belief(&line),
            Kind::Validated => self.take_validated(&line),
            Kind::Handed => self.take_handed(&line),
            Kind::Breaking => self.take_breaking(&line),
            Kind::Broke | Kind::Spared => self.take_break_answer(&line),
            Kind::Revoking | Kind::Revoked | Kind::Allowing | Kind::Allowed => {
                self.take_right(&line)
            }
            Kind::Gone => self.take_gone(&line),
            Kind::Write => self.take_write(&line),
            Kind::Unchecked => {
                self.history.unchecked += 1;
                self.history.unchecked_undid += line.overwrote.unwrap_or(0);
                Ok(())
            }
            Kind::Observing => self.take_sighting(&line, Told::Begin),
            Kind::Saw => self.take_saw(&line),
            Kind::Nemesis => self.take_mark(&line, Turn::Struck),
            Kind::Healed => self.take_mark(&line, Turn::Healed),
        }
    }

    fn take_head(&mut self, line: &Line) -> Result<(), String> {
        let boot = needed(line, "boot", line.boot.as_deref())?;
        self.boot = Some(self.history.boots.number(boot));
        Ok(())
    }

    fn take_waiting(&mut self, line: &Line) -> Result<(), String> {
        let (boot, from) = self.stamp(line)?;
        let (client, lock) = self.client_and_lock(line)?;
        let locks = self.locks(line, lock)?;
        let begin = self.history.waits.len();
        let (until, session, was_heard, source) = (None, line.session, false, self.here);
        let (outcome, principal) = (Outcome::Open, self.principal(line));
        if self.waiting.insert((client, lock), begin..begin + locks.len()).is_some() {
            return Err(
                "this client waits for this lock already; give each thread that waits for \
                one lock a client name of its own"
                    .to_owned(),
            );
        }
        let wait = |lock| Wait {
            boot,
            lock,
            client,
            from,
            until,
            outcome,
            principal,
            session,
            was_heard,
            source,
        };
        self.history.waits.extend(locks.into_iter().map(wait));
        Ok(())
    }

    fn take_gave_up(&mut self, line: &Line) -> Result<(), String> {
        let (_, at) = self.stamp(line)?;
        let (client, lock) = self.client_and_lock(line)?;
        let places = self
            .waiting
            .remove(&(client, lock))
            .ok_or("this client did not wait for this lock: a \"waiting\" goes before")?;
        let is_denied = line.denied == Some(true);
        for wait in self.end_waits(places, at)? {
            wait.outcome = if is_denied { Outcome::Denied } else { Outcome::GaveUp };
        }
        Ok(())
    }

    fn end_waits(&mut self, places: Range<usize>, at: u64) -> Result<&mut [Wait], String> {
        let waits = &mut self.history.waits[places];
        for wait in &mut *waits {
            in_order(wait.from, at, "waiting")?;
            wait.until = Some(at);
        }
        Ok(waits)
    }

    fn take_granted(&mut self, line: &Line) -> Result<(), String> {
        let (boot, at) = self.stamp(line)?;
        let (client, lock) = self.client_and_lock(line)?;
        let (token, share) = (token(line)?, share(line)?);
        let locks = self.locks(line, lock)?;
        // A try has no wait to end.
        if let Some(places) = self.waiting.remove(&(client, lock)) {
            for wait in self.end_waits(places, at)? {
                wait.was_heard = line.session.is_some() && wait.session == line.session;
                wait.outcome = Outcome::Granted;
            }
        }
        let begin = self.history.beliefs.len();
        self.held.insert((client, lock, token), begin..begin + locks.len());
        let (here, names) = (self.here, locks.len() as u32);
        let principal = self.principal(line);
        let belief = |lock| Belief {
            boot,
            lock,
            client,
            share,
            token,
            from: at,
            until: at,
            granted: here,
            ended: here,
            principal,
            names,
            ttl_ms: line.ttl_ms.unwrap_or(0),
            delay_ms: line.delay_ms.unwrap_or(0),
            stands_to: stands_to(line, at),
            fate: Fate::Open,
        };
        self.history.beliefs.extend(locks.into_iter().map(belief));
        Ok(())
    }

    fn take_belief(&mut self, line: &Line) -> Result<(), String> {
        let (_, at) = self.stamp(line)?;
        let (client, lock) = self.client_and_lock(line)?;
        let key = (client, lock, token(line)?);
        let (places, fate) = match line.event {
            Kind::Ended => (self.held.remove(&key), Fate::Ended),
            _ => (self.held.get(&key).cloned(), Fate::Open),
        };
        let places = places.ok_or(
            "this client holds no such token here: a \"granted\" with the same client, lock and token \
             goes before, and logs of one client are given in the order of time",
        )?;
        let here = self.here;
        for belief in &mut self.history.beliefs[places] {
            in_order(belief.until, at, "granted")?;
            (belief.until, belief.ended, belief.fate) = (at, here, fate);
            belief.stands_to = stands_to(line, at);
        }
        Ok(())
    }

    fn take_gone(&mut self, line: &Line) -> Result<(), String> {
        let (_, at) = self.stamp(line)?;
        let client = needed(line, "client", line.client.as_deref())?;
        self.gone.push((self.history.clients.number(client), at));
        Ok(())
    }

    fn take_write(&mut self, line: &Line) -> Result<(), String> {
        let resource = needed(line, "resource", line.resource.as_deref())?;
        let write = Write {
            resource: self.history.resources.number(resource),
            token: token(line)?,
            accepted: needed(line, "accepted", line.accepted)?,
            overwrote: line.overwrote.unwrap_or(0),
            source: self.here,
        };
        self.history.writes.push(write);
        Ok(())
    }

    fn take_saw(&mut self, line: &Line) -> Result<(), String> {
        let missed = line.missed;
        let told = match line.token {
            None => Told::Vacant { missed },
            Some(_) => {
                let holder = line.holder.as_deref();
                let client = holder.map(|name| self.history.clients.number(name));
                Told::Holder { token: token(line)?, client, missed }
            }
        };
        self.take_sighting(line, told)
    }

    fn take_sighting(&mut self, line: &Line, told: Told) -> Result<(), String> {
        let (client, lock) = self.client_and_lock(line)?;
        let (at, source, principal) = (line.at, self.here, self.principal(line));
        let boot = self.boot.unwrap_or_default();
        self.history.sightings.push(Sighting { client, lock, at, principal, boot, told, source });
        Ok(())
    }

    fn take_mark(&mut self, line: &Line, turn: Turn) -> Result<(), String> {
        let (boot, at) = self.stamp(line)?;
        self.history.marks.push(Mark { boot, at, turn });
        Ok(())
    }

    fn stamp(&self, line: &Line) -> Result<(u32, u64), String> {
        let boot = self.boot.ok_or(
            "a log begins with {\"event\":\"log\",\"boot\":\"…\"}: stamps count since a boot of this machine, \
             which /proc/sys/kernel/random/boot_id names",
        )?;
        Ok((boot, needed(line, "at", line.at)?))
    }

    fn client_and_lock(&mut self, line: &Line) -> Result<(u32, u32), String> {
        let client = needed(line, "client", line.client.as_deref())?;
        let lock = needed(line, "lock", line.lock.as_deref())?;
        Ok((self.history.clients.number(client), self.history.locks.number(lock)))
    }

    /// All locks of `line`, `first` before the others.
    fn locks(&mut self, line: &Line, first: u32) -> Result<Vec<u32>, String> {
        let mut locks = vec![first];
        for name in &line.also {
            let lock = self.history.locks.number(name);
            if locks.contains(&lock) {
                return Err(format!("{name:?} is there twice"));
            }
            locks.push(lock);
        }
        Ok(locks)
    }

    /// Ends the open beliefs and waits of clients that are gone, which their own logs could not.
    fn finish(mut self) -> History {
        // Of two lines about one client the earlier counts.
        self.gone.sort_unstable_by_key(|(_, at)| std::cmp::Reverse(*at));
        for (client, at) in std::mem::take(&mut self.gone) {
            let open = self.waiting.range((client, 0)..=(client, u32::MAX));
            for wait in open.flat_map(|(_, places)| places.clone()) {
                let wait = &mut self.history.waits[wait];
                wait.until = Some(at.max(wait.from));
            }
            let open = self.held.range((client, 0, 0)..=(client, u32::MAX, u64::MAX));
            for place in open.flat_map(|(_, places)| places.clone()) {
                self.history.beliefs[place].fate = Fate::Gone { at };
            }
        }
        self.history
    }
}

fn needed<T>(line: &Line, field: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("\"{}\" needs \"{field}\"", line.event.word()))
}

fn token(line: &Line) -> Result<u64, String> {
    match needed(line, "token", line.token)? {
        0 => Err("no grant has the token 0".to_owned()),
        token => Ok(token),
    }
}

fn share(line: &Line) -> Result<Share, String> {
    match (line.limit, line.permits.unwrap_or(1), line.mode) {
        (None, 1, None | Some(Mode::Exclusive)) => Ok(Share::Exclusive),
        (None, 1, Some(Mode::Shared)) => Ok(Share::Shared),
        (Some(limit), permits, None) if (1..=limit).contains(&permits) => {
            Ok(Share::Counted { permits, limit })
        }
        (None, ..) => Err("\"permits\" goes with a \"limit\"".to_owned()),
        (Some(_), _, Some(_)) => Err("a \"limit\" goes without a \"mode\"".to_owned()),
        (Some(limit), permits, None) => Err(format!("{permits} permits of {limit} cannot be held")),
    }
}

/// Until when the lease of `line` would stand if left alone; 0: the line does not say.
fn stands_to(line: &Line, at: u64) -> u64 {
    line.remaining_ms.map_or(0, |ms| at.saturating_add(nanos(ms)))
}

fn in_order(before: u64, at: u64, what: &str) -> Result<(), String> {
    if before <= at {
        return Ok(());
    }
    Err(format!(
        "the stamp {at} is before {before}, that of its \"{what}\": use one clock, CLOCK_BOOTTIME"
    ))
}

/// The error without serde_json's line number, which is always 1.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("column {}: {what}", error.column())
}

const BUFFER_BYTES: usize = 1 << 20;
