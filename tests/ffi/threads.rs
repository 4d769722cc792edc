//! Threads that share one client, under the thread sanitizer.
//!
//! The programs and the inline code of the C++ header are built with it; the library is as it is, so the
//! sanitizer sees nothing of how that synchronises, and is told to leave out what happens within it
//! (`ignore_noninstrumented_modules`; without that each copy of bytes in the library is a report). What is left is what
//! users write: their threads, the header's mutexes, and that no function of the ABI writes what another thread reads.
//!
//! `the_library_itself_has_no_race` builds the library with the sanitizer too, but not std, whose sources would be needed;
//! `threads.supp` says what that leaves to be suppressed. It takes minutes, and a flag that stable Rust has only with
//! `RUSTC_BOOTSTRAP=1`:
//!
//! ```text
//! cargo test --test bindings the_library_itself_has_no_race -- --ignored --nocapture
//! ```
//!
//! Some kernels place memory where older sanitizers do not expect it. Then it is tried without random places
//! (`setarch -R`); where that does not help, or there is no sanitizer, the tests say so and are skipped.

use crate::common::compiled::{build_c, build_cpp, run};
use crate::common::root::root;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn c_threads_that_share_a_client_have_no_race() {
    let Some(sanitizer) = Sanitizer::find() else { return };
    let program = build_c("tests/c/threads.c", "threads-sanitized", &FLAGS);
    assert_eq!(sanitizer.run_on_a_cluster(&program), "threads: good\n");
}

#[test]
fn cpp_threads_that_share_mutexes_and_leases_have_no_race() {
    let Some(sanitizer) = Sanitizer::find() else { return };
    let program = build_cpp("tests/cpp/threads.cpp", "threads-cpp-sanitized", "c++17", &FLAGS);
    assert_eq!(sanitizer.run_on_a_cluster(&program), "threads: good\n");
}

#[test]
#[ignore = "minutes: builds the library and all below it with the sanitizer"]
fn the_library_itself_has_no_race() {
    let Some(sanitizer) = Sanitizer::find() else { return };
    let Some(runtime) = runtime() else {
        println!("this toolchain has no runtime of the thread sanitizer: skipped");
        return;
    };
    let root = root("");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thread-sanitizer");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--lib", "--package", "tenure-c", "--target", HOST, "--target-dir"])
        .arg(&target);
    let flags = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer";
    run(cargo.current_dir(&root).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags));
    let library = target.join(HOST).join("debug");
    for (compiler, source) in [("cc", "tests/c/threads.c"), ("c++", "tests/cpp/threads.cpp")] {
        let program = target.join(compiler);
        let object = target.join(format!("{compiler}.o"));
        let mut compile = Command::new(compiler);
        compile.args(FLAGS).args(["-pthread", "-c", "-o"]).arg(&object).arg(root.join(source));
        run(compile.arg("-I").arg(root.join("include")).arg("-I").arg(root.join("bindings/cpp")));
        // One runtime for both: the compiler's own may be older than what the library asks for.
        let mut link = Command::new(compiler);
        link.arg("-o").arg(&program).arg(&object).arg("-Wl,--whole-archive").arg(&runtime);
        link.args(["-Wl,--no-whole-archive", "-rdynamic", "-pthread", "-ldl", "-lm", "-lrt", "-L"]);
        link.arg(&library).arg("-ltenure");
        run(link.arg(format!("-Wl,-rpath,{}", library.display())));
        let directory = tempfile::tempdir().unwrap();
        let suppressions = root.join("tests/ffi/threads.supp");
        let options = format!("exitcode={FOUND} suppressions={}", suppressions.display());
        let mut command = sanitizer.command(&program);
        let output = run(command.env("TSAN_OPTIONS", options).arg(directory.path()));
        assert_eq!(output, "threads: good\n", "{source}");
    }
}

/// The sanitizer's runtime that comes with the compiler.
fn runtime() -> Option<PathBuf> {
    let rustc = std::env::var("RUSTC").unwrap_or("rustc".to_owned());
    let sysroot = run(Command::new(rustc).args(["--print", "sysroot"]));
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib").join(HOST).join("lib");
    let files = libraries.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_runtime = |path: &PathBuf| path.to_string_lossy().ends_with("_rt.tsan.a");
    files.into_iter().find(is_runtime)
}

/// How programs that are built with the sanitizer run here.
enum Sanitizer {
    AsTheyAre,
    WithoutRandomPlaces,
}

impl Sanitizer {
    /// By a program with a race, which must be found; none, and why, if that is no way here.
    fn find() -> Option<Self> {
        let compiler = std::env::var("CC").unwrap_or("cc".to_owned());
        let probe = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sanitizer-probe.c");
        std::fs::write(&probe, "int main(void) { return 0; }\n").unwrap();
        let mut compile = Command::new(compiler);
        compile.args(["-fsanitize=thread", "-o", "/dev/null"]).arg(&probe);
        if !compile.output().is_ok_and(|output| output.status.success()) {
            println!("the C compiler has no thread sanitizer: skipped");
            return None;
        }
        let race = build_c("tests/c/race.c", "race-sanitized", &FLAGS);
        let mut said = String::new();
        for sanitizer in [Self::AsTheyAre, Self::WithoutRandomPlaces] {
            let Ok(Output { status, stderr, .. }) = sanitizer.command(&race).output() else {
                continue;
            };
            said = String::from_utf8_lossy(&stderr).into_owned();
            if said.contains("data race") {
                assert_eq!(status.code(), Some(FOUND), "{said}");
                return Some(sanitizer);
            }
        }
        assert!(said.contains("FATAL: ThreadSanitizer"), "a race is not found: {said:?}");
        println!("the thread sanitizer does not run here: skipped ({})", said.trim());
        None
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::AsTheyAre => Command::new(program),
            Self::WithoutRandomPlaces => {
                let mut command = Command::new("setarch");
                command.arg("-R").arg(program);
                command
            }
        };
        command.env("TSAN_OPTIONS", format!("ignore_noninstrumented_modules=1 exitcode={FOUND}"));
        command.env_remove("LD_LIBRARY_PATH");
        command
    }

    /// What the program says, if the sanitizer has nothing to say.
    fn run_on_a_cluster(&self, program: &Path) -> String {
        let directory = tempfile::tempdir().unwrap();
        run(self.command(program).arg(directory.path()))
    }
}

/// Its exit status once something was found.
const FOUND: i32 = 66;
const HOST: &str = "x86_64-unknown-linux-gnu";
const FLAGS: [&str; 2] = ["-fsanitize=thread", "-g"];
