"""The level of the library's log, whatever its sink."""

from __future__ import annotations

from ._errors import Invalid
from ._library import library
from ._native import check

_LEVELS = ("off", "error", "warn", "info", "debug", "trace")


class Said:
    """The level that log_level() set last; at first the library's default."""

    level = _LEVELS.index("warn")


def log_level(level: str) -> None:
    """Sets the level of the library's log, process-wide: "off", "error", "warn" (the default), "info", "debug" or
    "trace". The log goes to stderr, or to logging: see logging_bridge()."""
    number = level_number(level)
    check(library.tenure_log_level, number)
    Said.level = number


def level_number(level: str) -> int:
    """The library's number of a level. Raises Invalid for an unknown one."""
    if level not in _LEVELS:
        raise Invalid(f"a log level is one of {', '.join(_LEVELS)}; not {level!r}")
    return _LEVELS.index(level)
