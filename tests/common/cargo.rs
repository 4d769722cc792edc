//! Another cargo, for what a test has built.

use super::root::root;
use std::process::Command;

/// The cargo that runs this test, at the repository, without what it has told this test of its package: build scripts that
/// look at that (ring's) would run again, and all above them be built anew, now and by the next cargo of a shell.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_of_package = text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_");
        if is_of_package
            || ["CARGO", "LD_LIBRARY_PATH", "OUT_DIR", "TENURE_WRITE_HEADER"].contains(&&*text)
        {
            cargo.env_remove(&name);
        }
    }
    cargo.current_dir(root(""));
    cargo
}
