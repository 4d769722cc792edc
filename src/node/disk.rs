//! A data directory of real files, for [`crate::wal`].
//!
//! One process at a time: the file `lock` is held with flock for as long as the [`FileDisk`] lives;
//! forked children let go of it. Files are 0600, the directory 0700 if made here; anything but a
//! regular file is refused. Spare files and snapshots are made on threads of their own,
//! `tenure-disk` and `tenure-store`, so that neither holds up the loop or the other.
//!
//! A process without free descriptors still writes its log: permanent files are open from the
//! start, a spare stays open from its making, and [`DESCRIPTORS_KEPT`] descriptors are reserved for
//! new files.

mod atomic_file;
mod lock;
mod shared;
mod worker;
mod zeros;

use crate::base::blob::ReadAt;
use crate::sys::descriptors::Reserve;
use crate::sys::{self, inherited, space};
use crate::wal::{Disk, DiskCause, DiskError, FileContent, FileId, StoreError};
use lock::DirectoryLock;
use shared::SharedFile;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use worker::Worker;

/// The files of one data directory.
#[derive(Debug)]
pub struct FileDisk {
    // Fields are dropped in this order: the threads have ended before the lock is given up.
    spares: Worker<Result<OpenFile, DiskError>>,
    stores: Worker<Result<(), StoreError>>,
    files: Vec<Option<OpenFile>>,
    /// The last spare, ready and not yet opened.
    prepared: Option<OpenFile>,
    path: PathBuf,
    directory: File,
    /// The directory, opened for the threads: the kernel reports an error of a sync once to each
    /// open file, and the loop's must get it.
    threads_directory: Arc<File>,
    reserve: Arc<Reserve>,
    access: Access,
    /// `None` without a lock file: none is made in a directory that is only read.
    lock: Option<DirectoryLock>,
}

/// The access to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadAndWrite,
    /// Read only: the kernel refuses each write.
    Read,
}

/// An open file, and its path for messages.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    file: File,
}

impl FileDisk {
    /// Opens the data directory at `path`, making it if needed, and locks it.
    ///
    /// # Errors
    /// [`DiskError`]: it cannot be made or opened, or another process uses it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DiskError> {
        let given = path.as_ref();
        // The host may change its working directory later.
        let path = std::path::absolute(given).map_err(|error| failed("open", given, error))?;
        make_directory(&path)?;
        let lock = DirectoryLock::acquire(&path)?;
        Self::open_locked(path, Access::ReadAndWrite, Some(lock))
    }

    /// Opens the data directory at `path` for reading: nothing in it is changed, and its file
    /// system may be mounted read-only. No node can start on it meanwhile.
    ///
    /// # Errors
    /// [`DiskError`]: it is not there or cannot be read, or a node uses it.
    pub fn open_to_read(path: impl AsRef<Path>) -> Result<Self, DiskError> {
        let given = path.as_ref();
        let path = std::path::absolute(given).map_err(|error| failed("open", given, error))?;
        let lock = DirectoryLock::acquire_to_read(&path)?;
        Self::open_locked(path, Access::Read, lock)
    }

    fn open_locked(
        path: PathBuf,
        access: Access,
        lock: Option<DirectoryLock>,
    ) -> Result<Self, DiskError> {
        let directory = || {
            inherited::by_no_child(|| File::open(&path))
                .map_err(|error| failed("open", &path, error))
        };
        let no_thread = |error| failed("start the threads for", &path, error);
        let spares = Worker::start("tenure-disk").map_err(no_thread)?;
        let stores = Worker::start("tenure-store").map_err(no_thread)?;
        Ok(Self {
            spares,
            stores,
            files: Vec::new(),
            prepared: None,
            directory: directory()?,
            threads_directory: Arc::new(directory()?),
            path,
            reserve: Arc::new(Reserve::new(DESCRIPTORS_KEPT)),
            access,
            lock,
        })
    }

    fn add(&mut self, path: PathBuf, file: File) -> FileId {
        let opened = Some(OpenFile { path, file });
        let position = self.files.iter().position(Option::is_none).unwrap_or(self.files.len());
        if position == self.files.len() {
            self.files.push(opened);
        } else {
            self.files[position] = opened;
        }
        FileId(u32::try_from(position).expect("few files are open"))
    }

    fn file(&self, file: FileId) -> &OpenFile {
        self.files
            .get(file.0 as usize)
            .and_then(Option::as_ref)
            .unwrap_or_else(|| panic!("{file:?} is not open"))
    }
}

