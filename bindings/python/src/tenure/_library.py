"""Finds and loads libtenure.so."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from ._abi import ABI_VERSION, PROTOTYPES

# The name of an installed libtenure; a newer ABI has another name.
_SONAME = "libtenure.so.0.2"


def candidates() -> list[str]:
    """Paths of the library, the best first: TENURE_LIBRARY and nothing else; beside this file, as in a wheel; the newest
    build of the repository around this file; the search path of the system."""
    named = os.environ.get("TENURE_LIBRARY")
    if named:
        return [named]
    here = Path(__file__).resolve()
    beside = [here.parent / "libtenure.so"]
    # <root>/bindings/python/src/tenure/_library.py
    root = here.parents[4] if len(here.parents) > 4 else here.parent
    builds = []
    if (root / "Cargo.toml").exists():
        target = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
        builds = [root / target / profile / "libtenure.so" for profile in ("release", "debug")]
    builds = sorted(filter(Path.exists, builds), key=lambda path: path.stat().st_mtime, reverse=True)
    return [*(str(path) for path in [*beside, *builds] if path.exists()), _SONAME, "libtenure.so"]


def load() -> ctypes.CDLL:
    """The library, with the types of all its functions set."""
    failures = []
    for candidate in candidates():
        try:
            loaded = ctypes.CDLL(candidate)
        except OSError as error:
            failures.append(str(error))
            continue
        _check(loaded, candidate)
        return loaded
    raise ImportError(
        "libtenure.so was not found: build it with `cargo build --release`, or set TENURE_LIBRARY to its path ("
        + "; ".join(failures)
        + ")"
    )


def _check(loaded: ctypes.CDLL, path: str) -> None:
    for name, (result, arguments) in PROTOTYPES.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"{path} has no {name}: it is not this version's") from None
        function.restype = result
        function.argtypes = arguments
    if loaded.tenure_abi_version() != ABI_VERSION:
        raise ImportError(f"{path} has ABI version {loaded.tenure_abi_version()}, not {ABI_VERSION}")


library = load()
