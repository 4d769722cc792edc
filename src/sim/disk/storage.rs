//! Content of one simulated disk: durable bytes and names, and those that only the page cache has.
//!
//! A killed process loses none of it. A power cut keeps a random subset of the unsynced sectors, in any order, and of
//! the unsynced changes of names (faults ST2, ST3, ST25).

use crate::base::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// The unit that a power cut keeps or loses as a whole.
pub const SECTOR_BYTES: usize = 512;

/// One directory of files.
#[derive(Debug, Default)]
pub struct Storage {
    files: BTreeMap<u32, File>,
    names: BTreeMap<String, u32>,
    durable_names: BTreeMap<String, u32>,
    unsynced_names: Vec<NameChange>,
    next: u32,
    /// Writes that became durable, in order, until they are taken.
    newly_durable: Vec<Synced>,
    /// Unsynced sectors and names that power cuts threw away.
    pub dropped: u64,
    /// Power cuts that kept a part of what a file had unsynced.
    pub torn: u64,
    /// Changes of names that power cuts threw away.
    pub names_lost: u64,
    /// Segments of the log that got their name.
    pub segments: u64,
    /// Segments of the log that were removed, durably.
    pub segments_removed: u64,
    /// Whether syncs of the directory leave the newest rename of a log's segment or of a snapshot out (ST25).
    pub forgets_renames: bool,
}

#[derive(Debug, Default)]
struct File {
    durable: BTreeMap<u64, Sector>,
    /// In the page cache alone, and believed clean: their sync failed, and no later one writes them.
    limbo: BTreeMap<u64, Sector>,
    dirty: BTreeMap<u64, Sector>,
    durable_bytes: u64,
    bytes: u64,
    unsynced_writes: Vec<Vec<u8>>,
    limbo_writes: Vec<Vec<u8>>,
}

/// Something that became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synced {
    /// One write, into any file but a snapshot's.
    Write(Vec<u8>),
    /// The whole file of a snapshot, under its name.
    Snapshot(Vec<u8>),
}

/// Apart from the trees, whose nodes would be kilobytes that each sync allocates.
type Sector = Box<[u8; SECTOR_BYTES]>;
const ZEROS: [u8; SECTOR_BYTES] = [0; SECTOR_BYTES];
/// More files than any directory of a run has names for.
const FILES_MAX: usize = 64;
const SNAPSHOT_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug)]
enum NameChange {
    Link { name: String, file: u32 },
    Rename { from: String, to: String },
    Remove { name: String },
}

