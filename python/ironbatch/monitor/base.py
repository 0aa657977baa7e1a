"""Sampling in a thread."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

from ironbatch.extras import need

__all__ = ["GIB", "MIB", "ResourceMonitor", "psutil"]

GIB = 2**30
MIB = 2**20


def psutil() -> Any:
    """Give the module psutil."""
    return need("psutil", extra="monitor", what="a resource monitor")


def _sample(ref: weakref.ref[ResourceMonitor], stop: threading.Event, period: float) -> None:
    """Sample until the monitor is stopped or forgotten."""
    while not stop.wait(period):
        monitor = ref()
        if monitor is None:
            return
        try:
            monitor.sample()
        except Exception as error:
            monitor.error = error
            return
        # A monitor that nobody holds any more must be able to go.
        del monitor


class ResourceMonitor:
    """Samples one resource in a daemon thread.

    It is a context manager; outside of one call `start` and `stop`. In a forked child it is not
    running and can be started anew.

    Parameters
    ----------
    function : callable, optional
        What gives a sample; called without arguments. That of the class by default.
    frequency : float
        Seconds between two samples.

    Attributes
    ----------
    data : list
        The samples of all runs.
    ticks : list of float
        When they were taken, in seconds as `time.time` gives them.
    unit : str
        Unit of the samples.

    Raises
    ------
    MissingPackageError
        If psutil is needed and not installed.
    ValueError
        If `frequency` is not a positive number.

    Examples
    --------
    >>> from ironbatch.monitor import ResourceMonitor
    >>> with ResourceMonitor(lambda: 5, frequency=10) as monitor:
    ...     pass
    >>> monitor.data
    [5, 5]
    """

    unit: ClassVar[str] = ""
    differs: ClassVar[bool] = False
    """Whether a sample is about the time since the one before, so that the first says nothing."""

    def __init__(self, function: Callable[[], Any] | None = None, frequency: float = 0.1) -> None:
        if not isinstance(frequency, int | float) or not frequency > 0:
            raise ValueError(f"frequency is a number of seconds above 0, got {frequency!r}")
        self.function = function
        self.frequency = frequency
        self.data: list[Any] = []
        self.ticks: list[float] = []
        self.error: Exception | None = None
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def get_usage(self) -> Any:
        """Give a sample."""
        raise TypeError(f"{type(self).__name__} needs a function that gives its samples")

    def sample(self) -> Any:
        """Take a sample, keep and give it."""
        value = self.get_usage() if self.function is None else self.function()
        self.ticks.append(time.time())
        self.data.append(value)
        return value

    @property
    def running(self) -> bool:
        """Whether samples are being taken."""
        return self._thread is not None and self._pid == os.getpid()

    def start(self) -> Self:
        """Take a sample, and go on with it in a thread; nothing if that is under way."""
        if self.running:
            return self
        self.error = None
        if self.differs and self.function is None:
            self.get_usage()
        else:
            self.sample()
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_sample,
            args=(weakref.ref(self), self._stop, self.frequency),
            name=f"ironbatch-{type(self).__name__}",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> Self:
        """End the thread and take a last sample.

        Raises
        ------
        Exception
            What has kept the thread from taking samples.
        """
        if not self.running:
            return self
        self._end()
        if self.error is not None:
            raise self.error
        self.sample()
        return self

    def _end(self) -> None:
        thread, stop = self._thread, self._stop
        self._thread = self._stop = None
        if stop is not None:
            stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.stop()
        elif self.running:
            self._end()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_thread": None, "_stop": None}

    def plot(self, savepath: Any = None, **kwargs: Any) -> Any:
        """Draw the samples over time; see `Monitor.plot`."""
        from ironbatch.monitor.group import Monitor

        return Monitor([self]).plot(savepath, **kwargs)
