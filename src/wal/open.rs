//! Opening a data directory: first everything is read and judged, then what is missing is made and what
//! is torn is settled. So a directory that is refused stays as it was found.
//!
//! The order in which a directory comes to be: identity, hard state, first segment, founding record;
//! each durable with its name before the next is begun. Nothing is promised to anybody before there is a
//! founding record, so until then the later ones may be missing, and are made again. (One that is made
//! from a snapshot has its identity last, see [`super::restore`].)

use super::choice::{self, Chosen};
use super::envelope::Owner;
use super::hard_state::{self, HardStateFile};
use super::log::{self, Log};
use super::record::Content;
use super::recovery::{self, Recovered};
use super::segment::SegmentFile;
use super::spare::Spare;
use super::{
    ADVICE, Disk, Recovery, WalError, WalOptions, ancestors, founding, identity, segment,
    small_file, snapshot_file, start_behind,
};
use crate::base::founding::FoundingRecord;
use crate::base::{Ancestors, DirectoryId, Index, NodeId, Term};
use crate::raft::{HardState, SnapshotMeta};

/// A directory that is ready for use.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) owner: Owner,
    pub(super) hard_state: HardStateFile,
    pub(super) log: Log,
    pub(super) recovery: Recovery,
}

/// Opens the directory that `disk` shows, as [`super::Wal::open`] does.
pub(super) fn open<D: Disk>(
    disk: &mut D,
    node: NodeId,
    fresh_directory: DirectoryId,
    options: &WalOptions,
) -> Result<Opened, WalError> {
    let names = disk.list()?;
    let owner = match identity::read_of(disk, node)? {
        Some(owner) => owner,
        None => make_directory(disk, Owner { directory: fresh_directory, node }, &names)?,
    };
    let found = read(disk, &owner, &names)?;
    found.give_names(disk)?;
    remove_leftovers(disk, &names, found.snapshot_index())?;
    // A process that died between a rename and this call left a name that may not be durable.
    disk.sync_directory()?;
    complete(disk, owner, found, options)
}

/// Reads and judges the directory of `owner`, and changes nothing.
pub(super) fn read<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    names: &[String],
) -> Result<Found, WalError> {
    let segments = list_segments(disk, owner, names)?;
    let founding = founding::read(disk, owner)?;
    let ancestors = ancestors::read(disk, owner)?;
    let hard_state = hard_state::read(disk, owner)?;
    let log = read_log(disk, owner, &segments)?;
    let snapshot = choice::choose(disk, owner, names, log.as_ref())?;
    let found = Found { founding, ancestors, hard_state, snapshot, segments, log };
    found.check()?;
    Ok(found)
}

/// Content of a directory besides its identity: read, with nothing changed.
#[derive(Debug)]
pub(super) struct Found {
    founding: Option<FoundingRecord>,
    ancestors: Ancestors,
    hard_state: Option<hard_state::Found>,
    snapshot: Option<Chosen>,
    segments: Vec<SegmentFile>,
    log: Option<Recovered>,
}

impl Found {
    /// The state with which a start would begin.
    pub(super) fn into_recovery(self, owner: &Owner) -> Recovery {
        let (hard_state, is_obsolete) = (self.hard_state(), self.is_log_obsolete());
        let (entries, trimmed_bytes) =
            self.log.map_or((Vec::new(), 0), |log| (log.entries, log.end.torn_bytes));
        Recovery {
            directory: owner.directory,
            founding: self.founding,
            ancestors: self.ancestors,
            hard_state,
            snapshot: self.snapshot.map(|chosen| chosen.snapshot),
            entries: if is_obsolete { Vec::new() } else { entries },
            trimmed_bytes,
        }
    }

    /// Whether nothing of the log is needed: it ends before the snapshot, or is of another past (ST36).
    fn is_log_obsolete(&self) -> bool {
        let start = self.snapshot_meta().map(start_behind);
        self.log.as_ref().zip(start).is_some_and(|(log, start)| !log.agrees_with(start))
    }

    /// Whether the parts fit together.
    fn check(&self) -> Result<(), WalError> {
        let is_new = self.founding.is_none() && self.snapshot.is_none();
        if self.hard_state.is_none() && !is_new {
            return Err(segment::missing(hard_state::NAME));
        }
        if self.log.is_none() && !is_new {
            return Err(segment::missing(&segment::name(1)));
        }
        if self.founding.is_none() && self.has_promised() {
            return Err(segment::missing(founding::NAME));
        }
        let term = self.hard_state().term;
        let newest = self.snapshot_term().max(self.last_term());
        if newest > term {
            // Hard state is durable before the entries of its term are written (W6).
            return Err(WalError::Corrupt(format!(
                "{} says term {term}, but the log holds an entry of term {newest}: it is an old \
                 copy. {ADVICE}",
                hard_state::NAME,
            )));
        }
        Ok(())
    }

    /// Whether anything was promised since the directory was made. One that was made from a snapshot
    /// begins with the snapshot's term.
    fn has_promised(&self) -> bool {
        let made_with = HardState { term: self.snapshot_term(), vote: None };
        let records = self.log.as_ref().map_or(0, |log| log.end.next_sequence - 1);
        self.hard_state() != made_with || records > 0
    }

    fn hard_state(&self) -> HardState {
        self.hard_state.as_ref().map(hard_state::Found::state).unwrap_or_default()
    }

    fn snapshot_meta(&self) -> Option<&SnapshotMeta> {
        self.snapshot.as_ref().map(|chosen| &chosen.snapshot.meta)
    }

