"""How much the library says, on stderr or wherever its log goes."""

from __future__ import annotations

from ._errors import Invalid
from ._library import library
from ._native import check

_LEVELS = ("off", "error", "warn", "info", "debug", "trace")


class Said:
    """What log_level() was told last; at first what the library does by itself."""

    level = _LEVELS.index("warn")


def log_level(level: str) -> None:
    """Sets how much the library says, process-wide: "off", "error", "warn" (as it is at first), "info", "debug" or
    "trace". It says that on stderr, or to logging: see logging_bridge()."""
    number = level_number(level)
    check(library.tenure_log_level, number)
    Said.level = number


def level_number(level: str) -> int:
    """What the library calls it."""
    if level not in _LEVELS:
        raise Invalid(f"a log level is one of {', '.join(_LEVELS)}; not {level!r}")
    return _LEVELS.index(level)
