//! Faults of one simulated disk, and errors that a process was told.

/// The state of a disk's faults.
#[derive(Debug, Default)]
pub struct DiskFaults {
    /// No sync ends before this.
    pub stalled_until: u64,
    /// An operation of this kind will fail.
    pub strike: Option<Strike>,
    /// Files cannot grow.
    pub is_full: bool,
    /// The first error that the running process was told: it must end, and promise nothing any more (W2).
    pub told: Option<Told>,
    /// The file with a rotten record in the middle of the log: while it is there, no process may serve from
    /// this disk (W5).
    pub rotten: Option<u32>,
    /// How often each kind of [`StrikeOn`] struck.
    pub failed: [u64; 3],
    /// How often there was no room for a spare segment.
    pub spares_refused: u64,
}

/// An operation that will fail once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Kind of fault.
    pub on: StrikeOn,
    /// After this many more of it.
    pub after: u32,
}

/// Failure of an operation, and the fate of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrikeOn {
    /// A write; nothing of it is taken.
    Write,
    /// A sync; its data stays in the page cache, to be written by a later one.
    Sync,
    /// A sync; its data stays readable, and no later sync writes it (fsyncgate).
    SyncAndForget,
}

/// An error that reached the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An error of the device: EIO.
    Io,
    /// ENOSPC where the log needed room at once.
    NoSpace,
}

impl DiskFaults {
    /// Whether an operation of one of these kinds fails now, and which.
    pub fn take_strike(&mut self, kinds: &[StrikeOn]) -> Option<StrikeOn> {
        let struck = self.take_strike_aside(kinds);
        if struck.is_some() {
            self.told.get_or_insert(Told::Io);
        }
        struck
    }

    /// The same off the process's thread, which is told later.
    pub fn take_strike_aside(&mut self, kinds: &[StrikeOn]) -> Option<StrikeOn> {
        let strike = self.strike.as_mut().filter(|strike| kinds.contains(&strike.on))?;
        if strike.after > 0 {
            strike.after -= 1;
            return None;
        }
        let on = strike.on;
        self.failed[on as usize] += 1;
        self.strike = None;
        Some(on)
    }

    /// A new process runs on this disk.
    pub fn restart(&mut self) {
        self.told = None;
    }

    /// Makes the disk whole, with room. Rotten sectors stay.
    pub fn heal(&mut self) {
        (self.stalled_until, self.strike, self.is_full) = (0, None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_counts_only_its_own_kind_and_strikes_once() {
        let strike = Some(Strike { on: StrikeOn::Sync, after: 1 });
        let mut faults = DiskFaults { strike, ..DiskFaults::default() };
        assert_eq!(faults.take_strike(&[StrikeOn::Write]), None);
        assert_eq!(faults.take_strike(&[StrikeOn::Sync, StrikeOn::SyncAndForget]), None);
        assert_eq!(faults.take_strike(&[StrikeOn::Sync]), Some(StrikeOn::Sync));
        assert_eq!(faults.told, Some(Told::Io));
        assert_eq!(faults.take_strike(&[StrikeOn::Sync]), None);
    }
}
