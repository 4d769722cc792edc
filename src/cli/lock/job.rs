//! The command as a job of the terminal that controls us.
//!
//! CMD is in a process group of its own, so that it can be ended as a whole. A shell knows nothing of that group: it puts
//! ours in front (`fg`), and takes a job of ours for stopped when *we* are. So we pass on to CMD what the shell gives us,
//! and do to ourselves what the terminal does to CMD:
//!
//! * CMD wants the terminal (SIGTTIN, SIGTTOU) and our group is in front: CMD's is put there.
//! * Somebody else of our group wants it (`tenure lock … | less`): our group gets it back.
//! * We are in the background: our whole group stops as CMD has, and the shell says so. Brought back by `fg`, we pass that
//!   on. A lease that is not renewed ends meanwhile, and the guard ends CMD: a stopped job holds a lock no longer than that.
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

/// CMD at a terminal. Dropped, the terminal is ours again, if CMD had it.
#[derive(Debug)]
pub struct Job {
    terminal: Terminal,
    /// CMD's.
    group: u32,
    /// Those that stop a group at a terminal.
    stops: Signals,
    /// How the terminal was before CMD got it.
    modes: Option<Modes>,
    patience: Patience,
}

/// What is done when CMD wants a terminal that we do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// We wait for a shell that brings us to the front.
    Waits,
    /// There is none: CMD was asked to end.
    Refused,
    /// Nothing: it ends, and we have to see to that.
    Ends,
}

/// The terminal that CMD will be a job of. From now on it stops us no more.
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

    /// The job of `guarded`, whose group is put in front if our stdin is the terminal and we are there.
    pub fn begin(self, guarded: &Guarded) -> Job {
        let Self { terminal, stops } = self;
        let (group, patience) = (guarded.id(), Patience::Waits);
        let mut job = Job { terminal, group, stops, modes: None, patience };
        if std::io::stdin().is_terminal() && job.terminal.front() == Front::Own {
            // It may have touched the terminal before it was in front, and been stopped for it.
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

    /// What is to be done now that `signal` stopped CMD, and which signals reached us meanwhile.
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
            // It was in front, and now nobody is there who reads.
            (_, Front::Other(group)) if group == self.group => {
                return self.wait_in_background(SIGTSTP, guarded, grant, signals);
            }
            _ => {}
        }
        Vec::new()
    }

    /// What is to be done if the terminal has stopped others of our group, and which signals reached us meanwhile.
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

    /// What is to be done if somebody has continued us: a shell that brings us back.
    pub fn continued(&mut self, guarded: &Guarded) {
        if self.modes.is_some() && self.terminal.front() == Front::Own {
            self.lend(guarded);
        }
    }

    /// From now on CMD is being ended.
    pub fn begin_end(&mut self) {
        self.patience = Patience::Ends;
    }

    /// Whom a Ctrl-C that ended CMD would have ended without us. `told`: SIGINT came to us as well.
    pub fn interrupted(&self, told: bool) -> Interrupted {
        let is_in_front = self.terminal.front() == Front::Other(self.group);
        if is_in_front && !told { Interrupted::Group } else { Interrupted::Process }
    }

    /// Has the terminal handle lines and keys again as it did before CMD got it: one that was killed cannot.
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
        // A shell that CMD was may have put one of its own jobs there.
        match self.terminal.front() {
            Front::Other(group) if group == self.group || !is_left(group) => {
                self.terminal.take_back();
            }
            _ => {}
        }
    }

    /// A command that Ctrl-Z suspends would hold its lock for nothing, so it goes on.
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
        // What stopped us was meant for all of our group, and we have done it.
        self.stops.take();
        match self.terminal.front() {
            Front::Own => self.lend(guarded),
            _ if was_stopped => guarded.signal(SIGCONT),
            _ => self.refuse(guarded, grant),
        }
        arrived
    }

    /// No shell is there that could ever put us in front, and CMD waits for that. Without us it would be told EIO.
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

/// How long the terminal may take for a sentence before we stop.
const SENTENCE_WAIT: Duration = Duration::from_millis(100);
