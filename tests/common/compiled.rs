//! Programs in C and C++, compiled with warnings as errors against the shared library of this build, and run.

use super::built::library;
use super::root::root;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The address and the undefined behaviour sanitizer.
pub const SANITIZERS: [&str; 3] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"];

/// The program of `source`, called `name` among those of this test binary.
pub fn build_c(source: &str, name: &str, flags: &[&str]) -> PathBuf {
    let mut command = compile(&c_compiler(), "c11");
    link(command.args(flags), &[root(source)], name)
}

pub fn build_cpp(source: &str, name: &str, standard: &str, flags: &[&str]) -> PathBuf {
    let mut command = compile(&cpp_compiler(), standard);
    link(command.args(flags), &[root(source)], name)
}

/// Links one program of `sources`.
pub fn link(command: &mut Command, sources: &[PathBuf], name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Tests run at once: none replaces a program that another runs.
    let unfinished = program.with_extension(format!("{:?}", std::thread::current().id()));
    let library = library();
    let libraries = library.parent().expect("a folder");
    command.arg("-pthread").arg("-o").arg(&unfinished).args(sources);
    command.arg("-L").arg(libraries).arg("-ltenure");
    run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    std::fs::rename(&unfinished, &program).expect("it is in the same folder");
    program
}

/// A compiler that forgives nothing.
pub fn compile(compiler: &str, standard: &str) -> Command {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}"));
    command.args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
    command.arg("-I").arg(root("include")).arg("-I").arg(root("bindings/cpp"));
    command
}

pub fn c_compiler() -> String {
    tool("CC", "cc", "a C compiler")
}

pub fn cpp_compiler() -> String {
    tool("CXX", "c++", "a C++ compiler")
}

/// The C++ compilers of this machine: its own, and clang++ where that is another.
pub fn cpp_compilers() -> Vec<String> {
    let mut compilers = vec![cpp_compiler()];
    if exists("clang++") {
        compilers.push("clang++".to_owned());
    } else {
        println!("clang++ is not there: only {} is tried", compilers[0]);
    }
    compilers
}

/// Whether `compiler` knows `standard`, of C or of C++.
pub fn accepts(compiler: &str, standard: &str) -> bool {
    let mut command = Command::new(compiler);
    let language = if standard.contains('+') { "c++" } else { "c" };
    command.args(["-fsyntax-only", "-x", language, "/dev/null"]).arg(format!("-std={standard}"));
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What `command` wrote to stdout; fails with all of its output if it failed.
pub fn run(command: &mut Command) -> String {
    let output = outcome(command);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

pub fn outcome(command: &mut Command) -> Output {
    isolate(command);
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("cannot run {:?}: {error}", command.get_program());
    })
}

/// cargo's LD_LIBRARY_PATH comes before a program's own path, and may lead to an older library.
pub fn isolate(command: &mut Command) {
    command.env_remove("LD_LIBRARY_PATH");
}

/// A program of the system, unless the environment names another.
pub fn tool(variable: &str, default: &str, what: &str) -> String {
    let program = std::env::var(variable).unwrap_or(default.to_owned());
    assert!(
        exists(&program),
        "the tests of the bindings need {what}: {program:?} is not there; install it, or set {variable}",
    );
    program
}

fn exists(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
