//! Changes of files, by their metadata: no file is read for that.

use super::material::TlsFiles;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The metadata of a set of files; a different stamp means that a file has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp(Vec<Option<[i64; 6]>>);

impl TlsFiles {
    /// The present stamp. Symbolic links are followed: tools that renew certificates switch those.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let own = self.own.iter().flat_map(|(certificate, key)| [certificate, key]);
        let files = [&self.ca].into_iter().chain(own).chain(&self.client_ca).chain(&self.crl);
        let files = files.chain(&self.credential);
        Stamp(files.map(|path| of(path)).collect())
    }
}

/// Inode, length, and the times of modification and change. `None`: no such file.
fn of(path: &Path) -> Option<[i64; 6]> {
    let file = std::fs::metadata(path).ok()?;
    let [inode, length] = [file.ino(), file.size()].map(u64::cast_signed);
    Some([inode, length, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
}
