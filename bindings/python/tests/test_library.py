"""Which libtenure.so is loaded, and which goes into a wheel."""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from typing import Any, List
from unittest import mock

from support import PACKAGE, python
from tenure import _library



def beside_setup(name: str) -> Any:
    """A module that setup.py imports, which is none of the package."""
    specification = importlib.util.spec_from_file_location(name, PACKAGE / f"{name}.py")
    assert specification and specification.loader, f"the package has a {name}.py"
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


build_library = beside_setup("build_library")
platform_tag = beside_setup("platform_tag")


class LoadTest(unittest.TestCase):
    def test_the_environment_names_the_library_and_no_other_is_tried(self) -> None:
        with mock.patch.dict(os.environ, TENURE_LIBRARY="/nonexistent/libtenure.so"):
            self.assertEqual(_library.candidates(), ["/nonexistent/libtenure.so"])
            with self.assertRaises(ImportError) as raised:
                _library.load()
        self.assertIn("/nonexistent/libtenure.so", str(raised.exception))

    def test_a_library_that_is_another_is_refused(self) -> None:
        with mock.patch.dict(os.environ, TENURE_LIBRARY="libc.so.6"):
            with self.assertRaises(ImportError) as raised:
                _library.load()
        self.assertIn("has no tenure_", str(raised.exception))

    def test_the_newest_build_comes_before_the_system(self) -> None:
        with tempfile.TemporaryDirectory() as root, mock.patch.dict(os.environ):
            os.environ.pop("TENURE_LIBRARY", None)
            os.environ.pop("CARGO_TARGET_DIR", None)
            package = Path(root, "bindings", "python", "src", "tenure")
            built = []
            for age, profile in enumerate(["debug", "release"]):
                path = Path(root, "target", profile, "libtenure.so")
                path.parent.mkdir(parents=True)
                path.touch()
                os.utime(path, (1000 - age, 1000 - age))
                built.append(str(path.resolve()))
            Path(root, "Cargo.toml").touch()
            with mock.patch.object(_library, "__file__", str(package / "_library.py")):
                found = _library.candidates()
        self.assertEqual(found, [*built, "libtenure.so.0.2", "libtenure.so"])


class BuildTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name).resolve()
        patched = mock.patch.dict(os.environ)
        patched.start()
        self.addCleanup(patched.stop)
        for name in ["TENURE_LIBRARY", "CARGO_TARGET_DIR"]:
            os.environ.pop(name, None)
        os.environ["CARGO"] = str(self.root / "no-cargo")

    def library(self) -> Path:
        found: Path = build_library.library(self.root)
        return found

    def file(self, *path: str) -> Path:
        file = self.root.joinpath(*path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        return file

    def missing(self) -> str:
        with self.assertRaises(build_library.Missing) as raised:
            self.library()
        return str(raised.exception)

    def cargo(self, script: str) -> None:
        cargo = self.file("cargo")
        cargo.write_text("#!/bin/sh\n" + script)
        cargo.chmod(cargo.stat().st_mode | stat.S_IXUSR)
        os.environ["CARGO"] = str(cargo)

    def test_the_environment_comes_first(self) -> None:
        os.environ["TENURE_LIBRARY"] = str(self.file("mine.so"))
        self.assertEqual(self.library(), self.root / "mine.so")

    def test_a_name_in_the_environment_that_is_wrong_is_told(self) -> None:
        os.environ["TENURE_LIBRARY"] = str(self.root / "none.so")
        self.assertIn("none.so, which is not there", self.missing())

    def test_outside_of_a_checkout_a_library_has_to_be_named(self) -> None:
        self.assertIn("set TENURE_LIBRARY", self.missing())

    def test_cargo_builds_it_and_says_where(self) -> None:
        self.file("Cargo.toml")
        self.cargo(
            'echo \'{"reason":"build-script-executed"}\'\n'
            'echo \'{"filenames":["/elsewhere/libtenure.rlib","/elsewhere/libtenure.so"]}\'\n'
        )
        self.assertEqual(self.library(), Path("/elsewhere/libtenure.so"))

    def test_the_c_library_alone_is_built_without_line_tables_and_beside_what_others_link(self) -> None:
        self.file("Cargo.toml")
        said = self.root / "said"
        self.cargo(
            f'echo "$CARGO_PROFILE_RELEASE_STRIP" "$CARGO_TARGET_DIR" "$@" > {said}\n'
            'echo \'{"filenames":["/elsewhere/libtenure.so"]}\'\n'
        )
        self.library()
        strip, target, *arguments = said.read_text().split()
        self.assertEqual((strip, target), ("debuginfo", str(self.root / "target" / "wheel")))
        features = arguments.index("--features")
        self.assertEqual(arguments[features - 1 : features + 2], ["--no-default-features", "--features", "capi,certs"])

    def test_a_build_that_fails_is_told(self) -> None:
        self.file("Cargo.toml")
        self.cargo("exit 101\n")
        self.assertIn("failed", self.missing())

    def test_without_cargo_an_earlier_build_is_taken(self) -> None:
        self.file("Cargo.toml")
        self.assertIn("install Rust", self.missing())
        debug = self.file("target", "debug", "libtenure.so")
        self.assertEqual(self.library(), debug)
        release = self.file("target", "release", "libtenure.so")
        self.assertEqual(self.library(), release)


class PlatformTagTest(unittest.TestCase):
    def tag(self, needed: List[str], versions: List[str]) -> str:
        with mock.patch.object(platform_tag, "needs", return_value=(needed, versions)):
            tag: str = platform_tag.platform_tag(PACKAGE / "setup.py", "linux_x86_64")
        return tag

    def test_the_newest_glibc_that_is_asked_for_counts(self) -> None:
        needed = ["libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"]
        versions = ["GCC_4.2.0", "GLIBC_2.9", "GLIBC_2.34", "GLIBC_2.3.4"]
        self.assertEqual(self.tag(needed, versions), "manylinux_2_34_x86_64")

    def test_what_not_every_linux_has_leaves_the_tag_as_it_is(self) -> None:
        self.assertEqual(self.tag(["libc.so.6", "libssl.so.3"], ["GLIBC_2.34"]), "linux_x86_64")
        self.assertEqual(self.tag(["libc.so.6"], ["GLIBC_2.34", "GLIBC_ABI_DT_RELR"]), "linux_x86_64")
        self.assertEqual(self.tag(["libc.musl-x86_64.so.1"], []), "linux_x86_64")

    def test_a_file_that_is_no_library_leaves_the_tag_as_it_is(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for content in [b"", b"\x7fELF\x02\x01", b"\x7fELF\x02\x01" + bytes(100), b"\x7fELF\x01\x01" + bytes(100)]:
                file = Path(directory, "libtenure.so")
                file.write_bytes(content)
                self.assertEqual(platform_tag.platform_tag(file, "linux_x86_64"), "linux_x86_64")

    def test_a_library_is_read_as_it_is(self) -> None:
        needed, versions = platform_tag.needs(Path(_library.library._name).read_bytes())
        self.assertIn("libc.so.6", needed)
        self.assertTrue(any(version.startswith("GLIBC_2.") for version in versions), versions)


def setuptools_version() -> int:
    """The major version of setuptools here; 0 without it."""
    try:
        return int(importlib.metadata.version("setuptools").split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


class WheelTest(unittest.TestCase):
    @unittest.skipIf(setuptools_version() < 77, "building a wheel needs setuptools 77 or newer here")
    def test_a_wheel_is_for_every_python_and_has_the_library_inside(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            script = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
            copy = Path(directory, "source")
            # What an earlier build left would find its way into the wheel.
            left = shutil.ignore_patterns("build", "*.egg-info")
            shutil.copytree(PACKAGE, copy, ignore=left)
            environment = {**os.environ, "TENURE_LIBRARY": _library.library._name}
            command = [sys.executable, "-c", script, directory]
            built = subprocess.run(
                command, cwd=copy, env=environment, check=True, stdout=subprocess.PIPE, text=True
            )
            wheel = built.stdout.split()[-1]
            self.assertRegex(wheel, r"^tenure-[\d.]+-py3-none-(manylinux_2_\d+|linux)_\w+\.whl$")
            installed = Path(directory, "installed")
            with zipfile.ZipFile(Path(directory, wheel)) as archive:
                archive.extractall(installed)
                names = archive.namelist()
            for name in ["tenure/libtenure.so", "tenure/py.typed", "tenure/aio/__init__.py", "pytest_tenure.py"]:
                self.assertIn(name, names)
            loaded = python(
                "-c",
                "from tenure import _library; print(_library.library._name)",
                PYTHONPATH=str(installed),
                TENURE_LIBRARY="",
            )
            self.assertEqual(Path(loaded.strip()), installed.resolve() / "tenure" / "libtenure.so")


if __name__ == "__main__":
    unittest.main()
