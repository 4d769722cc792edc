//! Other programs: C ones compiled here against the library under test, and Python ones; told by lines,
//! and telling lines.

use crate::common::built::library;
use crate::common::root::root;
use crate::patience;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use tenure::sys::process;

/// A running program. Dropped it is killed.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    /// Starts `command`; messages call it `name`.
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        process::die_with_parent(command);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} cannot be run: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { return };
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { name, child, input, lines }
    }

    /// What messages call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The process.
    pub fn process(&self) -> &Child {
        &self.child
    }

    /// Writes one line to its input.
    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is not finished");
        writeln!(input, "{line}").unwrap_or_else(|error| panic!("{} is gone: {error}", self.name));
    }

    /// The next line of its output.
    #[track_caller]
    pub fn line(&self) -> String {
        patience::next(self.name, &self.lines)
    }

    /// A line of its output that nobody waited for, if there is one.
    pub fn spare_line(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// Ends its input, and waits until it has ended.
    pub fn finish(mut self) -> ExitStatus {
        self.input = None;
        patience::until(self.name, || self.child.try_wait().expect("a child can be asked"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compiles `programs/{name}.c` against the header and the library under test.
pub fn compile_c(name: &str, directory: &Path) -> PathBuf {
    let library = library();
    let libraries = library.parent().expect("a folder");
    let program = directory.join(name);
    let mut command = compiler(name, &program);
    command
        .arg("-I")
        .arg(root("include"))
        .arg("-L")
        .arg(libraries)
        .arg("-ltenure")
        // Cargo's LD_LIBRARY_PATH names a folder that may hold the library of an older build: the old kind of
        // rpath is searched before it.
        .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", libraries.display()));
    run_compiler(command);
    program
}

/// Compiles `programs/{name}.c` to a library for LD_PRELOAD.
pub fn compile_shim(name: &str, directory: &Path) -> PathBuf {
    let shim = directory.join(format!("{name}.so"));
    let mut command = compiler(name, &shim);
    command.args(["-shared", "-fPIC", "-ldl"]);
    run_compiler(command);
    shim
}

/// python3 with `programs/{name}.py`, the package `tenure`, and the library under test.
pub fn python(name: &str) -> Command {
    let mut command = Command::new("python3");
    let version = Command::new("python3").arg("--version").output();
    assert!(version.is_ok(), "python3 cannot be run: install it (apt-get install python3)");
    command
        .arg(source(&format!("{name}.py")))
        .env("PYTHONPATH", root("bindings/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TENURE_LIBRARY", library());
    command
}

fn compiler(name: &str, output: &Path) -> Command {
    let mut command = Command::new("cc");
    command
        .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread", "-o"])
        .arg(output)
        .arg(source(&format!("{name}.c")));
    command
}

fn run_compiler(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cc cannot be run ({error}): install a C compiler (apt-get install gcc)")
    });
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{complaints}");
}

fn source(file: &str) -> PathBuf {
    root("tests/processes/programs").join(file)
}
