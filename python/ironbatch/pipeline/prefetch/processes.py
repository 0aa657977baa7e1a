"""Prefetch in worker processes: the consumer's side.

The workers are those of parallel actions. A run takes some of them for itself while it lasts, sends
each several tasks ahead, and reads the answers when it waits for a batch.
"""

from __future__ import annotations

import pickle
import select
import threading
from queue import SimpleQueue
from time import monotonic
from typing import Any

from ironbatch.errors import WorkerDiedError
from ironbatch.pipeline.prefetch import threads as threaded
from ironbatch.pipeline.prefetch.remote import Remote, Slot
from ironbatch.targets.processes.pool import Worker, default_workers, pool
from ironbatch.targets.processes.segments import dumper, pack

__all__ = ["Processes"]

LOOK = 0.2
"""Seconds between two looks at workers that do not answer: are they alive?"""

GRACE = 1.0
"""Seconds that a worker has to finish a batch that nobody wants any more."""

AHEAD = 16
"""How many tasks a worker has at most: few enough for their messages to fit into the socket."""

TRIES = 3
"""How many workers may end, without having begun it, before a batch fails."""


class _Hand:
    """A worker that the run has for itself."""

    __slots__ = ("busy", "free", "torn", "worker")

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.busy: dict[int, Slot] = {}
        self.free = list(range(AHEAD, 0, -1))
        # Set while a message is sent or read: an exception in between leaves a part of it.
        self.torn = False

    def receive(self) -> bool:
        """Read one message; return whether it was an answer."""
        self.torn = True
        region, body, copies = self.worker.channel.receive()
        self.torn = False
        if not self.worker.ready:
            # The first message says that it is there.
            self.worker.ready = True
            return False
        slot = self.busy.pop(region)
        self.free.append(region)
        slot.settle(body, copies)
        return True

    def send(self, remote: Processes, slot: Slot) -> None:
        """Send a task."""
        definition = slot.definition = remote.definition
        if definition is None:
            raise RuntimeError("the run was not prepared")
        task = remote.task_of(slot)
        # Places are arrays and numbers; an index of a class of its own may need more.
        dumps = pickle.dumps if isinstance(task[2], dict) else dumper()
        packed = pack(("make", definition.key, remote.serial, remote.threads, task), dumps)
        region = self.free.pop()
        self.busy[region] = slot
        self.torn = True
        self.worker.make(definition, packed, region)
        self.torn = False


