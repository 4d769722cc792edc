//! How much room a file system has.

use std::io;
use std::os::fd::AsRawFd;

/// The bytes that a process like this one may still write to the file system of `file`; 0 if it can hold no more files.
/// A hint: others write as well, and quotas are not in it.
///
/// # Errors
/// Those of fstatvfs(3).
pub fn free_bytes(file: &impl AsRawFd) -> io::Result<u64> {
    // SAFETY: a statvfs is plain data, valid when zeroed; the call writes it and keeps no pointer.
    let (result, told) = unsafe {
        let mut told: libc::statvfs = std::mem::zeroed();
        (libc::fstatvfs(file.as_raw_fd(), &raw mut told), told)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let has_inodes = told.f_files == 0 || told.f_favail > 0;
    Ok(if has_inodes { told.f_bavail.saturating_mul(told.f_frsize) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_file_system_that_takes_files_has_room() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&File::open(folder.path()).unwrap()).unwrap() > 0);
        // A file system of no blocks.
        assert_eq!(free_bytes(&File::open("/proc/self/status").unwrap()).unwrap(), 0);
    }
}
