//! The repository.

use std::path::{Path, PathBuf};

/// What `path` leads to, which begins at the repository: the package of a test may lie deeper.
pub fn root(path: impl AsRef<Path>) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().find(|folder| folder.join("Cargo.lock").exists());
    root.expect("a lock file above").join(path)
}
