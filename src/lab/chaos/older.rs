//! The older program that a mixed cluster begins with: a file, or a revision of the history that is built here.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::environment;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program of `what`: a path to it, or a git revision of this checkout, built below `target/older`.
///
/// # Errors
/// `what` is neither, or does not build.
pub fn program(what: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(what);
    if path.is_file() {
        return std::path::absolute(path)
            .map_err(|error| Failure::usage(format!("{what} cannot be reached: {error}")));
    }
    let revision = resolve(what)?;
    let folder = std::path::absolute("target/older")
        .map_err(|error| Failure::usage(format!("there is no folder to build in: {error}")))?;
    let built = folder.join("target/release/tenure");
    let kept = folder.join(format!("tenure-{revision}"));
    if !kept.is_file() {
        output::print(&format!("Building tenure of {revision}, which takes some minutes\n"))?;
        let source = folder.join("source");
        let _ = std::fs::remove_dir_all(&source);
        std::fs::create_dir_all(&source)
            .map_err(|error| Failure::unavailable(format!("cannot make a folder: {error}")))?;
        let unpack = format!("git archive {revision} | tar -x -C '{}'", source.display());
        run(Command::new("sh").args(["-c", &unpack]), "unpack that revision")?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(&source).args(["build", "--release", "--quiet", "--target-dir"]);
        run(build.arg(folder.join("target")), "build that revision")?;
        std::fs::copy(&built, &kept).map_err(|error| {
            Failure::unavailable(format!("cannot keep what was built: {error}"))
        })?;
    }
    Ok(kept)
}

/// The full hash of a revision.
fn resolve(what: &str) -> Result<String, Failure> {
    let commit = format!("{what}^{{commit}}");
    let found = Command::new("git").args(["rev-parse", "--verify", "--quiet", &commit]).output();
    match found {
        Ok(found) if found.status.success() => {
            Ok(String::from_utf8_lossy(&found.stdout).trim().to_owned())
        }
        _ => Err(Failure::usage(format!(
            "{what} is no program, and no revision of the history here: give a path to an older tenure, or run this in a \
             checkout that has its history"
        ))),
    }
}

fn run(command: &mut Command, what: &str) -> Result<(), Failure> {
    environment::clear(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::unavailable(format!("cannot {what} ({status})"))),
        Err(error) => Err(Failure::unavailable(format!("cannot {what}: {error}"))),
    }
}
