"""The engine that is a cluster of Dask, reached through a client of `distributed`."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from ironbatch.engines.protocol import BatchRange, Outcome, SentPlan
from ironbatch.engines.registry import register_engine
from ironbatch.extras import need

__all__ = ["Dask"]

COUNT = 5.0
"""Seconds after which the workers of a cluster are counted again."""


PAUSE = 0.5
"""Seconds before the plan is sent again."""


class Dask:
    """Makes batches on a cluster of Dask.

    The plan is scattered to all workers once; a range is a task that depends on it. What a lost
    worker had is made again by the scheduler, and by the run once the scheduler has given up.

    Parameters
    ----------
    client : distributed.Client, optional
        The user's client, which stays open; by default the current one.
    retries : int, optional
        How many workers may be lost over a range before the run fails; by default the run says.
        The scheduler tries a range as often as ``distributed.scheduler.allowed-failures`` says, 3
        times by default, before the run hears of it.
    patience : float
        Seconds after which a cluster without workers is an error; as long may it take to send the
        plan.

    Raises
    ------
    ValueError
        If there is no client, or if it is an asynchronous one.
    """

    def __init__(
        self, client: Any = None, *, retries: int | None = None, patience: float = 60.0
    ) -> None:
        if client is None:
            distributed = need("distributed", extra="cluster", what="engine 'dask'")
            client = distributed.get_client()
        if client.asynchronous:
            raise ValueError(
                "a run waits for its batches, so it takes no asynchronous client; "
                "make it with distributed.Client(address)"
            )
        self.client = client
        self.retries = retries
        self.patience = patience

    def __repr__(self) -> str:
        return f"Dask({self.client!r})"

    def start(self, plan: SentPlan) -> _DaskSession:
        """Begin a run: scatter its plan.

        Raises
        ------
        RuntimeError
            If the cluster has no workers, or does not answer.
        """
        return _DaskSession(self.client, plan, self.patience)


class _DaskSession:
    """One run: a scattered plan, and a task for each range."""

    def __init__(self, client: Any, plan: SentPlan, patience: float) -> None:
        self._client = client
        self._plan: SentPlan | None = plan
        self._patience = patience
        self._done: SimpleQueue[tuple[Any, Outcome]] = SimpleQueue()
        self._futures: dict[BatchRange, Any] = {}
        self._shared: Any = None
        self._gone: RuntimeError | None = None
        self._counted = self._seen = monotonic()
        self.workers = self._count()
        self._shared = self._scatter()

    def _scatter(self) -> Any:
        """Send the plan to all workers."""
        if self._gone is not None:
            raise self._gone
        deadline = monotonic() + self._patience
        while True:
            sending = _Sending(self._client, self._plan)
            try:
                return sending.wait(deadline)
            except Exception as error:
                # A worker may have gone in the middle of it, and another one be on its way.
                if monotonic() + PAUSE < deadline and self._client.status == "running":
                    sleep(PAUSE)
                    continue
                self._gone = RuntimeError(
                    f"{self._client!r} cannot send the plan of the run to its workers within "
                    f"{self._patience:g} s: {error!r}"
                )
                raise self._gone from error

    def submit(self, batches: BatchRange) -> None:
        """Have batches made.

        Raises
        ------
        RuntimeError
            If the client is closed, or there are no workers.
        """
        if self._client.status not in ("running", "connecting"):
            raise RuntimeError(f"the client is {self._client.status}: {self._client!r}")
        if self._shared.status != "finished":
            # All workers that had the plan are gone.
            self._shared = self._scatter()
        key = f"ironbatch-batches-{uuid4().hex}"
        future = self._client.submit(_make, self._shared, batches, key, key=key, pure=False)
        self._futures[batches] = future
        self._client.loop.add_callback(_fetch, self._client, future, batches, self._done)

    def next_ready(self, timeout: float) -> Outcome | None:
        """Give what has come back.

        Raises
        ------
        RuntimeError
            If the client is closed, or there have been no workers for too long.
        """
        deadline = monotonic() + timeout
        while True:
            try:
                future, outcome = self._done.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                self._look()
                return None
            awaited: Any = self._futures.get(outcome.batches)
            if awaited is not None and awaited is future:
                self.cancel(outcome.batches)
                self._look()
                return outcome

    def _look(self) -> None:
        """Count the workers now and then."""
        if self._client.status not in ("running", "connecting"):
            raise RuntimeError(f"the client is {self._client.status}: {self._client!r}")
        now = monotonic()
        if now - self._counted < min(COUNT, self._patience):
            return
        self._counted = now
        workers = self._count()
        if workers:
            self.workers, self._seen = workers, now
        elif now - self._seen > self._patience:
            raise RuntimeError(
                f"the cluster has had no workers for {self._patience:g} s: {self._client!r}"
            )

    def _count(self) -> int:
        """Give how many tasks all workers do at once."""
        return sum(self._client.nthreads().values())

    def cancel(self, batches: BatchRange) -> None:
        """Do without a range."""
        future: Any = self._futures.pop(batches, None)
        if future is not None:
            # What no client has a future of is cancelled; this does not wait.
            future.release()

    def close(self) -> None:
        """Let go of everything; workers forget the plan with the last future."""
        for batches in list(self._futures):
            self.cancel(batches)
        self._shared.release()
        self._plan = None


class _Sending:
    """A plan on its way: whoever stops waiting for it, with Ctrl-C, leaves nothing behind."""

    def __init__(self, client: Any, plan: SentPlan | None) -> None:
        from ironbatch.engines.frames import Frames

        self._client = client
        self._key = f"ironbatch-plan-{uuid4().hex}"
        self._frames = Frames(plan)
        self._wanted = True
        self._arrived: SimpleQueue[Any] = SimpleQueue()

    def wait(self, deadline: float) -> Any:
        """Send it, and give the future that stands for it."""
        self._client.loop.add_callback(self._send, max(deadline - monotonic(), 0.1))
        try:
            while self._client.status in ("running", "connecting"):
                with suppress(Empty):
                    arrived = self._arrived.get(timeout=PAUSE)
                    if isinstance(arrived, BaseException):
                        raise arrived
                    return arrived
            raise RuntimeError(f"the client is {self._client.status}")
        finally:
            self._wanted = False

    async def _send(self, timeout: float) -> None:
        from distributed import Future

        try:
            plan = {self._key: self._frames}
            sent = await self._client.scatter(
                plan, broadcast=True, timeout=timeout, asynchronous=True
            )
            future: Any = sent.pop(self._key)
        except BaseException as error:
            # Some workers may have it all the same.
            future = Future(self._key, self._client)
            future.release()
            self._arrived.put(error)
            return
        if self._wanted:
            self._arrived.put(future)
        else:
            future.release()


async def _fetch(client: Any, future: Any, batches: BatchRange, done: SimpleQueue[Any]) -> None:
    """Bring what a task has given home, in the client's own thread."""
    try:
        answer = await client.gather(future, asynchronous=True)
        outcome = Outcome(batches, answer.content)
    except BaseException as error:
        name = type(error).__name__
        times = 1
        why = f"{name}: {error}"
        if name == "KilledWorker":
            times += getattr(error, "allowed_failures", 0)
        elif "Cancelled" in name:
            why = f"its workers are gone, or the scheduler: {error}"
        outcome = Outcome(batches, lost=why, times=times, error=error)
    done.put((future, outcome))


def _make(plan: Any, batches: BatchRange, key: str) -> Any:
    """Make batches, in a worker of Dask."""
    from distributed import get_worker

    from ironbatch.engines.frames import Frames

    worker: Any = get_worker()

    def stopped() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return Frames(plan.content.make(BatchRange(*batches), stopped))


register_engine("dask", Dask, client=("distributed", "Client"))