    fn snapshot_term(&self) -> Term {
        self.snapshot_meta().map(|meta| meta.term).unwrap_or_default()
    }

    fn snapshot_index(&self) -> Index {
        self.snapshot_meta().map(|meta| meta.index).unwrap_or_default()
    }

    fn last_term(&self) -> Term {
        let last = self.log.as_ref().and_then(|log| log.entries.last());
        last.map(|entry| entry.term).unwrap_or_default()
    }

    /// Gives their names to files whose rename was lost.
    fn give_names<D: Disk>(&self, disk: &mut D) -> Result<(), WalError> {
        let snapshot = self.snapshot.as_ref();
        let snapshot = snapshot
            .map(|chosen| (chosen.name.as_str(), snapshot_file::name(self.snapshot_index())));
        let segment = self.segments.last();
        let segment = segment.map(|last| (last.name.as_str(), segment::name(last.number)));
        for (present, name) in segment.into_iter().chain(snapshot) {
            if present != name {
                small_file::give_name(disk, present, &name)?;
            }
        }
        Ok(())
    }
}

/// Gives an empty directory its identity.
fn make_directory<D: Disk>(
    disk: &mut D,
    owner: Owner,
    names: &[String],
) -> Result<Owner, WalError> {
    let is_ours = |name: &&String| {
        [founding::NAME, hard_state::NAME].contains(&name.as_str())
            || segment::number(name).is_some()
            || snapshot_file::index(name).is_some()
    };
    if let Some(name) = names.iter().find(is_ours) {
        return Err(WalError::Corrupt(format!(
            "{} is missing, though {name} is there. {ADVICE}",
            identity::NAME
        )));
    }
    identity::create(disk, &owner)?;
    Ok(owner)
}

/// The segments that there are, in order, the last of them perhaps without its name yet.
fn list_segments<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    names: &[String],
) -> Result<Vec<SegmentFile>, WalError> {
    let named =
        |name: &String| Some(SegmentFile { number: segment::number(name)?, name: name.clone() });
    let mut segments: Vec<SegmentFile> = names.iter().filter_map(named).collect();
    let next = segments.last().map_or(1, |last| last.number + 1);
    segments.extend(segment::find_unnamed(disk, owner, next)?);
    Ok(segments)
}

fn read_log<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    segments: &[SegmentFile],
) -> Result<Option<Recovered>, WalError> {
    if segments.is_empty() {
        return Ok(None);
    }
    recovery::recover(disk, owner, segments).map(Some)
}

/// Makes files that a new directory lacks, and settles bytes that an old one may hold in the page cache only.
fn complete<D: Disk>(
    disk: &mut D,
    owner: Owner,
    found: Found,
    options: &WalOptions,
) -> Result<Opened, WalError> {
    let is_obsolete = found.is_log_obsolete();
    let hard_state = match found.hard_state {
        Some(state) => state,
        None => {
            hard_state::create(disk, &owner, HardState::default())?;
            hard_state::read(disk, &owner)?.ok_or_else(|| segment::missing(hard_state::NAME))?
        }
    };
    let mut recovered = match found.log {
        Some(log) => log,
        None => {
            log::create_first_segment(disk, &owner, Index(0), options.segment_bytes)?;
            let first = SegmentFile { number: 1, name: segment::name(1) };
            recovery::recover(disk, &owner, &[first])?
        }
    };
    let hard_state = HardStateFile::open(disk, owner, hard_state)?;
    let name = segment::name(recovered.end.segment);
    let file = disk.open(&name)?.ok_or_else(|| segment::missing(&name))?;
    recovered.end.settle(disk, file)?;
    let snapshot = found.snapshot.map(|chosen| chosen.snapshot);
    let start = snapshot.as_ref().map(|snapshot| start_behind(&snapshot.meta));
    if let Some(start) = start.filter(|start| start.index == recovered.base) {
        recovered.base_term = Some(start.term);
    }
    let mut log = Log::new(owner, file, &recovered, options.segment_bytes);
    if let Some(start) = start.filter(|_| is_obsolete) {
        // The snapshot was stored, and the process ended before the log started over behind it (ST36).
        log.add(disk, &mut Spare::default(), Content::Start(start))?;
        log.sync(disk)?;
        recovered.entries.clear();
    }
    let recovery = Recovery {
        directory: owner.directory,
        founding: found.founding,
        ancestors: found.ancestors,
        hard_state: hard_state.state(),
        snapshot,
        entries: recovered.entries,
        trimmed_bytes: recovered.end.torn_bytes,
    };
    Ok(Opened { owner, hard_state, log, recovery })
}

/// Removes half-made files, and the snapshots from which this start does not begin.
fn remove_leftovers<D: Disk>(
    disk: &mut D,
    names: &[String],
    snapshot: Index,
) -> Result<(), WalError> {
    let is_leftover = |name: &&String| {
        let of_snapshot = snapshot_file::index(name);
        TEMPORARIES.contains(&name.as_str()) || of_snapshot.is_some_and(|index| index != snapshot)
    };
    for name in names.iter().filter(is_leftover) {
        // A fresh directory has already reused the first of them, and one may have got its name back.
        if let Some(file) = disk.open(name)? {
            disk.close(file);
            disk.remove(name)?;
        }
    }
    Ok(())
}

const TEMPORARIES: [&str; 7] = [
    ancestors::TEMPORARY,
    identity::TEMPORARY,
    hard_state::TEMPORARY,
    founding::TEMPORARY,
    segment::TEMPORARY,
    segment::SPARE,
    snapshot_file::TEMPORARY,
];
