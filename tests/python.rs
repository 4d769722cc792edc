//! The Python package under the system's python3, with the shared library of this build and real nodes: each file of
//! `bindings/python/tests` is one test here. Nothing needs to be installed.

use crate::common::built::{library, program};
use crate::common::expired::make_expired;
use crate::common::root::root;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One test for each file.
macro_rules! files {
    ($($file:ident),* $(,)?) => {
        $(
            #[test]
            fn $file() {
                pass(stringify!($file));
            }
        )*

        #[test]
        fn every_file_is_run() {
            let mut found: Vec<String> = std::fs::read_dir(directory())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
                .filter(|name| name.starts_with("test_"))
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($file)),*]);
        }
    };
}

files! {
    test_access,
    test_aio,
    test_aio_clients,
    test_aio_sections,
    test_arguments,
    test_cancelling,
    test_clients,
    test_elections,
    test_errors,
    test_examples,
    test_guide,
    test_header,
    test_leading,
    test_leases,
    test_library,
    test_listeners,
    test_locks,
    test_logging,
    test_memory,
    test_nodes,
    test_operating,
    test_pytest,
    test_rights,
    test_sections,
    test_signals,
    test_tls,
    test_typing,
}

/// Runs one file of tests, and fails with all that it says.
#[track_caller]
fn pass(file: &str) {
    let python = python();
    let expired = tempfile::tempdir().unwrap();
    make_expired(expired.path());
    let output = Command::new(&python)
        .args(["-m", "unittest", "-v", file])
        .current_dir(directory())
        .env("PYTHONPATH", root("bindings/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TENURE_LIBRARY", library())
        .env("EXPIRED", expired.path())
        // For the lines of a shell.
        .env("TENURE", program())
        // cargo's comes before a program's own path, and may lead to an older library.
        .env_remove("LD_LIBRARY_PATH")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{}{said}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{python} -m unittest {file}: {}", output.status);
    assert!(!said.contains("Ran 0 tests"), "{file} has no tests");
}

/// python3, unless PYTHON names another.
fn python() -> String {
    let program = std::env::var("PYTHON").unwrap_or("python3".to_owned());
    let recent = "import sys; sys.exit(sys.version_info < (3, 9))";
    let found = Command::new(&program).args(["-c", recent]).stderr(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "these tests need Python 3.9 or newer: {program:?} is not; install it, or set PYTHON",
    );
    program
}

fn directory() -> PathBuf {
    root("bindings/python/tests")
}
