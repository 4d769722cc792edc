//! The storage that the log needs. Two implementations: real files in `node`, a simulated disk in `sim`.

use crate::base::Blob;
use crate::base::blob::ReadAt;
use std::sync::Arc;
use std::{fmt, io, ops};

/// An open file of one [`Disk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// Why storage failed. Sentences name the file.
///
/// After the first two, only files that are made beside the log, and that nothing uses yet, are tried again (W2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// No space left (also: quota).
    NoSpace(DiskCause),
    /// No file descriptor or no memory left, in this process or the system.
    Exhausted(DiskCause),
    /// The directory, or a file in it, may not be used as it is, or is not there: no right, a read-only file system, a link
    /// in place of a file, …
    Unusable(DiskCause),
    /// Anything else that reading or writing met.
    Io(DiskCause),
}

/// A sentence, and the system's error behind it, if there is one.
#[derive(Clone, Debug)]
pub struct DiskCause {
    text: String,
    source: Option<Arc<io::Error>>,
}

impl DiskCause {
    /// `source` is the system's error; `text` has its words, too.
    #[must_use]
    pub fn because_of(text: String, source: io::Error) -> Self {
        Self { text, source: Some(Arc::new(source)) }
    }
}

impl From<String> for DiskCause {
    fn from(text: String) -> Self {
        Self { text, source: None }
    }
}

impl From<&str> for DiskCause {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<DiskCause> for String {
    fn from(cause: DiskCause) -> Self {
        cause.text
    }
}

impl ops::Deref for DiskCause {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// By the sentence: the error behind it is in its words.
impl PartialEq for DiskCause {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for DiskCause {}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace(cause) => write!(f, "no space left: {}", cause.text),
            Self::Exhausted(cause) => {
                write!(f, "no file descriptor or memory left: {}", cause.text)
            }
            Self::Unusable(cause) | Self::Io(cause) => f.write_str(&cause.text),
        }
    }
}

impl std::error::Error for DiskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let (Self::NoSpace(cause)
        | Self::Exhausted(cause)
        | Self::Unusable(cause)
        | Self::Io(cause)) = self;
        Some(cause.source.as_deref()?)
    }
}

/// Why a file was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There are no bytes to store: what made them says why. Nothing is left.
    #[error("{0}")]
    Content(String),
    /// The disk said so.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Writes the bytes of a new file, off the caller's thread. Returns their description, or why there are none.
pub type FileContent = Box<dyn FnOnce(&mut dyn NewFile) -> Result<FileBytes, StoreError> + Send>;

/// A file that has no name yet for good.
pub trait NewFile {
    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// [`DiskError`]; how much was written is unknown.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// A handle on the file for readers, valid under whatever name it gets.
    ///
    /// # Errors
    /// [`DiskError`].
    fn shared(&mut self) -> Result<Arc<dyn ReadAt>, DiskError>;
}

/// All that a file holds: a head, and a body behind it, which may be long, and is not in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileBytes {
    /// The bytes in front of the rest.
    pub head: Vec<u8>,
    /// The rest of the bytes.
    pub body: Blob,
}

impl FileBytes {
    /// Writes few bytes, which are all that `file` holds.
    ///
    /// # Errors
    /// That of the disk.
    pub fn written(file: &mut dyn NewFile, bytes: Vec<u8>) -> Result<Self, StoreError> {
        file.write_at(0, &bytes)?;
        Ok(Self { head: bytes, body: Blob::from(Vec::new()) })
    }

    /// How long the file is.
    #[must_use]
    pub fn file_length(&self) -> u64 {
        self.head.len() as u64 + self.body.len()
    }
}

/// In memory, for disks that are none.
impl NewFile for Vec<u8> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let from = usize::try_from(offset).expect("it fits into memory");
        let end = from + bytes.len();
        if self.len() < end {
            self.resize(end, 0);
        }
        self[from..end].copy_from_slice(bytes);
        Ok(())
    }

    fn shared(&mut self) -> Result<Arc<dyn ReadAt>, DiskError> {
        Ok(Arc::new(self.clone()))
    }
}

/// One flat directory of files. Every method that changes something is durable only after the sync that
/// covers it: file contents after `sync_data`, names after `sync_directory`.
pub trait Disk {
    /// The names in the directory, in byte order, without those of the disk's own (a lock).
    ///
    /// # Errors
    /// [`DiskError`].
    fn list(&mut self) -> Result<Vec<String>, DiskError>;

    /// Opens an existing file for reading and writing; `None` if there is none.
    ///
    /// # Errors
    /// [`DiskError`]; also if it is not a regular file.
    fn open(&mut self, name: &str) -> Result<Option<FileId>, DiskError>;

    /// Creates an empty file, or empties the one of that name, and opens it.
    ///
    /// # Errors
    /// [`DiskError`].
    fn create(&mut self, name: &str) -> Result<FileId, DiskError>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// [`DiskError`].
    fn length(&mut self, file: FileId) -> Result<u64, DiskError>;

    /// Fills `buffer` from `offset`; returns how much there was (short only at the end of the file).
    ///
    /// # Errors
    /// [`DiskError`].
    fn read_at(&mut self, file: FileId, offset: u64, buffer: &mut [u8])
    -> Result<usize, DiskError>;

    /// Writes all of `bytes` at `offset`. Continues short writes and retries EINTR.
    ///
    /// # Errors
    /// [`DiskError`]; how much was written is unknown.
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes the file's contents and length durable (fdatasync). After an error nothing may be assumed
    /// of any byte written before (W2).
    ///
    /// # Errors
    /// [`DiskError`].
    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError>;

    /// A handle on the file for readers, valid after it is closed here or has lost its name. Its bytes do not change
    /// again.
    ///
    /// # Errors
    /// [`DiskError`].
    fn shared(&mut self, file: FileId) -> Result<Arc<dyn ReadAt>, DiskError>;

    /// Closes the file.
    fn close(&mut self, file: FileId);

    /// Gives a file another name, replacing a file that has it.
    ///
    /// # Errors
    /// [`DiskError`].
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a name.
    ///
    /// # Errors
    /// [`DiskError`].
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// [`DiskError`].
    fn sync_directory(&mut self) -> Result<(), DiskError>;

    /// Whether the directory, and all of its files that are open, are still where they were.
    ///
    /// # Errors
    /// [`DiskError::Unusable`]: somebody removed them.
    fn check(&mut self) -> Result<(), DiskError>;

    /// Bytes that may still be written, as far as that is known without writing: a hint.
    fn free_bytes(&self) -> Option<u64>;

    /// Begins to make a file of `bytes` zero bytes under `name`, written through and synced, its name too,
    /// off the caller's thread. One at a time; replaces a file of that name. To open it once it is ready needs no
    /// descriptor any more.
    fn prepare(&mut self, name: &str, bytes: u64);

    /// Whether the file of the last `prepare` is ready, once; `None` while it is in the making, or if
    /// none was asked for.
    fn take_prepared(&mut self) -> Option<Result<(), DiskError>>;

    /// Begins to make the file `name`, off the caller's thread: writes its content as it is made under
    /// `temporary`, syncs, renames, syncs the directory, reads it back and compares (W7). One at a time,
    /// and it holds up no `prepare`.
    fn begin_store(&mut self, temporary: &str, name: &str, content: FileContent);

    /// Frees what takes long to free, off the caller's thread.
    fn discard(&mut self, what: Box<dyn Send>);

    /// How the last `begin_store` ended, once; `None` while it goes on, or if there was none. After an
    /// error neither name is left, as far as removing them went well.
    fn take_stored(&mut self) -> Option<Result<(), StoreError>>;
}
