"""Where the wheel's libtenure.so comes from: TENURE_LIBRARY, else a build by cargo, else one that was built before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

LIBRARY = "libtenure.so"


class Missing(Exception):
    """There is no library, and no way to build one; the text says what to do."""


def library(root: Path) -> Path:
    """The library for a wheel; `root` is where Tenure's Cargo.toml is, if this is a checkout."""
    named = os.environ.get("TENURE_LIBRARY")
    if named:
        path = Path(named).resolve()
        if not path.is_file():
            raise Missing(f"TENURE_LIBRARY names {path}, which is not there")
        return path
    if not (root / "Cargo.toml").is_file():
        raise Missing(
            f"{root} is not a checkout of Tenure, so {LIBRARY} cannot be built here: "
            "set TENURE_LIBRARY to the path of one"
        )
    cargo = shutil.which(os.environ.get("CARGO") or "cargo")
    return built_before(root) if cargo is None else built_by(cargo, root)


def built_by(cargo: str, root: Path) -> Path:
    """Builds the C library alone, with optimization and without line tables: a tenth of the bytes. In a folder of its own
    below `target`, so that the library that others link there stays as it is."""
    command = [cargo, "rustc", "--release", "--locked", "--lib", "--crate-type", "cdylib"]
    command += ["--no-default-features", "--features", "capi,certs", "--message-format", "json-render-diagnostics"]
    target = root / (os.environ.get("CARGO_TARGET_DIR") or "target") / "wheel"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_PROFILE_RELEASE_STRIP": "debuginfo"}
    build = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, check=False)
    if build.returncode != 0:
        raise Missing(f"`{' '.join(command)}` failed in {root}: what it wrote says why")
    for line in build.stdout.splitlines():
        for name in json.loads(line).get("filenames", []):
            if Path(name).name == LIBRARY:
                return Path(name)
    raise Missing(f"`{' '.join(command)}` made no {LIBRARY}")


def built_before(root: Path) -> Path:
    """The library of an earlier build."""
    target = root / (os.environ.get("CARGO_TARGET_DIR") or "target")
    for profile in ("release", "debug"):
        path = target / profile / LIBRARY
        if path.is_file():
            return path
    raise Missing(
        f"cargo is not there to build {LIBRARY}, and none is below {target}: "
        "install Rust 1.89 or newer (https://rustup.rs), or set TENURE_LIBRARY to the path of a library"
    )