impl Disk for FileDisk {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        let names = self.reserve.spend(|| {
            fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()
        });
        // A name that is not UTF-8 is not ours.
        let names: Vec<std::ffi::OsString> =
            names.map_err(|error| failed("list", &self.path, error))?;
        let mut names: Vec<String> =
            names.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name != lock::NAME);
        names.sort_unstable();
        Ok(names)
    }

    fn open(&mut self, name: &str) -> Result<Option<FileId>, DiskError> {
        let path = self.path.join(name);
        if let Some(OpenFile { path, file }) = self.prepared.take_if(|ready| ready.path == path) {
            return Ok(Some(self.add(path, file)));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(self.access == Access::ReadAndWrite);
        match self.reserve.spend(|| open_regular(&path, &mut options)) {
            Ok(file) => Ok(Some(self.add(path, file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("open", &path, error)),
        }
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        let path = self.path.join(name);
        let made = self.reserve.spend(|| create_empty(&path));
        let file = made.map_err(|error| failed("create", &path, error))?;
        Ok(self.add(path, file))
    }

    fn length(&mut self, file: FileId) -> Result<u64, DiskError> {
        let OpenFile { path, file } = self.file(file);
        let metadata = file.metadata().map_err(|error| failed("look at", path, error))?;
        Ok(metadata.len())
    }

    fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, DiskError> {
        let OpenFile { path, file } = self.file(file);
        read_full(file, offset, buffer).map_err(|error| failed("read", path, error))
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let OpenFile { path, file } = self.file(file);
        // The library continues short writes and retries EINTR.
        file.write_all_at(bytes, offset).map_err(|error| failed("write", path, error))
    }

    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError> {
        let OpenFile { path, file } = self.file(file);
        file.sync_data().map_err(|error| failed("sync", path, error))
    }

    fn shared(&mut self, file: FileId) -> Result<Arc<dyn ReadAt>, DiskError> {
        let OpenFile { path, file } = self.file(file);
        let shared = SharedFile::of(file, path, &self.reserve);
        Ok(Arc::new(shared.map_err(|error| failed("open", path, error))?))
    }

    fn close(&mut self, file: FileId) {
        if let Some(OpenFile { file, .. }) = self.files[file.0 as usize].take() {
            self.reserve.close(file.into());
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        fs::rename(&from, &to).map_err(|error| failed("rename", &from, error))?;
        for open in self.files.iter_mut().flatten().filter(|open| open.path == from) {
            open.path.clone_from(&to);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let path = self.path.join(name);
        fs::remove_file(&path).map_err(|error| failed("remove", &path, error))
    }

    fn sync_directory(&mut self) -> Result<(), DiskError> {
        self.directory.sync_all().map_err(|error| failed("sync", &self.path, error))
    }

    fn check(&mut self) -> Result<(), DiskError> {
        if self.lock.is_none() && self.path.join(lock::NAME).exists() {
            return Err(lock::in_use(&self.path));
        }
        let open = self.files.iter().flatten().map(|open| (&open.path, &open.file));
        for (path, file) in std::iter::once((&self.path, &self.directory)).chain(open) {
            let metadata = file.metadata().map_err(|error| failed("look at", path, error))?;
            if metadata.nlink() == 0 {
                let text = format!(
                    "{} was removed while this node used it: what it acknowledges would be lost, so it ends. Its other \
                     files are of no use without it",
                    path.display()
                );
                return Err(DiskError::Unusable(text.into()));
            }
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        space::free_bytes(&self.directory).ok()
    }

    fn prepare(&mut self, name: &str, bytes: u64) {
        self.reserve.fill();
        self.prepared = None;
        let (path, directory) = (self.path.join(name), Arc::clone(&self.threads_directory));
        let reserve = Arc::clone(&self.reserve);
        self.spares.begin(Box::new(move |stop| {
            let file = zeros::prepare(&directory, &path, bytes, (&reserve, stop))?;
            Ok(OpenFile { path, file })
        }));
    }

    fn take_prepared(&mut self) -> Option<Result<(), DiskError>> {
        let made = self.spares.take()?;
        Some(made.map(|file| self.prepared = Some(file)))
    }

    fn begin_store(&mut self, temporary: &str, name: &str, content: FileContent) {
        self.reserve.fill();
        let place = atomic_file::Target {
            directory: Arc::clone(&self.threads_directory),
            temporary: self.path.join(temporary),
            path: self.path.join(name),
            reserve: Arc::clone(&self.reserve),
        };
        self.stores.begin(Box::new(move |stop| place.store(content, stop)));
    }

    fn discard(&mut self, what: Box<dyn Send>) {
        // Without a thread, freed here.
        let _ = sys::thread::spawn("tenure-discard", move || drop(what));
    }

    fn take_stored(&mut self) -> Option<Result<(), StoreError>> {
        self.stores.take()
    }
}

/// Makes the directory and its parents, each durable in its own parent.
fn make_directory(path: &Path) -> Result<(), DiskError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed("create", path, error));
            }
            _ => {}
        }
        let parent = path.parent().unwrap_or(path);
        File::open(parent)
            .and_then(|parent| parent.sync_all())
            .map_err(|error| failed("sync", parent, error))?;
    }
    Ok(())
}

