//! The command as a job of our controlling terminal (job control).
//!
//! CMD is in a process group of its own, so that it can be ended as a whole. A shell knows nothing
//! of that group: it puts ours in the foreground (`fg`), and takes the job for stopped when *we*
//! are. So we pass on to CMD what the shell does to us, and do to ourselves what the terminal does
//! to CMD:
//!
//! * CMD wants the terminal (SIGTTIN, SIGTTOU) and our group is in the foreground: CMD's group is
//!   put there.
//! * Another process of our group wants the terminal (`tenure lock … | less`): our group gets it
//!   back.
//! * We are in the background: our whole group stops as CMD has, and the shell says so. After `fg`
//!   we continue CMD. While we are stopped nobody renews the lease, and the guard ends CMD at its
//!   end: a stopped job holds a lock no longer.
//! * Ctrl-Z suspends nobody.

use super::grant::Grant;
use super::guard::Guarded;
use crate::cli::duration;
use crate::cli::outlet::STDERR;
use crate::cli::signals::Signals;
use signal_hook::consts::{SIGCONT, SIGKILL, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use std::io::IsTerminal;
use std::os::fd::RawFd;
use std::time::Duration;
use tenure::sys::terminal::{
    Front, Interrupted, Modes, Terminal, continue_own_group, is_left, stop_own_group,
};

/// CMD at a terminal. A drop takes the terminal back, if CMD has it.
#[derive(Debug)]
pub struct Job {
    terminal: Terminal,
    /// CMD's process group.
    group: u32,
    /// The signals by which a terminal stops a group.
    stops: Signals,
    /// The terminal's modes before CMD got it.
    modes: Option<Modes>,
    patience: Patience,
}

/// The answer to a CMD that wants the terminal while we do not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Wait for a shell that brings us to the foreground.
    Waits,
    /// No shell can do that: CMD was asked to end.
    Refused,
    /// CMD is being ended, and must not wait for a terminal.
    Ends,
}

/// The terminal of a future CMD. As long as this lives the terminal does not stop us.
#[derive(Debug)]
pub struct Station {
    terminal: Terminal,
    stops: Signals,
}

impl Station {
    /// `None`: there is no terminal.
    pub fn prepare() -> Option<Self> {
        let terminal = Terminal::of_this_process()?;
        let stops = Signals::catch(&[SIGTSTP, SIGTTIN, SIGTTOU]).ok()?;
        Some(Self { terminal, stops })
    }

    /// The job of `guarded`, whose group gets the foreground if our stdin is the terminal and we
    /// are in the foreground.
    pub fn begin(self, guarded: &Guarded) -> Job {
        let Self { terminal, stops } = self;
        let (group, patience) = (guarded.id(), Patience::Waits);
        let mut job = Job { terminal, group, stops, modes: None, patience };
        if std::io::stdin().is_terminal() && job.terminal.front() == Front::Own {
            // CMD may have been stopped for touching the terminal before it was in the foreground.
            job.lend(guarded);
        }
        job
    }
}

impl Job {
    /// Readable when the terminal stops our group.
    pub fn fd(&self) -> RawFd {
        self.stops.fd()
    }

    /// Handles CMD's stop by `signal`; returns the signals that reached us meanwhile.
    pub fn command_stopped(
        &mut self,
        signal: i32,
        guarded: &Guarded,
        grant: &Grant,
        signals: &Signals,
    ) -> Vec<i32> {
        match (signal, self.terminal.front()) {
            (SIGTSTP, _) => self.go_on(guarded, grant),
            (SIGTTIN | SIGTTOU, Front::Own) => self.lend(guarded),
            (_, Front::Own) => {}
            (SIGTTIN | SIGTTOU, Front::Nobody) => guarded.signal(SIGCONT),
            (SIGTTIN | SIGTTOU, Front::Other(group)) if group == self.group => {
                guarded.signal(SIGCONT);
            }
            (SIGTTIN | SIGTTOU, Front::Other(_)) => {
                return self.wait_in_background(signal, guarded, grant, signals);
            }
            // CMD was in the foreground, and nobody reads there now.
            (_, Front::Other(group)) if group == self.group => {
                return self.wait_in_background(SIGTSTP, guarded, grant, signals);
            }
            _ => {}
        }
        Vec::new()
    }

