//! What signals tell a node that serves: to end, to read what may change while it runs, to say more.

use super::{Options, config};
use crate::cli::failure::Failure;
use crate::cli::signals::{ENDING, Signals};
use log::LevelFilter;
use signal_hook::consts::{SIGHUP, SIGUSR1};
use std::fs::File;
use std::os::fd::RawFd;

/// The signals of one node.
#[derive(Debug)]
pub struct Orders {
    signals: Signals,
    flags: Options,
    /// Whether SIGHUP says that the terminal is gone, and not that something is to be read again.
    has_terminal: bool,
    /// The level that the command line gives.
    level: LevelFilter,
}

impl Orders {
    /// From now on signals are heeded; the level of log lines is the one that `flags` and their file say.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn catch(flags: &Options) -> Result<Self, Failure> {
        let signals = Signals::catch(&[ENDING, &[SIGUSR1]].concat())?;
        let has_terminal = File::open("/dev/tty").is_ok();
        Ok(Self { signals, flags: flags.clone(), has_terminal, level: log::max_level() })
    }

    /// Readable when there is something to heed.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.signals.fd()
    }

    /// Heeds what arrived; whether the node is to end.
    pub fn heed(&self) -> bool {
        for signal in self.signals.take() {
            match signal {
                SIGHUP if !self.has_terminal => self.reload(),
                SIGUSR1 => self.say_more(),
                _ => {
                    log::info!("signal {signal}: stopping");
                    return true;
                }
            }
        }
        false
    }

    /// Sets the level of log lines to what the configuration says.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn set_level(&self) -> Result<LevelFilter, Failure> {
        let level = config::log_level(&self.flags)?.unwrap_or(self.level);
        log::set_max_level(level);
        Ok(level)
    }

    fn reload(&self) {
        match self.set_level() {
            Ok(level) => log::warn!(
                "SIGHUP: log lines are written from level {} on. What else the configuration says counts from the next \
                 start on",
                word(level)
            ),
            Err(error) => {
                log::error!(
                    "SIGHUP: all stays as it was: {}. Mend that, and send SIGHUP again",
                    error.message
                );
            }
        }
    }

    /// One level more; behind the last what the command line and the configuration say.
    fn say_more(&self) {
        let before = log::max_level();
        let level = match before {
            LevelFilter::Trace => {
                config::log_level(&self.flags).ok().flatten().unwrap_or(self.level)
            }
            _ => before.increment_severity(),
        };
        // Said at either level, whichever says more.
        log::set_max_level(before.max(LevelFilter::Warn));
        log::warn!("SIGUSR1: log lines are written from level {} on", word(level));
        log::set_max_level(level);
    }
}

fn word(level: LevelFilter) -> String {
    level.as_str().to_ascii_lowercase()
}
