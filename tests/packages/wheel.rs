//! The wheel and its sdist, in a fresh venv.

use crate::common::quiet::quiet;
use crate::install::tools::{output_of, run};
use crate::packages::built::{Kind, VERSION, builder, file, packages, python, scratch};
use crate::packages::guide::lines_with;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cluster of three nodes in the process, and a lock of it.
const PROGRAM: &str = "
import tenure, tenure.testing
from tenure import _library
with tenure.testing.Cluster() as cluster, tenure.connect(cluster.endpoints, ttl=10) as client:
    with client.lock('jobs/nightly', timeout=60) as lease:
        assert lease.token > 0
print(_library.library._name)
";

fn venv(folder: &Path) -> PathBuf {
    let venv = folder.join("venv");
    run(quiet(python().expect("it has built the wheel")).args(["-m", "venv"]).arg(&venv));
    venv
}

#[test]
fn the_wheel_is_installed_without_network_or_compiler_and_takes_a_lock() {
    let Some(folder) = packages(Kind::Wheel) else { return };
    let into = scratch();
    let venv = venv(into.path());
    let [line] = &lines_with("pip install tenure-")[..] else { panic!("one line installs it") };
    // The guide's example is of x86-64 and of the glibc of Debian 12.
    let name = line.split(' ').next_back().expect("the file");
    let line = line.replace(name, file(&folder, &[".whl"]).to_str().unwrap());
    let mut pip = quiet("/bin/sh");
    pip.args(["-ec", &line]).env("PIP_NO_INDEX", "1").env("PIP_QUIET", "1");
    // Nothing but the venv is on the path: no cargo, no cc.
    run(pip.env("PATH", venv.join("bin")));
    let library =
        run(quiet(venv.join("bin/python")).args(["-c", PROGRAM]).current_dir(into.path()));
    assert!(Path::new(library.trim()).starts_with(&venv), "{library}");
}

#[test]
fn the_wheel_says_for_which_linux_it_is() {
    let Some(folder) = packages(Kind::Wheel) else { return };
    let wheel = file(&folder, &[".whl"]);
    let name = wheel.file_name().unwrap().to_str().unwrap();
    let platform = name.strip_prefix(&format!("tenure-{VERSION}-py3-none-manylinux_2_"));
    let platform = platform.unwrap_or_else(|| panic!("{name}"));
    // What the library needs by the word of the tool that is made for the question.
    let into = scratch();
    let mut unzip = quiet(python().expect("it has built the wheel"));
    run(unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(into.path()));
    let mut readelf = Command::new("readelf");
    let versions = run(readelf
        .args(["-V", "-W"])
        .arg(into.path().join("tenure/libtenure.so"))
        .env("LC_ALL", "C"));
    let minors = versions.split("GLIBC_2.").skip(1);
    let minors = minors
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok());
    let most = minors.max().expect("it needs some glibc");
    assert!(platform.starts_with(&format!("{most}_")), "{name}, and it needs 2.{most}");
}

#[test]
fn the_sdist_becomes_a_wheel_around_the_library_that_is_named() {
    let Some(folder) = packages(Kind::Wheel) else { return };
    let Some(builder) = builder() else { return };
    let into = scratch();
    let mut pip = quiet(builder);
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]);
    pip.arg("--wheel-dir").arg(into.path()).arg(folder.join(format!("tenure-{VERSION}.tar.gz")));
    // Of a sdist alone no library can be built.
    let refused = output_of(&mut pip);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("set TENURE_LIBRARY"), "{said}");
    // Any file will do.
    run(pip.env("TENURE_LIBRARY", std::env::current_exe().unwrap()));
    file(into.path(), &["tenure-", "-py3-none-", ".whl"]);
}
