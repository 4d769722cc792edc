//! Whether files have changed, by what the file system says of them: nothing is read for that.

use super::material::TlsFiles;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Of a set of files at one time; another one means that some file is another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp(Vec<Option<[i64; 6]>>);

impl TlsFiles {
    /// What they are at present. Links are followed, as tools that renew change those.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let own = self.own.iter().flat_map(|(certificate, key)| [certificate, key]);
        let files = [&self.ca].into_iter().chain(own).chain(&self.client_ca).chain(&self.crl);
        let files = files.chain(&self.credential);
        Stamp(files.map(|path| of(path)).collect())
    }
}

/// Where it is, how long, and when it was written, or became what it is. `None`: it is not there.
fn of(path: &Path) -> Option<[i64; 6]> {
    let file = std::fs::metadata(path).ok()?;
    let [inode, length] = [file.ino(), file.size()].map(u64::cast_signed);
    Some([inode, length, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
}
