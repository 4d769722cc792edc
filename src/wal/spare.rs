//! The spare segment: made off the loop while the present one fills, so that going on to the next costs
//! no writing of zeros. It is an optimisation: without it the next segment is made inline.

use super::segment::SPARE;
use super::{Disk, DiskError, FileId};

/// The next segment, as far as it is made.
#[derive(Debug, Default)]
pub(super) struct Spare {
    state: State,
    /// Failures in a row.
    failures: u32,
    /// What the last of them lacked, space or a descriptor.
    lacking: Option<DiskError>,
    /// Calls of `look_after` to let pass before the next attempt.
    turns_to_wait: u32,
    /// An attempt has ended since the log was opened.
    is_tried: bool,
    /// The disk had room for it by its own account when the log was opened.
    is_likely: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Absent,
    InTheMaking,
    Ready,
}

impl Spare {
    /// Looks whether the spare has become ready, and begins one if there is none. A lack of space, descriptors or
    /// memory is not final (W2): it is tried again, after twice as many turns each time.
    ///
    /// # Errors
    /// Whatever else the disk said: final.
    pub(super) fn look_after<D: Disk>(
        &mut self,
        disk: &mut D,
        bytes: u64,
    ) -> Result<(), DiskError> {
        self.look(disk)?;
        if self.state != State::Absent {
            return Ok(());
        }
        if self.turns_to_wait > 0 {
            self.turns_to_wait -= 1;
            return Ok(());
        }
        disk.prepare(SPARE, bytes);
        self.state = State::InTheMaking;
        Ok(())
    }

    /// What the last attempt lacked, if it failed: the next segment may be out of reach as well.
    pub(super) fn lacking(&self) -> Option<&DiskError> {
        self.lacking.as_ref()
    }

    /// Spare segments of a log that is opened on `disk`; the next one has so many bytes.
    pub(super) fn of<D: Disk>(disk: &D, bytes: u64) -> Self {
        let is_likely = disk.free_bytes().is_some_and(|free| free >= bytes);
        Self { is_likely, ..Self::default() }
    }

    /// Whether the next segment is there, or can be made by all that is known. Before the first attempt that is the
    /// account of the disk: to refuse until then what fits would be a refusal without cause, and a follower's a stall.
    pub(super) fn is_sure(&self) -> bool {
        self.state == State::Ready || self.lacking.is_none() && (self.is_tried || self.is_likely)
    }

    /// Whether an attempt has ended since the log was opened.
    pub(super) fn is_tried(&self) -> bool {
        self.is_tried
    }

    /// Something was removed: the next attempt need not wait.
    pub(super) fn handle_room(&mut self) {
        self.turns_to_wait = 0;
    }

    /// The spare's open file, if it is ready; there is none any more then.
    pub(super) fn take<D: Disk>(&mut self, disk: &mut D) -> Result<Option<FileId>, DiskError> {
        self.look(disk)?;
        if self.state != State::Ready {
            return Ok(None);
        }
        self.state = State::Absent;
        disk.open(SPARE)
    }

    fn look<D: Disk>(&mut self, disk: &mut D) -> Result<(), DiskError> {
        match disk.take_prepared() {
            None => {}
            Some(Ok(())) => {
                *self = Self { state: State::Ready, is_tried: true, ..Self::default() };
            }
            Some(Err(error @ (DiskError::Io(_) | DiskError::Unusable(_)))) => return Err(error),
            Some(Err(error @ (DiskError::NoSpace(_) | DiskError::Exhausted(_)))) => {
                self.failures = (self.failures + 1).min(FAILURES_COUNTED_MAX);
                self.turns_to_wait = 1 << self.failures;
                self.lacking = Some(error);
                self.is_tried = true;
                self.state = State::Absent;
            }
        }
        Ok(())
    }
}

/// At most 2⁸ turns between attempts: some seconds on an idle node, whose turns are its heartbeats.
const FAILURES_COUNTED_MAX: u32 = 8;
