"""What a signal's handler does that raises, at each place where Python may run one.

That is where a function begins, where a loop turns, and after a call of what is not Python. The places are tried one
after the other, by tracing; what is raised is kept with its traceback, as a shell or a log would."""

import dis
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional

import tenure

PACKAGE = str(Path(tenure.__file__).parent)


class Interrupt(KeyboardInterrupt):
    """What the handler raises: as asyncio lets through what Ctrl-C raises, and little else."""


class Interrupted:
    """Calls a function, and raises at the place of this number. Whether there was one."""

    def __init__(self, number: int) -> None:
        self._left = number
        # The last instruction of each frame, while nothing was called in Python since.
        self._last: Dict[FrameType, str] = {}
        self.raised: Optional[Interrupt] = None

    def call(self, function: Callable[[], object]) -> bool:
        sys.settrace(self._enter)
        try:
            function()
        except Interrupt as raised:
            self.raised = raised
        finally:
            sys.settrace(None)
            self._last.clear()
        return self.raised is not None

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if frame.f_back is not None:
            self._last.pop(frame.f_back, None)
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self._place()
        return self._step

    def _step(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            following = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if following == "JUMP_BACKWARD" or self._last.get(frame, "").startswith("CALL"):
                self._place()
            self._last[frame] = following
        elif event in ("return", "exception"):
            self._last.pop(frame, None)
        return self._step

    def _place(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Interrupt


def each_place(function: Callable[[], object]) -> Iterator[Interrupted]:
    """Calls the function again and again, interrupted at one place after the other, until it is through."""
    number = 0
    while True:
        number += 1
        tried = Interrupted(number)
        if not tried.call(function):
            return
        yield tried
