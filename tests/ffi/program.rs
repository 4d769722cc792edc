//! Programs of `tests/c` and `tests/cpp`, compiled with warnings as errors against the shared library of this build.

use crate::common::built::library;
use crate::common::root::root;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program `name`, under the address and the undefined behaviour sanitizer. The library is as it is.
pub fn sanitized(name: &str) -> PathBuf {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"];
    build(name, &format!("{name}-sanitized"), &flags)
}

/// The program of `tests/c` of that name.
pub fn build(name: &str, program: &str, flags: &[&str]) -> PathBuf {
    let mut command = Command::new(std::env::var("CC").unwrap_or("cc".to_owned()));
    link(command.arg("-std=c11").args(flags), &format!("tests/c/{name}.c"), program)
}

/// The program of `tests/cpp` of that name.
pub fn build_cpp(name: &str, program: &str, flags: &[&str]) -> PathBuf {
    let mut command = Command::new(std::env::var("CXX").unwrap_or("c++".to_owned()));
    link(command.arg("-std=c++17").args(flags), &format!("tests/cpp/{name}.cpp"), program)
}

fn link(command: &mut Command, source: &str, program: &str) -> PathBuf {
    // Not a name that another test target builds too.
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ffi-{program}"));
    let library = library();
    let libraries = library.parent().expect("a folder");
    // Tests of this target run at once: none replaces a program that another runs.
    let unfinished = program.with_extension(format!("{:?}", std::thread::current().id()));
    command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"]);
    command.arg("-I").arg(root("include")).arg("-I").arg(root("bindings/cpp"));
    command.arg("-o").arg(&unfinished).arg(root(source));
    command.arg("-L").arg(libraries).arg("-ltenure");
    run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    std::fs::rename(&unfinished, &program).unwrap();
    program
}

/// What `command` wrote to stdout; fails with all of its output if it failed.
pub fn run(command: &mut Command) -> String {
    // cargo's LD_LIBRARY_PATH comes before a program's own path, and may lead to an older library.
    command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