    /// Handles stops of others in our group by the terminal; returns the signals that reached us
    /// meanwhile.
    pub fn take_stops(&mut self, guarded: &Guarded, grant: &Grant, signals: &Signals) -> Vec<i32> {
        for signal in self.stops.take() {
            match (signal, self.terminal.front()) {
                (SIGTSTP, _) => {
                    self.go_on(guarded, grant);
                    continue_own_group();
                }
                (_, Front::Other(group)) if group != self.group => {
                    return self.wait_in_background(signal, guarded, grant, signals);
                }
                _ => {
                    self.terminal.take_back();
                    continue_own_group();
                }
            }
        }
        Vec::new()
    }

    /// Handles a SIGCONT to us, as from a shell that brings the job back.
    pub fn continued(&mut self, guarded: &Guarded) {
        if self.modes.is_some() && self.terminal.front() == Front::Own {
            self.lend(guarded);
        }
    }

    /// From now on CMD is being ended.
    pub fn begin_end(&mut self) {
        self.patience = Patience::Ends;
    }

    /// The processes that the Ctrl-C which ended CMD would have ended without us. `told`: SIGINT
    /// reached us as well.
    pub fn interrupted(&self, told: bool) -> Interrupted {
        let is_in_front = self.terminal.front() == Front::Other(self.group);
        if is_in_front && !told { Interrupted::Group } else { Interrupted::Process }
    }

    /// Restores the terminal's modes from before CMD: a killed CMD cannot do so.
    pub fn repair(&mut self) {
        self.take_back();
        if let Some(modes) = &self.modes {
            self.terminal.set_modes(modes);
        }
    }

    fn lend(&mut self, guarded: &Guarded) {
        self.modes = self.modes.take().or_else(|| self.terminal.modes());
        self.terminal.put_in_front(self.group);
        guarded.signal(SIGCONT);
    }

    fn take_back(&self) {
        // A CMD that is a shell may have put one of its own jobs there.
        match self.terminal.front() {
            Front::Other(group) if group == self.group || !is_left(group) => {
                self.terminal.take_back();
            }
            _ => {}
        }
    }

    /// Continues CMD after a Ctrl-Z: a suspended command would hold its lock for nothing.
    fn go_on(&self, guarded: &Guarded, grant: &Grant) {
        let names = grant.shown();
        STDERR.say(&format!("tenure: a command cannot be suspended while it holds {names}"));
        guarded.signal(SIGCONT);
    }

    /// Stops our whole group by `signal` until a shell brings it back, or CMD has lost its lease.
    fn wait_in_background(
        &mut self,
        signal: i32,
        guarded: &Guarded,
        grant: &Grant,
        signals: &Signals,
    ) -> Vec<i32> {
        if self.patience == Patience::Ends {
            return Vec::new();
        }
        let mut arrived = signals.take();
        let left = duration::show(guarded.left_as_told());
        STDERR.say(&format!(
            "tenure: stopped, since the command wants the terminal: `fg` within {left}, or it is ended and {} given up",
            grant.shown()
        ));
        STDERR.flush(SENTENCE_WAIT);
        if self.terminal.front() != Front::Own {
            stop_own_group(signal);
        }
        let since = signals.take();
        let was_stopped = since.contains(&SIGCONT);
        arrived.extend(since);
        // The signals that stopped us were meant for our whole group, and are handled.
        self.stops.take();
        match self.terminal.front() {
            Front::Own => self.lend(guarded),
            _ if was_stopped => guarded.signal(SIGCONT),
            _ => self.refuse(guarded, grant),
        }
        arrived
    }

    /// Asks CMD to end: it waits for the foreground, and no shell is there to give it. Without us
    /// CMD would read EIO.
    fn refuse(&mut self, guarded: &Guarded, grant: &Grant) {
        match self.patience {
            Patience::Waits => {
                STDERR.say(&format!(
                    "tenure: the command wants the terminal, and nobody can bring it to the foreground: it is ended, \
                     and {} given back",
                    grant.shown()
                ));
                guarded.signal(SIGTERM);
                guarded.signal(SIGCONT);
            }
            Patience::Refused | Patience::Ends => guarded.signal(SIGKILL),
        }
        self.patience = Patience::Refused;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// How long to wait for the terminal to take a sentence before we stop.
const SENTENCE_WAIT: Duration = Duration::from_millis(100);
