"""How much the library says, on stderr.

There is no way into Python's logging: the library's threads would wait for the interpreter, and an object that is
collected in a callback could not be freed, since the library takes no calls from there."""

from __future__ import annotations

from ._abi import LogFunction
from ._errors import Invalid
from ._library import library
from ._native import check

_LEVELS = ("off", "error", "warn", "info", "debug", "trace")


def log_level(level: str) -> None:
    """Sets how much the library writes to stderr, process-wide: "off", "error", "warn" (as it is at first), "info",
    "debug" or "trace"."""
    if level not in _LEVELS:
        raise Invalid(f"a log level is one of {', '.join(_LEVELS)}; not {level!r}")
    check(library.tenure_log_to, LogFunction(), None, _LEVELS.index(level))
