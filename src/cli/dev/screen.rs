//! The screen of `tenure dev`: tables of nodes and locks, redrawn in place within the terminal's
//! columns and rows.

use super::wait;
use crate::cli::cluster::LocalCluster;
use crate::cli::columns::cut;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::signals::Signals;
use crate::cli::{output, typed};
use std::io::BufRead;
use std::os::fd::AsRawFd;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::base::limits::LOCKS_PER_READ_MAX;
use tenure::client::{Client, ClientOptions, TlsOptions};
use tenure::lock::{LockView, Name};
use tenure::node::Leadership;
use tenure::sys::terminal::{KeyMode, size_of_stdout};
use tenure::wire::{Query, ReadAnswer};

/// The live tables.
pub struct Screen {
    cluster: LocalCluster,
    client: Client,
    introduction: String,
    /// How many lines were drawn last, on a terminal of size `size`.
    drawn: usize,
    size: Size,
}

/// Columns and rows.
type Size = (usize, usize);

impl Screen {
    /// `introduction` stands above the tables; locks are read over `tls`.
    pub fn new(
        cluster: LocalCluster,
        tls: Option<TlsOptions>,
        introduction: String,
    ) -> Result<Self, Failure> {
        let mut options = client_options();
        options.tls = tls;
        let client = Client::open(&cluster.endpoints(), options)?;
        Ok(Self { cluster, client, introduction, drawn: 0, size: size() })
    }

    /// Redraws until a signal.
    pub fn run(mut self, signals: &Signals) -> Result<(), Failure> {
        let keys = KeyMode::begin().map_err(|error| {
            Failure::unavailable(format!("cannot read keys from this terminal: {error}"))
        })?;
        let mut fds = vec![signals.fd(), std::io::stdin().as_raw_fd()];
        while signals.take().is_empty() {
            self.draw()?;
            let ready = wait(&fds, Some(DRAW_EVERY))?;
            if ready.get(1).is_some_and(|is_ready| *is_ready) && !self.press_keys()? {
                fds.truncate(1);
            }
        }
        drop(keys);
        Ok(())
    }

    /// Obeys all keys that were pressed meanwhile; says whether there may be more.
    fn press_keys(&mut self) -> Result<bool, Failure> {
        let mut stdin = std::io::stdin().lock();
        let Ok(keys) = stdin.fill_buf().map(<[u8]>::to_vec) else { return Ok(true) };
        stdin.consume(keys.len());
        for digit in keys.iter().filter(|key| (b'1'..=b'3').contains(*key)) {
            self.press(NodeId(u64::from(digit - b'0')))?;
        }
        Ok(!keys.is_empty())
    }

    fn press(&mut self, id: NodeId) -> Result<(), Failure> {
        let runs = self.cluster.nodes().any(|(node, _, now)| node == id && now.is_some());
        if runs { self.cluster.kill(id) } else { self.cluster.restart(id) }
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let size = size();
        // After a resize the terminal has wrapped the old lines differently: only a new page is
        // right.
        let back = match (size == self.size, self.drawn) {
            (false, _) => format!("\u{1b}[H\u{1b}[2J{}", self.introduction),
            (true, 0) => String::new(),
            (true, lines) => format!("\u{1b}[{lines}A"),
        };
        let lines = fit(self.nodes(), |room| self.locks(room), size);
        (self.drawn, self.size) = (lines.len(), size);
        // No wrapping, for a terminal that takes a character for wider than we do.
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        output::print(&format!("{back}\u{1b}[J\u{1b}[?7l{text}\u{1b}[?7h"))
    }

    fn nodes(&self) -> Vec<String> {
        let head = ["NODE", "ADDRESS", "ROLE", "TERM"].map(str::to_owned);
        let mut rows = vec![head.to_vec()];
        rows.extend(self.cluster.nodes().map(|(id, address, now)| node_row(id, address, now)));
        output::table(&rows).lines().map(str::to_owned).collect()
    }

