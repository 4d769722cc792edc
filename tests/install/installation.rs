//! One installation by the script, and programs that use it.

use crate::install::tools::{root, run, variable_or};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Linking {
    Shared,
    Static,
}

/// What the script installed for the prefix /opt/tenure, but into another folder, where it is used: nothing in it
/// may depend on where it is.
pub struct Installation {
    pub directory: tempfile::TempDir,
    pub prefix: PathBuf,
    libdir: &'static str,
}

impl Installation {
    pub fn new(libdir: &'static str) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let prefix = directory.path().join("opt/tenure");
        let installation = Self { directory, prefix, libdir };
        installation.install();
        installation
    }

    pub fn install(&self) {
        let mut command = Command::new(script());
        command.args(["--debug", "--prefix", "/opt/tenure", "--libdir", self.libdir, "--destdir"]);
        command
            .arg(self.directory.path())
            // Not the folder of the cargo that runs this test: it has its own libraries there, without a soname.
            .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
            // That cargo has fetched all that is needed.
            .env("CARGO_NET_OFFLINE", "true")
            // A third of the bytes to write and to copy.
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env_remove("TENURE_WRITE_HEADER");
        run(&mut command);
    }

    pub fn library(&self, name: &str) -> PathBuf {
        self.prefix.join(self.libdir).join(name)
    }

    pub fn move_cmake_files_to(&self, folder: &str) {
        let (from, to) = (self.prefix.join(self.libdir).join("cmake"), self.prefix.join(folder));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(from, to).unwrap();
    }

    pub fn ask(&self, pkg_config: &str, questions: &[&str]) -> String {
        let descriptions = self.prefix.join(self.libdir).join("pkgconfig");
        let mut command = Command::new(pkg_config);
        run(command.args(questions).arg("tenure").env("PKG_CONFIG_PATH", descriptions))
    }

    pub fn build_by_pkg_config(&self, pkg_config: &str, source: &str, linking: Linking) -> PathBuf {
        let flags = match linking {
            Linking::Shared => self.ask(pkg_config, &["--cflags", "--libs"]),
            // As docs/install.md says it: the linker would take the shared library of the two.
            Linking::Static => self
                .ask(pkg_config, &["--static", "--cflags", "--libs"])
                .replace("-ltenure", "-l:libtenure.a"),
        };
        let program = self.directory.path().join("consumer");
        let mut command = compiler_of(source);
        command.arg("-o").arg(&program).arg(root(source)).args(flags.split_whitespace());
        run(&mut command);
        program
    }

    /// Runs a consumer, which needs the installed shared library, or none of ours.
    pub fn check(&self, program: &Path, linking: Linking) {
        let mut command = Command::new(program);
        let mut needed = read_dynamic(program, "NEEDED");
        needed.retain(|library| library.contains("tenure"));
        match linking {
            Linking::Shared => {
                assert_eq!(needed, [soname()], "{}", program.display());
                command.env("LD_LIBRARY_PATH", self.prefix.join(self.libdir));
            }
            Linking::Static => {
                assert_eq!(needed, [""; 0], "{}", program.display());
                command.env_remove("LD_LIBRARY_PATH");
            }
        }
        assert_eq!(run(&mut command), format!("tenure {VERSION}\n"));
    }
}

fn compiler_of(source: &str) -> Command {
    if source.ends_with(".c") {
        return Command::new(variable_or("CC", "cc"));
    }
    let mut command = Command::new(variable_or("CXX", "c++"));
    command.arg("-std=c++17");
    command
}

/// `libtenure.so.0.<minor>`, from 1.0 on `libtenure.so.<major>`.
pub fn soname() -> String {
    let series = match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("0.", env!("CARGO_PKG_VERSION_MINOR")),
        major => major,
    };
    format!("libtenure.so.{series}")
}

pub fn script() -> PathBuf {
    root("bindings/install/install.sh")
}

/// What stands in brackets behind `kind` in the dynamic section of `binary`.
pub fn read_dynamic(binary: &Path, kind: &str) -> Vec<String> {
    let mut readelf = Command::new(variable_or("READELF", "readelf"));
    let dynamic = run(readelf.args(["-d", "-W"]).arg(binary).env("LC_ALL", "C"));
    let mark = format!("({kind})");
    let lines = dynamic.lines().filter(|line| line.contains(&mark));
    lines.filter_map(|line| line.split(['[', ']']).nth(1)).map(str::to_owned).collect()
}
