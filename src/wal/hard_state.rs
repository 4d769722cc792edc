//! Term and vote, in a file of two slots (W6).
//!
//! Both slots are rewritten for each change, each synced before the other is touched, so one of them is
//! intact at every instant, and after the call both are: a slot that rots later costs nothing. The one
//! with the larger sequence wins; without any valid slot the node refuses to start, since a forgotten
//! vote could be given twice (R6). A slot is an envelope; its body is sequence, term and vote (0 for
//! none), u64 each.

use super::bytes::{take_u64, to_usize};
use super::envelope::{self, Flaw, Magic, Owner};
use super::identity::check_owner;
use super::{ADVICE, Disk, DiskError, FileId, WalError, small_file};
use crate::base::{NodeId, Term};
use crate::raft::HardState;

/// Content of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    sequence: u64,
    state: HardState,
}

/// Content of the file as found; nothing has been written yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    newest: Slot,
    newest_offset: u64,
}

impl Found {
    pub(super) fn state(&self) -> HardState {
        self.newest.state
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct HardStateFile {
    file: FileId,
    owner: Owner,
    last: Slot,
}

/// Reads both slots; `None` if there is no file.
pub(super) fn read<D: Disk>(disk: &mut D, owner: &Owner) -> Result<Option<Found>, WalError> {
    let Some(bytes) = small_file::read(disk, NAME)? else { return Ok(None) };
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Flaw::Damaged.describe(NAME));
    }
    let mut newest: Option<Found> = None;
    for offset in SLOT_OFFSETS {
        let slot = bytes.get(to_usize(offset)..).unwrap_or_default();
        let Some(slot) = read_slot(slot, owner)? else { continue };
        if newest.is_none_or(|found| found.newest.sequence < slot.sequence) {
            newest = Some(Found { newest: slot, newest_offset: offset });
        }
    }
    newest.map(Some).ok_or_else(|| {
        WalError::Corrupt(format!(
            "both copies of term and vote in {NAME} are damaged: this node may have voted and can \
             not know for whom. {ADVICE}"
        ))
    })
}

/// Makes the file of a new directory.
pub(super) fn create<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    state: HardState,
) -> Result<(), DiskError> {
    let slot = envelope::seal(MAGIC, owner, &Slot { sequence: 1, state }.body());
    let mut bytes = vec![0; to_usize(FILE_BYTES)];
    for offset in SLOT_OFFSETS.map(to_usize) {
        bytes[offset..offset + slot.len()].copy_from_slice(&slot);
    }
    small_file::place(disk, TEMPORARY, NAME, &bytes)
}

impl HardStateFile {
    /// Opens the file and writes its content into both slots, the other slot first: after a crash of the process or a
    /// failed sync the bytes that were read may be in the page cache alone.
    pub(super) fn open<D: Disk>(
        disk: &mut D,
        owner: Owner,
        found: Found,
    ) -> Result<Self, WalError> {
        let file = disk.open(NAME)?.ok_or_else(|| Flaw::Damaged.describe(NAME))?;
        let this = Self { file, owner, last: found.newest };
        let [first, second] = SLOT_OFFSETS;
        let other = if found.newest_offset == first { second } else { first };
        this.write_slot(disk, other)?;
        this.write_slot(disk, found.newest_offset)?;
        Ok(this)
    }

    /// The durable hard state.
    pub(super) fn state(&self) -> HardState {
        self.last.state
    }

    /// Makes `state` durable in both slots.
    pub(super) fn write<D: Disk>(
        &mut self,
        disk: &mut D,
        state: HardState,
    ) -> Result<(), DiskError> {
        self.last = Slot { sequence: self.last.sequence + 1, state };
        SLOT_OFFSETS.into_iter().try_for_each(|offset| self.write_slot(disk, offset))
    }

    fn write_slot<D: Disk>(&self, disk: &mut D, offset: u64) -> Result<(), DiskError> {
        disk.write_at(self.file, offset, &envelope::seal(MAGIC, &self.owner, &self.last.body()))?;
        disk.sync_data(self.file)
    }
}

impl Slot {
    fn body(&self) -> [u8; 24] {
        let vote = self.state.vote.map_or(0, |node| {
            assert!(node.0 != 0, "node ids begin at 1");
            node.0
        });
        let mut body = [0; 24];
        body[..8].copy_from_slice(&self.sequence.to_le_bytes());
        body[8..16].copy_from_slice(&self.state.term.0.to_le_bytes());
        body[16..].copy_from_slice(&vote.to_le_bytes());
        body
    }

    fn from_body(mut body: &[u8]) -> Option<Self> {
        let sequence = take_u64(&mut body)?;
        let term = Term(take_u64(&mut body)?);
        let vote = match take_u64(&mut body)? {
            0 => None,
            node => Some(NodeId(node)),
        };
        body.is_empty().then_some(Self { sequence, state: HardState { term, vote } })
    }
}

/// The slot, or `None` if it is damaged. An intact one that is foreign or newer is an error.
fn read_slot(bytes: &[u8], owner: &Owner) -> Result<Option<Slot>, WalError> {
    let opened = match envelope::open(MAGIC, bytes) {
        Ok(opened) => opened,
        Err(Flaw::Damaged) => return Ok(None),
        Err(flaw @ Flaw::Format(_)) => return Err(flaw.describe(NAME)),
    };
    check_owner(owner, &opened.owner, NAME)?;
    Ok(Slot::from_body(opened.body))
}

pub(super) const NAME: &str = "hard-state";
pub(super) const TEMPORARY: &str = "hard-state.new";
const MAGIC: Magic = *b"TENUREhs";
/// A page each, so that no single torn page write damages both.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const FILE_BYTES: u64 = 8192;