/// Makes an empty file, or empties an existing one.
fn create_empty(path: &Path) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    let file = open_regular(path, options.read(true).write(true).create(true).mode(0o600))?;
    // Only now known to be a regular file.
    file.set_len(0)?;
    Ok(file)
}

/// Opens a regular file, without following a link or waiting for the other end of a pipe.
fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let refused = || io::Error::new(ErrorKind::InvalidInput, "it is not a regular file");
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = match inherited::by_no_child(|| options.open(path)) {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(refused()),
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused()) }
}

fn read_full(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn failed(what: &str, path: &Path, error: io::Error) -> DiskError {
    let message = format!("cannot {what} {}: {error}", path.display());
    let kind = match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT) => DiskError::NoSpace,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => DiskError::Exhausted,
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => DiskError::Unusable,
        Some(libc::ENOENT | libc::ENOTDIR | libc::EISDIR | libc::ELOOP | libc::ENAMETOOLONG) => {
            DiskError::Unusable
        }
        // Not a regular file.
        None if error.kind() == ErrorKind::InvalidInput => DiskError::Unusable,
        _ => DiskError::Io,
    };
    kind(DiskCause::because_of(message, error))
}

/// The length of the parts in which the threads write and sync large files.
const PART_BYTES: usize = 512 << 10;
/// Reserved descriptors: a spare, a snapshot, its reader while it is made, its reader afterwards,
/// and one for races with other threads.
const DESCRIPTORS_KEPT: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn st21_st24_what_is_lacking_is_told_from_other_errors() {
        let kind = |code| failed("write", Path::new("x"), io::Error::from_raw_os_error(code));
        for code in [libc::ENOSPC, libc::EDQUOT] {
            assert!(matches!(kind(code), DiskError::NoSpace(_)), "{code}");
        }
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOMEM] {
            assert!(matches!(kind(code), DiskError::Exhausted(_)), "{code}");
        }
        for code in [libc::EACCES, libc::EPERM, libc::EROFS, libc::ENOENT, libc::ENOTDIR] {
            assert!(matches!(kind(code), DiskError::Unusable(_)), "{code}");
        }
        for code in [libc::EIO, libc::EFBIG, libc::ENODEV] {
            assert!(matches!(kind(code), DiskError::Io(_)), "{code}");
        }
    }
}