    /// At most `room` lines: locks, or why they cannot be read.
    fn locks(&self, room: usize) -> Vec<String> {
        let (locks, more) = match self.read(room.saturating_sub(1)) {
            Ok(read) => read,
            Err(why) => return vec![format!("locks: {}", printable(&why))],
        };
        // One line less where a line says that there are others.
        let shown = if more { room.saturating_sub(2) } else { locks.len() };
        let mut rows = vec![["LOCK", "HOLDER", "TOKEN", "WAIT"].map(str::to_owned).to_vec()];
        rows.extend(locks.iter().take(shown).map(lock_row));
        let mut lines: Vec<String> = output::table(&rows).lines().map(str::to_owned).collect();
        if more {
            let all = typed::command("show", &Connection::to(&self.cluster.endpoints()), &[]);
            lines.push(format!("and more: see `{all}`"));
        }
        lines
    }

    /// At most `count` locks, and whether there are others.
    fn read(&self, count: usize) -> Result<(Vec<LockView>, bool), String> {
        let mut locks: Vec<LockView> = Vec::new();
        loop {
            let limit = (count - locks.len()).clamp(1, LOCKS_PER_READ_MAX) as u32;
            let after: Option<Name> = locks.last().map(|lock| lock.name.clone());
            let query = Query::Locks { prefix: String::new(), after, limit };
            match self.client.read(query) {
                Ok(ReadAnswer::Locks { locks: page, more }) => {
                    let is_last = !more || page.is_empty();
                    locks.extend(page.into_iter().map(|(lock, _)| lock));
                    if is_last || locks.len() >= count {
                        return Ok((locks, more));
                    }
                }
                Ok(other) => return Err(format!("{other:?}")),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// The whole screen but the introduction, of `size`: the nodes, as many locks as there is room for, and the keys.
fn fit(
    nodes: Vec<String>,
    locks: impl FnOnce(usize) -> Vec<String>,
    (columns, rows): Size,
) -> Vec<String> {
    // Two empty lines, the keys, and the line behind them.
    let room = rows.saturating_sub(nodes.len() + 4).max(3);
    let keys = "1 2 3 kill or start a node".to_owned();
    let lines = [nodes, vec![String::new()], locks(room), vec![String::new(), keys]].concat();
    // With fewer rows than lines, the last lines would scroll the first out of reach.
    let shown = lines.len().min(rows.saturating_sub(1).max(1));
    lines[..shown].iter().map(|line| cut(line, columns)).collect()
}

fn node_row(id: NodeId, address: &str, now: Option<Leadership>) -> Vec<String> {
    let (role, term) = match now {
        None => ("down", String::new()),
        Some(now) if now.leader == Some(id) => ("leader", now.term.to_string()),
        Some(now) => ("follower", now.term.to_string()),
    };
    vec![id.to_string(), address.to_owned(), role.to_owned(), term]
}

fn lock_row(lock: &LockView) -> Vec<String> {
    vec![
        printable(lock.name.as_str()),
        printable(&lock.client),
        lock.token.to_string(),
        lock.waiting.to_string(),
    ]
}

fn client_options() -> ClientOptions {
    ClientOptions::new().name("tenure dev").request_timeout(DRAW_EVERY).background(true)
}

/// The terminal's size; 80 by 24 if the terminal does not say.
fn size() -> Size {
    size_of_stdout().unwrap_or((80, 24))
}

const DRAW_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(locks: usize, size: Size) -> Vec<String> {
        let lines = |prefix: &str, count: usize| -> Vec<String> {
            (0..count).map(|at| format!("{prefix} {at} {}", "名".repeat(30))).collect()
        };
        fit(lines("node", 4), |room| lines("lock", locks.min(room)), size)
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_and_all_of_them_are_within_reach() {
        for size in [(80, 24), (20, 24), (5, 3), (1, 1), (200, 60)] {
            let lines = screen(100, size);
            assert!(lines.len() < size.1.max(2), "{size:?}: {}", lines.len());
            assert!(lines.iter().all(|line| crate::cli::columns::width(line) <= size.0));
        }
    }

    #[test]
    fn as_many_locks_are_shown_as_there_is_room_for() {
        let shown =
            |rows| screen(100, (80, rows)).iter().filter(|line| line.starts_with("lock")).count();
        assert_eq!((shown(24), shown(60)), (16, 52));
    }
}
