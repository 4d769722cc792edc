//! A directory on disk that goes when it is no longer needed, and ports for nodes that restart.

use crate::cli::failure::Failure;
use crate::cli::signals::{ENDING, Signals};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use tenure::base::rng::Rng;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::{random, thread};

/// Removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new, empty directory. In /var/tmp: /tmp is often memory, on which syncing costs nothing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(purpose: &str) -> Result<Self, Failure> {
        let name = format!("tenure-{purpose}-{}-{:08x}", std::process::id(), random::seed() as u32);
        let path = Path::new("/var/tmp").join(name);
        std::fs::create_dir(&path).map_err(|error| {
            let place = path.display();
            Failure::unavailable(format!(
                "cannot make {place}: {error}; give a directory with --data"
            ))
        })?;
        Ok(Self { path })
    }

    /// Removes it also when a signal ends this process.
    ///
    /// # Errors
    /// No thread, no descriptor.
    pub fn remove_on_signal(&self) -> Result<(), Failure> {
        let (signals, path) = (Signals::catch(ENDING)?, self.path.clone());
        let wait = move || {
            let mut set = [(signals.fd(), Interest::Read, Ready::default())];
            while signals.take().is_empty() && poll::wait(&mut set, None).is_ok() {}
            // What runs in it may write until the process is gone; the rest is removed all the same.
            let _ = std::fs::remove_dir_all(&path);
            std::process::exit(SIGNALLED);
        };
        let spawned = thread::spawn("tenure-signals", wait);
        spawned.map(drop).map_err(|error| {
            Failure::unavailable(format!("cannot start a thread: {error}; raise `ulimit -u`"))
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// `count` listening sockets on loopback, outside of the ports that the system gives to outgoing
/// connections: while a node is down, such a connection could take its port.
///
/// # Errors
/// No port was free in many attempts.
pub fn listeners(count: usize) -> Result<Vec<TcpListener>, Failure> {
    let mut rng = Rng::new(random::seed());
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..ATTEMPTS {
        if listeners.len() == count {
            return Ok(listeners);
        }
        let port = rng.between(PORTS.0, PORTS.1) as u16;
        listeners.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    Err(Failure::unavailable("no free port was found on 127.0.0.1 between 10000 and 32000"))
}

/// 128 + SIGTERM, whichever of the two it was.
const SIGNALLED: i32 = 143;
const PORTS: (u64, u64) = (10_000, 32_000);
const ATTEMPTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_goes_with_its_contents() {
        let scratch = Scratch::new("test").unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn ports_are_different_and_below_the_ephemeral_ones() {
        let ports: std::collections::BTreeSet<u16> = listeners(3)
            .unwrap()
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports.len(), 3);
        assert!(ports.iter().all(|port| (10_000..=32_000).contains(port)), "{ports:?}");
    }
}
