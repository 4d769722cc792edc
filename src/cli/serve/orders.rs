//! The signals of a serving node: end, reload, log more.

use super::{Options, config};
use crate::cli::failure::Failure;
use crate::cli::signals::{ENDING, Signals};
use log::LevelFilter;
use signal_hook::consts::{SIGHUP, SIGUSR1};
use std::fs::File;
use std::os::fd::RawFd;
use tenure::node::Node;

/// The order that a signal gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    None,
    Reload,
    Stop,
}

/// The signals of one node.
#[derive(Debug)]
pub struct Orders {
    signals: Signals,
    flags: Options,
    /// Whether SIGHUP means a reload, and not that the terminal is gone.
    reloads: bool,
    /// The log level of the command line.
    level: LevelFilter,
}

impl Orders {
    /// Catches the signals from now on. A service (`is_service`) has no terminal, so its SIGHUP
    /// means a reload.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn catch(flags: &Options, is_service: bool) -> Result<Self, Failure> {
        let signals = Signals::catch(&[ENDING, &[SIGUSR1]].concat())?;
        let reloads = is_service || File::open("/dev/tty").is_err();
        Ok(Self { signals, flags: flags.clone(), reloads, level: log::max_level() })
    }

    /// Readable when a signal has arrived.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.signals.fd()
    }

    /// Takes the signals that arrived.
    pub fn heed(&self) -> Order {
        let mut order = Order::None;
        for signal in self.signals.take() {
            match signal {
                SIGHUP if self.reloads => order = Order::Reload,
                SIGUSR1 => self.say_more(),
                _ => {
                    log::info!("signal {signal}: stopping");
                    return Order::Stop;
                }
            }
        }
        order
    }

    /// Sets the level of log lines to what the configuration says.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn set_level(&self) -> Result<LevelFilter, Failure> {
        let level = config::log_level(&self.flags)?.unwrap_or(self.level);
        log::set_max_level(level);
        Ok(level)
    }

    /// Reads the configuration and the certificates of `node` again. The certificates and the log
    /// level take effect; the rest is only checked, and the log says whether a node could start
    /// with it.
    pub fn reload(&self, node: &Node) {
        match config::node_options(self.flags.clone()).and_then(|_| self.set_level()) {
            Ok(level) => log::warn!(
                "SIGHUP: the configuration is right, log lines are written from level {} on; other options that have \
                 changed count when the node is started again",
                word(level)
            ),
            Err(failure) => log::error!(
                "SIGHUP: all stays as it was, and this node would not start again: {}",
                failure.message
            ),
        }
        if let Err(error) = node.reload() {
            log::error!(
                "SIGHUP: the certificate files cannot be used, so the former ones stay in use: {}",
                error.message
            );
        }
    }

    /// Raises the log level by one; after the last, back to the level of the command line and the
    /// configuration.
    fn say_more(&self) {
        let before = log::max_level();
        let level = match before {
            LevelFilter::Trace => {
                config::log_level(&self.flags).ok().flatten().unwrap_or(self.level)
            }
            _ => before.increment_severity(),
        };
        // Logged at the more verbose of both levels.
        log::set_max_level(before.max(LevelFilter::Warn));
        log::warn!("SIGUSR1: log lines are written from level {} on", word(level));
        log::set_max_level(level);
    }
}

fn word(level: LevelFilter) -> String {
    level.as_str().to_ascii_lowercase()
}
