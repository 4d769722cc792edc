//! The tarball, unpacked as docs/install.md says it, into a folder of its own.

use crate::common::quiet::quiet;
use crate::install::tools::{optional, root, run, variable_or};
use crate::packages::built::{Kind, VERSION, check_program, file, packages, scratch};
use crate::packages::guide::lines_with;
use std::process::Command;

#[test]
fn the_tarball_unpacked_by_the_line_of_the_guide_has_program_and_library_that_run() {
    let Some(folder) = packages(Kind::Tarball) else { return };
    let into = scratch();
    let [line] = &lines_with("tar -xzf")[..] else { panic!("one line unpacks it") };
    let tarball = file(&folder, &["tenure-", "-linux-gnu.tar.gz"]);
    let name = tarball.file_name().unwrap().to_str().unwrap();
    let line = line.replace("/usr/local", into.path().to_str().unwrap());
    // The guide's example is of x86-64.
    let line = line.replace(&format!("tenure-{VERSION}-x86_64-linux-gnu.tar.gz"), name);
    run(Command::new("sh").args(["-ec", &line]).current_dir(&folder));

    let at = |path: &str| into.path().join(path);
    check_program(&at("bin/tenure"), &at("etc/tenure/tenure.toml"));
    for path in [
        "lib/systemd/system/tenure.service",
        "share/man/man1/tenure-lock.1",
        "share/doc/tenure/README.md",
    ] {
        assert!(at(path).is_file(), "{path} is missing");
    }
    let Some(pkg_config) = optional("PKG_CONFIG", "pkg-config") else { return };
    let mut asked = Command::new(pkg_config);
    asked.args(["--cflags", "--libs", "tenure"]).env("PKG_CONFIG_PATH", at("lib/pkgconfig"));
    let flags = run(&mut asked);
    let mut compiler = Command::new(variable_or("CC", "cc"));
    compiler.arg("-o").arg(at("consumer")).arg(root("tests/install/consumer.c"));
    run(compiler.args(flags.split_whitespace()));
    let said = run(quiet(at("consumer")).env("LD_LIBRARY_PATH", at("lib")));
    assert_eq!(said, format!("tenure {VERSION}\n"));
}

#[test]
fn checksums_are_those_of_the_files() {
    let Some(folder) = packages(Kind::Tarball) else { return };
    let [line] = &lines_with("sha256sum -c")[..] else { panic!("one line checks them") };
    let said = run(Command::new("sh").args(["-ec", line]).current_dir(&folder));
    assert!(said.contains("-linux-gnu.tar.gz: OK"), "{said}");
}
