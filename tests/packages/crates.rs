//! The crate.

use crate::install::tools::run;
use crate::packages::built::{Kind, VERSION, packages};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn the_crate_has_what_it_is_built_from_and_nothing_of_the_checks() {
    let Some(folder) = packages(Kind::Crate) else { return };
    let name = format!("tenure-{VERSION}");
    let listing = run(Command::new("tar").arg("-tzf").arg(folder.join(format!("{name}.crate"))));
    let files: BTreeSet<&str> =
        listing.lines().filter_map(|path| path.strip_prefix(&format!("{name}/"))).collect();
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        "cbindgen.toml",
        "src/lib.rs",
        "src/main.rs",
        "include/tenure.h",
        "bindings/cpp/tenure.hpp",
        "bindings/install/install.sh",
        ".ci/package/tenure.service",
        "docs/install.md",
        "LICENSE-MIT",
    ] {
        assert!(files.contains(path), "{path} is missing");
    }
    assert!(!files.contains(".ci/run"));
}
