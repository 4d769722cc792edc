//! A copy of the checkout, in which patches are applied, built and run; the checkout itself is never touched.

use super::patch::Patch;
use crate::cli::failure::Failure;
use crate::lab::environment;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// `target/planted`: the sources in `source`, what cargo makes in `target`, and a log of each run.
#[derive(Debug)]
pub struct Workshop {
    checkout: PathBuf,
    folder: PathBuf,
    /// Locked while a process works here, and empty when none does.
    in_use: File,
}

/// The end of a program that was started.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `None`: timed out.
    pub status: Option<ExitStatus>,
    /// The output, stdout and stderr.
    pub text: String,
}

impl Workshop {
    /// Copies the sources of the program.
    ///
    /// # Errors
    /// `checkout` is no checkout, or cannot be copied.
    pub fn open(checkout: &Path) -> Result<Self, Failure> {
        if !checkout.join("tests/planted").is_dir() {
            let text = "there is no tests/planted here: run it in a checkout of Tenure";
            return Err(Failure::usage(text));
        }
        let folder = checkout.join("target/planted");
        let failed = |error: io::Error| Failure::unavailable(format!("cannot copy: {error}"));
        let in_use = enter(&folder)?;
        let workshop = Self { checkout: checkout.to_owned(), folder, in_use };
        copy(&workshop.checkout, &workshop.source()).map_err(failed)?;
        Ok(workshop)
    }

    /// Plants a bug in the copy; [`Workshop::mend`] takes it out.
    ///
    /// # Errors
    /// The patch does not apply.
    pub fn plant(&self, patch: &Patch) -> Result<(), String> {
        for (path, text) in patch.apply(&self.checkout)? {
            fs::write(self.source().join(path), text).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Takes a bug out of the copy.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn mend(&self, patch: &Patch) -> Result<(), String> {
        for path in patch.paths() {
            // Written, not copied: with an old time of modification cargo would take the file for
            // unchanged.
            let text = fs::read(self.checkout.join(path)).map_err(|error| error.to_string())?;
            fs::write(self.source().join(path), text).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Builds the program from the present copy.
    ///
    /// # Errors
    /// cargo cannot be started.
    pub fn build(&self) -> io::Result<Ended> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(self.source()).args(BUILD).arg("--target-dir").arg(self.target());
        self.run(command, "build")
    }

    /// Runs seeds with the built program; `name` is that of the log.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn simulate(&self, seeds: &Range<u64>, jobs: u8, name: &str) -> io::Result<Ended> {
        let mut command = Command::new(self.target().join(PROFILE).join("tenure"));
        let seeds = format!("{}..{}", seeds.start, seeds.end);
        command.args(["sim", "--uncut", "--seeds", &seeds, "--jobs", &jobs.to_string()]);
        self.run(command, name)
    }

    /// The path of the log of the run `name`.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn run(&self, mut command: Command, name: &str) -> io::Result<Ended> {
        let log = File::create(self.log(name))?;
        environment::clear(&mut command);
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let deadline = Instant::now() + RUN_MAX;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let text = String::from_utf8_lossy(&fs::read(self.log(name))?).into_owned();
        Ok(Ended { status, text })
    }

    fn source(&self) -> PathBuf {
        self.folder.join("source")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

/// Marks the workshop as left in order: the build is kept.
impl Drop for Workshop {
    fn drop(&mut self) {
        // Else the next process would rebuild everything.
        let _ = self.in_use.set_len(0);
    }
}

/// Locks `folder`. After an interrupted run cargo's output is removed: it may have a bug that is
/// not planted any more.
fn enter(folder: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| {
        Failure::unavailable(format!("cannot work in {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let path = folder.join("in-use");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        let text = format!("another `tenure sim --planted` runs in {}", folder.display());
        return Err(Failure::unavailable(text));
    }
    let target = folder.join("target");
    if file.metadata().map_err(failed)?.len() > 0 && target.exists() {
        fs::remove_dir_all(&target).map_err(failed)?;
    }
    file.write_all(b"in use\n").map_err(failed)?;
    Ok(file)
}

/// Copies the files that cargo needs to build the program.
fn copy(checkout: &Path, source: &Path) -> io::Result<()> {
    if source.exists() {
        fs::remove_dir_all(source)?;
    }
    fs::create_dir_all(source)?;
    // The manifest names benches and tests, and cargo looks for them, though none is built.
    for folder in ["src", "benches", "tests", "bindings/c/library"] {
        copy_folder(&checkout.join(folder), &source.join(folder))?;
    }
    for file in ["Cargo.lock", "Cargo.toml", "build.rs"] {
        fs::copy(checkout.join(file), source.join(file))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Without the C header, which the simulator does not need.
const BUILD: [&str; 9] = [
    "build",
    "--package=tenure",
    "--locked",
    "--profile",
    PROFILE,
    "--bin=tenure",
    "--no-default-features",
    "--features=lab",
    "--quiet",
];
const PROFILE: &str = "planted";
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Ten thousand seeds take some minutes; a bug may make a step that never ends.
const RUN_MAX: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_takes_the_copy_for_a_whole_package() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        copy(Path::new(env!("CARGO_MANIFEST_DIR")), &source).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
        let output = cargo.current_dir(&source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let features: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let known = &features["packages"][0]["features"];
        assert!(known["lab"].as_array().is_some_and(|needs| needs.contains(&"sim".into())));
        assert!(BUILD.contains(&"--features=lab"));
    }

    #[test]
    fn one_at_a_time_and_what_an_interrupted_one_left_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("target");
        fs::create_dir_all(&left).unwrap();
        let file = enter(folder.path()).unwrap();
        assert!(left.exists() && enter(folder.path()).is_err());
        // Not emptied: interrupted.
        drop(file);
        drop(enter(folder.path()).unwrap());
        assert!(!left.exists());
    }
}
