//! Opening a data directory: first everything is read and judged, then what is missing is made and what
//! is torn is settled. So a directory that is refused stays as it was found.
//!
//! The order in which a directory comes to be: identity, hard state, first segment, founding record;
//! each durable with its name before the next is begun. Nothing is promised to anybody before there is a
//! founding record, so until then the later ones may be missing, and are made again.

use super::envelope::Owner;
use super::hard_state::{self, HardStateFile};
use super::log::{self, Log};
use super::recovery::{self, Recovered};
use super::segment::SegmentFile;
use super::{ADVICE, Disk, Recovery, WalError, WalOptions, founding, identity, segment};
use crate::base::founding::FoundingRecord;
use crate::base::{DirectoryId, NodeId};

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
    let owner = match identity::read(disk, node)? {
        Some(owner) => owner,
        None => make_directory(disk, Owner { directory: fresh_directory, node }, &names)?,
    };
    let mut segments = list_segments(disk, &owner, &names)?;
    let found = Found {
        founding: founding::read(disk, &owner)?,
        hard_state: hard_state::read(disk, &owner)?,
        log: read_log(disk, &owner, &segments)?,
    };
    found.check()?;

    if let Some(last) = segments.last_mut() {
        segment::give_name(disk, last)?;
    }
    remove_temporaries(disk, &names)?;
    // A process that died between a rename and this call left a name that may not be durable.
    disk.sync_directory()?;
    complete(disk, owner, found, options)
}

/// What a directory holds besides its identity; read, and nothing changed.
#[derive(Debug)]
struct Found {
    founding: Option<FoundingRecord>,
    hard_state: Option<hard_state::Found>,
    log: Option<Recovered>,
}

impl Found {
    /// Whether the parts fit together.
    fn check(&self) -> Result<(), WalError> {
        let term = self.hard_state.as_ref().map(|found| found.state().term).unwrap_or_default();
        let sequences = self.log.as_ref().map_or(0, |log| log.end.next_sequence - 1);
        if self.founding.is_none() {
            return if term.0 == 0 && sequences == 0 {
                Ok(())
            } else {
                Err(segment::missing(founding::NAME))
            };
        }
        if self.hard_state.is_none() {
            return Err(segment::missing(hard_state::NAME));
        }
        let Some(log) = &self.log else { return Err(segment::missing(&segment::name(1))) };
        match log.entries.last() {
            // Hard state is durable before the entries of its term are written (W6).
            Some(last) if last.term > term => Err(WalError::Corrupt(format!(
                "{} says term {term}, but the log holds an entry of term {}: it is an old copy. \
                 {ADVICE}",
                hard_state::NAME,
                last.term
            ))),
            _ => Ok(()),
        }
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

/// Makes what a new directory lacks, and settles what an old one may hold in the page cache only.
fn complete<D: Disk>(
    disk: &mut D,
    owner: Owner,
    found: Found,
    options: &WalOptions,
) -> Result<Opened, WalError> {
    let hard_state = match found.hard_state {
        Some(state) => state,
        None => {
            hard_state::create(disk, &owner)?;
            hard_state::read(disk, &owner)?.ok_or_else(|| segment::missing(hard_state::NAME))?
        }
    };
    let Recovered { entries, mut end } = match found.log {
        Some(log) => log,
        None => {
            log::create_first_segment(disk, &owner, options.segment_bytes)?;
            let first = SegmentFile { number: 1, name: segment::name(1) };
            recovery::recover(disk, &owner, &[first])?
        }
    };
    let hard_state = HardStateFile::open(disk, owner, hard_state)?;
    let name = segment::name(end.segment);
    let file = disk.open(&name)?.ok_or_else(|| segment::missing(&name))?;
    end.settle(disk, file)?;
    let recovery = Recovery {
        directory: owner.directory,
        founding: found.founding,
        hard_state: hard_state.state(),
        entries,
        trimmed_bytes: end.torn_bytes,
    };
    let log = Log::new(owner, file, &end, options.segment_bytes);
    Ok(Opened { owner, hard_state, log, recovery })
}

fn remove_temporaries<D: Disk>(disk: &mut D, names: &[String]) -> Result<(), WalError> {
    for name in names.iter().filter(|name| TEMPORARIES.contains(&name.as_str())) {
        // A fresh directory has already reused the first of them.
        if let Some(file) = disk.open(name)? {
            disk.close(file);
            disk.remove(name)?;
        }
    }
    Ok(())
}

const TEMPORARIES: [&str; 5] = [
    identity::TEMPORARY,
    hard_state::TEMPORARY,
    founding::TEMPORARY,
    segment::TEMPORARY,
    segment::SPARE,
];
