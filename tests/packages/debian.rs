//! The Debian packages, in an empty root.

use crate::common::quiet::quiet;
use crate::install::tools::{optional, output_of, read, root, run, variable_or};
use crate::packages::built::{Kind, VERSION, check_program, file, packages, scratch};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The three: the program, the library, and what programs are compiled with.
fn debs(folder: &Path) -> [PathBuf; 3] {
    let version = format!("_{VERSION}-1_");
    let debian = |name: &str| file(folder, &[name, &version, ".deb"]);
    [debian("tenure_"), debian("libtenure0."), debian("libtenure-dev_")]
}

fn unpacked(folder: &Path) -> tempfile::TempDir {
    let into = scratch();
    for deb in debs(folder) {
        run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(into.path()));
    }
    into
}

/// Where the libraries are below `usr/lib`.
fn library_folder(root: &Path) -> PathBuf {
    let folders =
        std::fs::read_dir(root.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = folders.filter(|path| path.join("libtenure.so").symlink_metadata().is_ok());
    found.next().expect("a folder of this architecture with the library")
}

#[test]
fn the_program_of_the_deb_runs_and_everything_stands_where_debian_looks_for_it() {
    let Some(folder) = packages(Kind::Deb) else { return };
    let into = unpacked(&folder);
    let at = |path: &str| into.path().join(path);
    check_program(&at("usr/bin/tenure"), &at("etc/tenure/tenure.toml"));
    for path in [
        "usr/share/man/man1/tenure.1.gz",
        "usr/share/man/man1/tenure-serve.1.gz",
        "usr/share/bash-completion/completions/tenure",
        "usr/share/zsh/vendor-completions/_tenure",
        "usr/share/fish/vendor_completions.d/tenure.fish",
        "usr/share/doc/tenure/operations.md",
        "usr/share/doc/tenure/copyright",
        "usr/share/doc/tenure/changelog.gz",
    ] {
        assert!(at(path).is_file(), "{path} is missing");
    }
    assert_eq!(
        read(&at("usr/lib/systemd/system/tenure.service")),
        read(&root(".ci/package/tenure.service"))
    );
    run(Command::new("bash").arg("-n").arg(at("usr/share/bash-completion/completions/tenure")));
    let manual =
        run(Command::new("gzip").arg("-dc").arg(at("usr/share/man/man1/tenure-serve.1.gz")));
    assert!(
        manual.contains(".TH tenure\\-serve") || manual.contains(".TH tenure-serve"),
        "{manual}"
    );
}

#[test]
fn a_c_program_is_compiled_with_the_dev_package_and_runs_with_the_library_package() {
    let Some(folder) = packages(Kind::Deb) else { return };
    let Some(pkg_config) = optional("PKG_CONFIG", "pkg-config") else { return };
    let into = unpacked(&folder);
    let libraries = library_folder(into.path());
    let mut command = Command::new(pkg_config);
    command.args(["--cflags", "--libs", "tenure"]);
    command
        .env("PKG_CONFIG_LIBDIR", libraries.join("pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", into.path());
    // /usr/include and the folder of libraries are left out where the system has them; here they are elsewhere.
    command.env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1").env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    let flags = run(&mut command);
    let program = into.path().join("consumer");
    let mut compiler = Command::new(variable_or("CC", "cc"));
    compiler.arg("-o").arg(&program).arg(root("tests/install/consumer.c"));
    run(compiler.args(flags.split_whitespace()));
    let said = run(quiet(&program).env("LD_LIBRARY_PATH", &libraries));
    assert_eq!(said, format!("tenure {VERSION}\n"));
}

#[test]
fn packages_say_what_they_need_and_what_programs_that_link_the_library_need() {
    let Some(folder) = packages(Kind::Deb) else { return };
    let [program, library, dev] = debs(&folder);
    let field = |deb: &Path, name: &str| {
        run(Command::new("dpkg-deb").arg("-f").arg(deb).arg(name)).trim().to_owned()
    };
    for deb in [&program, &library] {
        assert!(field(deb, "Depends").contains("libc6 (>= "), "{}", deb.display());
    }
    let name = field(&library, "Package");
    assert_eq!(field(&dev, "Depends"), format!("{name} (= {VERSION}-1)"));
    let control = scratch();
    run(Command::new("dpkg-deb").arg("-e").arg(&library).arg(control.path()));
    let symbols = read(&control.path().join("symbols"));
    let soname = format!("libtenure.so.{}", name.trim_start_matches("libtenure"));
    assert!(symbols.starts_with(&format!("{soname} {name} #MINVER#\n")), "{symbols}");
    let listed = read(&root("tests/install/symbols.txt"));
    let listed = listed.lines().filter(|line| line.starts_with("tenure_")).count();
    assert_eq!(symbols.matches("\n tenure_").count(), listed);
    assert!(read(&control.path().join("triggers")).contains("ldconfig"));
}

#[test]
fn dpkg_installs_into_an_empty_root_makes_the_user_and_keeps_the_data_at_the_end() {
    let Some(folder) = packages(Kind::Deb) else { return };
    if run(Command::new("id").arg("-u")).trim() != "0" {
        crate::install::tools::say("SKIPPED: only root may run dpkg, so its scripts were not run");
        return;
    }
    let into = scratch();
    let at = |path: &str| into.path().join(path);
    for path in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
        std::fs::create_dir_all(at(path)).unwrap();
    }
    for path in ["var/lib/dpkg/status", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"] {
        std::fs::write(at(path), "").unwrap();
    }
    // The root has neither libc nor a shell: those of this machine are used.
    let dpkg = |arguments: &[&str], debs: &[PathBuf]| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", into.path().display()));
        command.args(["--force-script-chrootless", "--force-depends"]).args(arguments).args(debs);
        let output = output_of(&mut command);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?}: {said}");
        said
    };
    dpkg(&["-i"], &debs(&folder));
    assert!(read(&at("etc/passwd")).contains("tenure:x:"), "the unit's user");
    check_program(&at("usr/bin/tenure"), &at("etc/tenure/tenure.toml"));
    // A configuration that somebody has written outlives an upgrade.
    std::fs::write(at("etc/tenure/tenure.toml"), "id = 1\n").unwrap();
    dpkg(&["-i"], &debs(&folder));
    assert_eq!(read(&at("etc/tenure/tenure.toml")), "id = 1\n");

    std::fs::create_dir_all(at("var/lib/tenure")).unwrap();
    std::fs::write(at("var/lib/tenure/identity"), "").unwrap();
    let said = dpkg(&["-P", "tenure"], &[]);
    assert!(said.contains("var/lib/tenure is kept"), "{said}");
    assert!(at("var/lib/tenure/identity").exists() && !at("usr/bin/tenure").exists());
}
