//! One simulated machine as its process sees it: clocks, a disk, and time that passes while it works.
//!
//! A step of a server is one call, but not one instant: each sync and each pause moves `local` on, and what
//! the step reads and sends carries the local time at which it did. A crash can hit between any two
//! operations: then the rest of the step happens to nobody.

use crate::base::{Sample, rng::Rng};
use crate::sim::charges::Work;
use crate::sim::clock::Clocks;
use crate::sim::disk::faults::DiskFaults;
use crate::sim::disk::storage::Storage;
use crate::sim::disk::store::Store;
use crate::wal::DiskError;
use std::cell::RefCell;
use std::rc::Rc;

/// Shared by the machine's disk and by what is outside of its server.
pub type SharedHost = Rc<RefCell<Host>>;

/// One machine with its disk.
#[derive(Debug)]
pub struct Host {
    /// Clocks of the machine.
    pub clocks: Clocks,
    /// Content of its disk.
    pub storage: Storage,
    /// Draws what happens inside a step.
    pub rng: Rng,
    /// The real instant that the running step has reached.
    pub local: u64,
    /// How long a sync takes, shortest and longest.
    pub sync_nanos: (u64, u64),
    /// Faults of the disk.
    pub faults: DiskFaults,
    /// A spare file in the making.
    pub preparing: Option<Preparing>,
    /// A snapshot in the making.
    pub storing: Option<Store>,
    /// The process is hit after this many more operations.
    pub crash_after: Option<u32>,
    /// Number of syncs before the one at which the process crashes.
    pub crash_at_sync: Option<u32>,
    /// The next process is hit after this many operations.
    pub crash_in_start: Option<u32>,
    /// The crash has come; later operations of the process have no effect.
    pub crashed: bool,
    /// Pauses inside a step.
    pub pauses: Pauses,
    /// Pauses that happened inside steps.
    pub paused: u64,
    /// Operations since the step began: what bounds a turn (O14).
    pub operations: u64,
    /// How many times slower the machine is than the one on which charges were measured.
    pub slowness: u64,
    /// How long the step has worked so far, what the disk took apart.
    pub worked: u64,
    /// Processes that were hit at a sync.
    pub hit_at_sync: u64,
    /// Snapshots that were stored, and that found no room.
    pub snapshots_stored: u64,
    /// See `snapshots_stored`.
    pub snapshots_refused: u64,
    /// Processes that ended while a snapshot was being stored.
    pub stores_broken: u64,
    /// Syncs that reached the disk, of all processes.
    pub syncs: u64,
}

/// A spare file in the making, off the process's thread.
#[derive(Clone, Debug)]
pub struct Preparing {
    /// Name of the snapshot's file.
    pub name: String,
    /// The file, as far as it is made.
    pub file: u32,
    /// Length of its data.
    pub bytes: u64,
    /// When it is made, or not.
    pub ready: u64,
    /// Whether there was room for it.
    pub has_room: bool,
}

/// How often a process stops between two operations, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// One in so many operations; 0 is never.
    pub one_in: u64,
    /// The longest, in nanoseconds.
    pub nanos_max: u64,
}

impl Host {
    /// A machine with an empty disk.
    #[must_use]
    pub fn new(mut rng: Rng, pauses: Pauses) -> SharedHost {
        Rc::new(RefCell::new(Self {
            clocks: Clocks::draw(&mut rng),
            storage: Storage::default(),
            rng,
            local: 0,
            sync_nanos: (20_000, 200_000),
            faults: DiskFaults::default(),
            preparing: None,
            storing: None,
            crash_after: None,
            crash_at_sync: None,
            crash_in_start: None,
            crashed: false,
            pauses,
            paused: 0,
            operations: 0,
            slowness: 1,
            worked: 0,
            hit_at_sync: 0,
            snapshots_stored: 0,
            snapshots_refused: 0,
            stores_broken: 0,
            syncs: 0,
        }))
    }

    /// Reads the clocks one after the other; the process may stop before, between and after.
    pub fn read_clocks(&mut self) -> Sample {
        self.operations += 1;
        let mut at = [0; 4];
        for instant in &mut at {
            self.local += self.rng.below(200);
            self.maybe_pause();
            *instant = self.local;
        }
        self.maybe_pause();
        self.clocks.sample(at)
    }

    /// The process works for as long as that takes.
    pub fn charge(&mut self, work: Work) {
        let nanos = work.nanos() * self.slowness;
        self.local += nanos;
        self.worked += nanos;
    }

    /// Accounts for one operation on the disk.
    ///
    /// # Errors
    /// The process is gone.
    pub fn operate(&mut self) -> Result<(), DiskError> {
        self.operations += 1;
        self.work_aside();
        if let Some(left) = &mut self.crash_after {
            if *left == 0 {
                self.crashed = true;
            } else {
                *left -= 1;
            }
        }
        if self.crashed { Err(DiskError::Io("the process was killed".into())) } else { Ok(()) }
    }

    /// A sync begins: what was written stands in the page cache, and the process may be hit right here.
    ///
    /// # Errors
    /// The process is gone.
    pub fn begin_sync(&mut self) -> Result<(), DiskError> {
        match &mut self.crash_at_sync {
            Some(0) => {
                self.crash_at_sync = None;
                self.hit_at_sync += 1;
                self.crashed = true;
                Err(DiskError::Io("the process was killed".into()))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Work off the process's thread has come as far as the process.
    pub fn work_aside(&mut self) {
        if let Some(store) = self.storing.as_mut().filter(|_| !self.crashed) {
            store.advance(self.local, &mut self.rng, &mut self.storage, &mut self.faults);
        }
    }

    /// Whether the log on this disk has a record that rotted.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.faults.rotten.is_some_and(|file| self.storage.is_named(file))
    }

    /// Waits for the disk.
    pub fn wait_for_sync(&mut self) {
        let (shortest, longest) = self.sync_nanos;
        self.local += self.rng.between(shortest, longest);
        self.local = self.local.max(self.faults.stalled_until);
        self.syncs += 1;
        self.maybe_pause();
    }

    /// The process starts again; the fate of the last one is forgotten.
    pub fn restart(&mut self, now: u64) {
        (self.local, self.crashed, self.preparing) = (now, false, None);
        self.storing = None;
        (self.crash_after, self.crash_at_sync) = (self.crash_in_start.take(), None);
        self.faults.restart();
    }

    /// The process ends at `at`, and with it what goes on aside.
    pub fn stop(&mut self, at: u64) {
        self.local = self.local.max(at);
        self.work_aside();
        self.stores_broken += u64::from(self.storing.take().is_some());
    }

    fn maybe_pause(&mut self) {
        if self.pauses.one_in > 0 && self.rng.chance(1, self.pauses.one_in) {
            self.local += self.rng.between(1_000_000, self.pauses.nanos_max);
            self.paused += 1;
        }
    }
}