class Processes(Remote):
    """Makes the batches of one run in worker processes.

    Parameters
    ----------
    run : Run
        The run.
    pipeline : Pipeline
        Its steps.
    workers : int, optional
        How many processes, by default one for each core.
    threads : int
        How many batches each of them makes at once.
    """

    def __init__(self, run: Any, pipeline: Any, workers: int | None, threads: int) -> None:
        super().__init__(run, pipeline)
        self.workers = workers or default_workers()
        self.threads = threads
        self.most = self.workers * AHEAD
        self._hands: list[_Hand] = []
        self._hired: list[Worker] = []
        self._forks = threaded.forks()

    def prepare(self, stream_key: tuple[int, int]) -> None:
        """Pickle what workers need, with variables and config as they are now."""
        _janitor()
        super().prepare(stream_key)

    def start(self, slot: Slot) -> None:
        """Send a task to the worker with the fewest."""
        self._after_fork()
        if len(self._hands) > 1:
            self._hear(0)
        for hand in [one for one in self._hands if not one.busy]:
            if hand.worker.process.poll() is not None:
                self._bury(hand)
        if len(self._hands) < self.workers and all(hand.busy for hand in self._hands):
            self._hire()
        hand = min(self._hands, key=lambda hand: len(hand.busy))
        try:
            hand.send(self, slot)
        except OSError:
            # It is among those that the worker had, and goes to another one.
            hand.torn = False
            self._bury(hand)

    def _hire(self) -> None:
        limit = max(self.workers, default_workers())
        wait = not self._hands
        pool().reserve(self._hired, 1, limit, wait=wait, lend=True)
        while self._hired:
            self._hands.append(_Hand(self._hired[-1]))
            self._hired.pop()

    def wait(self, slot: Slot) -> None:
        """Wait until the answer to a task is there."""
        self._after_fork()
        while not slot.done:
            self._hear(LOOK)

    def _after_fork(self) -> None:
        """Begin again, in a forked child, what was under way: the workers are the parent's."""
        if self._forks == threaded.forks():
            return
        self._forks = threaded.forks()
        self._hands, self._hired = [], []
        for slot in self._slots:
            if not slot.done:
                self.start(slot)

    def _hear(self, patience: float) -> None:
        """Read the answers that are there; wait for one so many seconds at most."""
        hands = {hand.worker.connection.fileno(): hand for hand in self._hands if hand.busy}
        # Not `multiprocessing.connection.wait`: that costs more than the rest of a look.
        poller = select.poll()
        for descriptor in hands:
            poller.register(descriptor, select.POLLIN)
        ready = poller.poll(patience * 1000)
        for descriptor, _ in ready:
            try:
                hands[descriptor].receive()
            except (EOFError, OSError):
                self._bury(hands[descriptor])
        if not ready and patience:
            for hand in hands.values():
                # A grandchild may hold the connection of a dead worker open.
                if hand.worker.process.poll() is not None and not hand.worker.connection.poll(0):
                    self._bury(hand)

    def _bury(self, hand: _Hand) -> None:
        """Forget a worker that has ended; send what it had not begun to others."""
        worker = hand.worker
        try:
            while not hand.torn and worker.connection.poll(0):
                hand.receive()
        except (EOFError, OSError):
            pass
        begun, ready = worker.tasks, worker.ready
        self._hands.remove(hand)
        pool().drop(worker)
        code = worker.process.returncode
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        for slot in hand.busy.values():
            slot.sent += 1
            if slot.ticket in begun:
                what = f"a worker process ended while it made {slot.name} ({how})"
            elif slot.sent < TRIES:
                self.start(slot)
                continue
            elif ready:
                what = f"worker processes end before they begin {slot.name} ({how})"
            else:
                what = f"a worker process ended before it was ready ({how}); its output tells why"
            slot.fail(WorkerDiedError(what))

    def finish(self) -> None:
        """Give the workers back."""
        hands, self._hands = self._hands, []
        if self._forks != threaded.forks():
            return
        for hand in hands:
            if hand.busy or hand.torn:
                self._hands.append(hand)
            else:
                hand.worker.shrink()
                pool().give_back(hand.worker)

    def close(self) -> None:
        """Give the workers back, or have somebody wait for those that are busy."""
        super().close()
        if self._forks != threaded.forks():
            self._hands, self._hired = [], []
            return
        self.finish()
        hands, self._hands = self._hands, []
        hands += [_Hand(worker) for worker in self._hired]
        self._hired = []
        if hands:
            for hand in hands:
                hand.worker.drop_tasks_of(self.serial)
            pool().expect([hand.worker for hand in hands])
            _janitor().put((monotonic() + GRACE, hands))


_leaving: SimpleQueue[tuple[float, list[_Hand]]] | None = None
"""Workers that make batches nobody wants any more."""


def _janitor() -> SimpleQueue[tuple[float, list[_Hand]]]:
    """Give the queue of a thread that waits for busy workers, so that no consumer has to.

    The garbage collector may close a run anywhere, even where a lock is held: putting something
    into this queue takes none.
    """
    global _leaving
    if _leaving is None:
        _leaving = SimpleQueue()
        name = "ironbatch-janitor"
        threading.Thread(target=_clean, args=(_leaving,), name=name, daemon=True).start()
        threaded.forget_after_fork(_forget)
    return _leaving


def _forget() -> None:
    global _leaving
    _leaving = None


def _clean(leaving: SimpleQueue[tuple[float, list[_Hand]]]) -> None:
    from ironbatch._core import guard_thread

    guard_thread()
    while True:
        deadline, hands = leaving.get()
        for hand in hands:
            worker = hand.worker
            try:
                while hand.busy and not hand.torn:
                    if not worker.connection.poll(max(0.0, deadline - monotonic())):
                        break
                    hand.receive()
            except (EOFError, OSError):
                pass
            if hand.busy or hand.torn:
                pool().drop(worker)
            else:
                worker.shrink()
                pool().release([worker])
        del hands, hand, worker
