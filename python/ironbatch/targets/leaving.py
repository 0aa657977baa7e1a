"""What happens to busy worker threads when the interpreter ends.

Worker threads are daemons, so nothing waits for an item that never ends. But CPython up to 3.13
unwinds a thread that asks for the interpreter lock during finalisation, and unwinding through the
compiled core aborts the process. So before finalisation, busy workers get a moment to end what they
are at, and those that are inside the core a longer one. A worker that sleeps or spins in a
user's function is left alone after the moment: it is unwound through C frames, without harm.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from weakref import WeakSet

__all__ = ["NAME", "at_exit", "watch"]

NAME = "ironbatch-worker-"
"""What the names of worker threads begin with."""

MOMENT = 0.5
"""Seconds that any busy worker gets."""

INSIDE = 5.0
"""Seconds that a worker inside the compiled core gets."""

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120
_WAITING = (f"{_PACKAGE}targets{os.sep}", f"{_PACKAGE}pipeline{os.sep}")
_CALLED_BY_CORE = frozenset({"_fill_component", "_assign_component", "_complete", "_load_whole"})

_hooks: WeakSet[Callable[[], None]] = WeakSet()
_watching = False


def watch() -> None:
    """Be there when the interpreter ends; called when the first worker starts."""
    global _watching
    if not _watching:
        _watching = True
        try:
            threading._register_atexit(_leave)  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError):  # another Python, or it is ending already
            return


def at_exit(hook: Callable[[], None]) -> None:
    """Call `hook` before workers are waited for, as long as it is alive."""
    _hooks.add(hook)


def _leave() -> None:
    for hook in list(_hooks):
        hook()
    began = time.monotonic()
    while True:
        busy = _busy_frames()
        waited = time.monotonic() - began
        if waited > MOMENT:
            busy = [frame for frame in busy if _inside_core(frame)]
        if not busy or waited > INSIDE:
            return
        del busy
        time.sleep(0.002)


def _busy_frames() -> list[FrameType]:
    """Give where the busy workers are."""
    frames = sys._current_frames()
    own = [
        frames[thread.ident]
        for thread in threading.enumerate()
        if thread.name.startswith(NAME) and thread.ident in frames
    ]
    return [frame for frame in own if frame.f_code.co_name not in ("_live", "serve")]


def _inside_core(frame: FrameType | None) -> bool:
    """Whether a thread may have frames of the compiled core on its stack."""
    if frame is None:
        return False
    file = frame.f_code.co_filename
    if file.startswith(_PACKAGE) and not file.startswith(_WAITING):
        return True
    while frame is not None:
        if frame.f_code.co_name in _CALLED_BY_CORE:
            return True
        frame = frame.f_back
    return False
