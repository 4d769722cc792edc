//! A temporary directory on disk.

use crate::cli::failure::Failure;
use std::path::{Path, PathBuf};
use tenure::sys::random;

/// Removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new, empty directory in /var/tmp: /tmp is often memory, where a sync costs nothing.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(purpose: &str) -> Result<Self, Failure> {
        let name = format!("tenure-{purpose}-{}-{:08x}", std::process::id(), random::seed() as u32);
        let path = Path::new("/var/tmp").join(name);
        std::fs::create_dir(&path).map_err(|error| {
            let place = path.display();
            Failure::unavailable(format!(
                "cannot make {place}: {error}; give a directory with --data"
            ))
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_goes_with_its_contents() {
        let scratch = Scratch::new("test").unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