impl Storage {
    /// The names in byte order.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.names.keys()
    }

    /// The file of that name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// A new empty file under `name`.
    pub fn create(&mut self, name: &str) -> u32 {
        self.next += 1;
        self.files.insert(self.next, File::default());
        self.change_name(NameChange::Link { name: name.to_owned(), file: self.next });
        self.next
    }

    /// Gives the file `from` the name `to`; false if there is none.
    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        let found = self.names.contains_key(from);
        self.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        found
    }

    /// Removes a name; false if there is none.
    pub fn remove(&mut self, name: &str) -> bool {
        let found = self.names.contains_key(name);
        self.change_name(NameChange::Remove { name: name.to_owned() });
        found
    }

    /// A file's length.
    #[must_use]
    pub fn length(&self, file: u32) -> u64 {
        self.files[&file].bytes
    }

    /// Fills `buffer` from `offset`; returns how much there was.
    pub fn read(&self, file: u32, offset: u64, buffer: &mut [u8]) -> usize {
        let file = &self.files[&file];
        let there = usize::try_from(file.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = there.min(buffer.len());
        buffer[..length].fill(0);
        let end = offset + length as u64;
        let sectors = offset / SECTOR_BYTES as u64..end.div_ceil(SECTOR_BYTES as u64);
        for layer in [&file.durable, &file.limbo, &file.dirty] {
            for (number, sector) in layer.range(sectors.clone()) {
                copy_overlap(number * SECTOR_BYTES as u64, sector, offset, &mut buffer[..length]);
            }
        }
        length
    }

    /// Writes `bytes` at `offset` into the page cache.
    pub fn write(&mut self, file: u32, offset: u64, bytes: &[u8]) {
        let file = self.files.get_mut(&file).expect("an open file");
        let end = offset + bytes.len() as u64;
        file.bytes = file.bytes.max(end);
        let zeros = bytes.iter().all(|byte| *byte == 0);
        if zeros && file.is_blank() {
            return;
        }
        let first = offset / SECTOR_BYTES as u64;
        for number in first..end.div_ceil(SECTOR_BYTES as u64) {
            file.write_sector(number, offset, bytes);
        }
        if !zeros {
            file.unsynced_writes.push(bytes.to_vec());
        }
    }

    /// The same for a part of a snapshot, which promises nothing by itself.
    pub fn write_snapshot(&mut self, file: u32, offset: u64, bytes: &[u8]) {
        let file = self.files.get_mut(&file).expect("an open file");
        let end = offset + bytes.len() as u64;
        file.bytes = file.bytes.max(end);
        for number in offset / SECTOR_BYTES as u64..end.div_ceil(SECTOR_BYTES as u64) {
            file.write_sector(number, offset, bytes);
        }
    }

    /// Lengthens the file with zeros, in the page cache.
    pub fn extend(&mut self, file: u32, bytes: u64) {
        let file = self.files.get_mut(&file).expect("an open file");
        assert!(file.is_blank(), "only a file of zeros is lengthened");
        file.bytes = file.bytes.max(bytes);
    }

    /// Makes the file's contents and length durable, but for what an earlier sync lost.
    pub fn sync(&mut self, file: u32) {
        let file = self.files.get_mut(&file).expect("an open file");
        // One by one: merging whole trees would cost as much as the file is long.
        for (number, sector) in std::mem::take(&mut file.dirty) {
            file.durable.insert(number, sector);
        }
        file.durable_bytes = file.bytes;
        self.newly_durable.extend(file.unsynced_writes.drain(..).map(Synced::Write));
    }

    /// A sync fails, and the kernel takes the pages for clean.
    pub fn forget(&mut self, file: u32) {
        let file = self.files.get_mut(&file).expect("an open file");
        file.limbo.append(&mut file.dirty);
        file.limbo_writes.append(&mut file.unsynced_writes);
    }

    /// Makes all changes of names durable, but perhaps the newest.
    pub fn sync_names(&mut self) {
        // A lost rename leaves the file under its temporary name, or under the new one: both are found.
        self.tell_snapshots();
        let newest = self.unsynced_names.last();
        let is_lost = |newest: &NameChange| newest.is_segment() || newest.snapshot().is_some();
        let kept = usize::from(self.forgets_renames && newest.is_some_and(is_lost));
        let end = self.unsynced_names.len() - kept;
        for change in self.unsynced_names.drain(..end) {
            self.segments_removed += u64::from(change.removes_segment());
            change.apply(&mut self.durable_names);
        }
        self.drop_nameless();
    }

    /// Says which snapshots get their names.
    fn tell_snapshots(&mut self) {
        for name in self.unsynced_names.iter().filter_map(NameChange::snapshot) {
            let Some(file) = self.file(name) else { continue };
            let length = self.length(file).min(SNAPSHOT_BYTES_MAX);
            let mut bytes = vec![0; usize::try_from(length).expect("small")];
            self.read(file, 0, &mut bytes);
            self.newly_durable.push(Synced::Snapshot(bytes));
        }
    }

    /// Files that no start can find are gone.
    fn drop_nameless(&mut self) {
        if self.files.len() > FILES_MAX {
            let names = self.names.values().chain(self.durable_names.values());
            let reachable: BTreeSet<u32> = names.copied().collect();
            self.files.retain(|number, _| reachable.contains(number));
        }
    }

    /// Whether the file has a name.
    #[must_use]
    pub fn is_named(&self, file: u32) -> bool {
        self.names.values().any(|named| *named == file)
    }

    /// Flips one bit of durable data.
    pub fn rot(&mut self, file: u32, offset: u64, bit: u8) {
        let file = self.files.get_mut(&file).expect("an open file");
        let number = offset / SECTOR_BYTES as u64;
        let sector = file.durable.get_mut(&number).expect("a sector that was written");
        sector[(offset % SECTOR_BYTES as u64) as usize] ^= 1 << (bit % 8);
    }

    /// Whether the sector at `offset` is durable and has no other contents in the page cache.
    #[must_use]
    pub fn is_settled(&self, file: u32, offset: u64) -> bool {
        let (file, number) = (&self.files[&file], offset / SECTOR_BYTES as u64);
        let cached = file.dirty.contains_key(&number) || file.limbo.contains_key(&number);
        file.durable.contains_key(&number) && !cached
    }

    /// The writes that became durable since the last call, in order.
    pub fn take_newly_durable(&mut self) -> Vec<Synced> {
        std::mem::take(&mut self.newly_durable)
    }

    /// The writes that are in the page cache alone: a crash may keep any part of them.
    pub fn unsynced_writes(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.files.values().flat_map(|file| file.limbo_writes.iter().chain(&file.unsynced_writes))
    }

    /// The power fails: the next start finds the rest, all of it durable.
    pub fn cut_power(&mut self, rng: &mut Rng) {
        let mut names = std::mem::take(&mut self.durable_names);
        let mut goes_on = true;
        for change in std::mem::take(&mut self.unsynced_names) {
            // The writes that a sync has passed over are in the journal in order: nothing behind a loss is kept.
            goes_on &= rng.chance(1, 2) || !self.forgets_renames;
            if goes_on && (self.forgets_renames || rng.chance(1, 2)) {
                change.apply(&mut names);
            } else {
                self.dropped += 1;
                self.names_lost += 1;
            }
        }
        self.names = names.clone();
        self.durable_names = names;
        let reachable: Vec<u32> = self.names.values().copied().collect();
        self.files.retain(|number, _| reachable.contains(number));
        for file in self.files.values_mut() {
            let (kept, dropped) = file.cut_power(rng);
            self.dropped += dropped;
            self.torn += u64::from(kept > 0 && dropped > 0);
        }
    }

    fn change_name(&mut self, change: NameChange) {
        self.segments += u64::from(change.is_segment());
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl File {
    fn is_blank(&self) -> bool {
        self.dirty.is_empty() && self.limbo.is_empty() && self.durable.is_empty()
    }

    fn write_sector(&mut self, number: u64, offset: u64, bytes: &[u8]) {
        let start = number * SECTOR_BYTES as u64;
        let cached = self.dirty.get(&number).or_else(|| self.limbo.get(&number));
        let before = cached.or_else(|| self.durable.get(&number));
        let mut sector = before.cloned().unwrap_or_else(|| Box::new(ZEROS));
        let skip = offset.saturating_sub(start) as usize;
        let from = start.saturating_sub(offset) as usize;
        let length = (SECTOR_BYTES - skip).min(bytes.len() - from);
        sector[skip..skip + length].copy_from_slice(&bytes[from..from + length]);
        // Zeros where nothing was cost no memory: spare segments are megabytes of them.
        if before.is_some() || *sector != ZEROS {
            self.limbo.remove(&number);
            self.dirty.insert(number, sector);
        }
    }

    /// How many sectors were kept, and how many dropped.
    fn cut_power(&mut self, rng: &mut Rng) -> (u64, u64) {
        let (mut kept, mut dropped) = (0, 0);
        let mut bytes = self.durable_bytes;
        let cached = std::mem::take(&mut self.limbo).into_iter();
        for (number, sector) in cached.chain(std::mem::take(&mut self.dirty)) {
            if rng.chance(1, 2) {
                let end = (number + 1) * SECTOR_BYTES as u64;
                bytes = bytes.max(end.min(self.bytes));
                kept += 1;
                self.durable.insert(number, sector);
            } else {
                dropped += 1;
            }
        }
        if self.bytes > bytes && rng.chance(1, 2) {
            bytes = self.bytes;
        }
        (self.bytes, self.durable_bytes) = (bytes, bytes);
        self.unsynced_writes.clear();
        self.limbo_writes.clear();
        (kept, dropped)
    }
}

impl NameChange {
    /// The name that it gives to a snapshot.
    fn snapshot(&self) -> Option<&str> {
        match self {
            Self::Rename { to, .. } if to.starts_with("snapshot-") => Some(to),
            _ => None,
        }
    }

    /// Whether it removes a segment of the log.
    fn removes_segment(&self) -> bool {
        matches!(self, Self::Remove { name } if name.starts_with("log-"))
    }

    /// Whether it gives a segment of the log its name.
    fn is_segment(&self) -> bool {
        matches!(self, Self::Rename { to, .. } if to.starts_with("log-"))
    }

    fn apply(&self, names: &mut BTreeMap<String, u32>) {
        match self {
            Self::Link { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Rename { from, to } => {
                // A rename whose source was lost with its own creation is lost with it.
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

/// Copies that part of `sector`, which begins at `start`, that lies in `buffer`, which begins at `offset`.
fn copy_overlap(start: u64, sector: &Sector, offset: u64, buffer: &mut [u8]) {
    let skip = offset.saturating_sub(start) as usize;
    let to = start.saturating_sub(offset) as usize;
    let length = (SECTOR_BYTES - skip).min(buffer.len() - to);
    buffer[to..to + length].copy_from_slice(&sector[skip..skip + length]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(storage: &Storage, name: &str) -> Option<Vec<u8>> {
        let file = storage.file(name)?;
        let mut bytes = vec![0xff; storage.length(file) as usize];
        assert_eq!(storage.read(file, 0, &mut bytes), bytes.len());
        Some(bytes)
    }

    #[test]
    fn reads_see_writes_across_sector_borders() {
        let mut storage = Storage::default();
        let file = storage.create("a");
        let bytes: Vec<u8> = (0..2000u32).map(|n| (n % 251) as u8).collect();
        storage.write(file, 0, &vec![0; 4096]);
        storage.write(file, 300, &bytes);
        storage.sync(file);
        storage.write(file, 1000, b"xyz");
        let mut read = vec![0; 5000];
        assert_eq!(storage.read(file, 300, &mut read), 3796);
        assert_eq!(read[..700], bytes[..700]);
        assert_eq!(&read[700..703], b"xyz");
        assert_eq!(read[703..2000], bytes[703..]);
        assert_eq!(read[2000..3796], [0; 1796]);
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_any_part_of_the_rest() {
        let (mut kept, mut lost, mut torn) = (0, 0, 0);
        for seed in 0..100 {
            let mut storage = Storage::default();
            let file = storage.create("a");
            storage.write(file, 0, &[1; 1024]);
            storage.sync(file);
            storage.sync_names();
            storage.write(file, 0, &[2; 1024]);
            storage.cut_power(&mut Rng::new(seed));
            let bytes = contents(&storage, "a").expect("the name was synced");
            match (bytes[0], bytes[1023]) {
                (1, 1) => lost += 1,
                (2, 2) => kept += 1,
                _ => torn += 1,
            }
        }
        assert!(kept > 0 && lost > 0 && torn > 0, "{kept} {lost} {torn}");
    }

    #[test]
    fn a_power_cut_may_lose_a_rename_but_never_both_names() {
        let (mut old, mut new) = (0, 0);
        for seed in 0..50 {
            let mut storage = Storage::default();
            let file = storage.create("a");
            storage.write(file, 0, b"x");
            storage.sync(file);
            storage.sync_names();
            storage.rename("a", "b");
            storage.cut_power(&mut Rng::new(seed));
            match (contents(&storage, "a"), contents(&storage, "b")) {
                (Some(_), None) => old += 1,
                (None, Some(_)) => new += 1,
                both => panic!("seed {seed}: {both:?}"),
            }
        }
        assert!(old > 0 && new > 0);
    }

    #[test]
    fn what_a_failed_sync_forgot_is_read_and_not_made_durable_by_the_next_one() {
        let mut lost = 0;
        for seed in 0..20 {
            let mut storage = Storage::default();
            let file = storage.create("a");
            storage.sync_names();
            storage.write(file, 0, &[1; 512]);
            storage.forget(file);
            storage.write(file, 512, &[2; 512]);
            storage.sync(file);
            assert_eq!(contents(&storage, "a").unwrap(), [[1; 512], [2; 512]].concat());
            assert_eq!(storage.take_newly_durable(), [Synced::Write(vec![2; 512])]);
            storage.cut_power(&mut Rng::new(seed));
            let bytes = contents(&storage, "a").unwrap();
            assert_eq!(bytes[512..], [2; 512]);
            lost += u32::from(bytes[0] == 0);
        }
        assert!((1..20).contains(&lost), "{lost}");
    }

    #[test]
    fn the_newest_rename_of_a_segment_may_be_lost_though_it_was_synced() {
        let mut lost = 0;
        for seed in 0..20 {
            let mut storage = Storage { forgets_renames: true, ..Storage::default() };
            for (from, to) in [("a", "log-1"), ("b", "log-2")] {
                storage.create(from);
                storage.sync_names();
                storage.rename(from, to);
                storage.sync_names();
            }
            storage.cut_power(&mut Rng::new(seed));
            assert!(storage.file("log-1").is_some(), "a later sync made it durable");
            assert!(storage.file("b").is_some() != storage.file("log-2").is_some());
            lost += u32::from(storage.file("b").is_some());
        }
        assert!((1..20).contains(&lost), "{lost}");
    }

    #[test]
    fn only_synced_writes_are_told_of() {
        let mut storage = Storage::default();
        let file = storage.create("a");
        storage.write(file, 0, b"one");
        assert!(storage.take_newly_durable().is_empty());
        storage.sync(file);
        storage.write(file, 3, b"two");
        assert_eq!(storage.take_newly_durable(), [Synced::Write(b"one".to_vec())]);
    }
}
