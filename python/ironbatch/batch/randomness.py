"""The random numbers of a batch, the same wherever and in whatever order batches are made.

Numbers drawn *per item* come from the item's own stream: its key is that of the run, its place
depends on the action and on the item's id, epoch and occurrence (`ironbatch.random`). Numbers drawn
*per batch*, from `Batch.random`, come from a stream placed by the run's key and the position of the
batch in the run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ironbatch.batch.copies import Copying
from ironbatch.random import operation_hash, stream_key

__all__ = ["Randomness"]

#: Keeps the streams of whole batches apart from those of actions.
_BATCH_OPERATION = operation_hash("batch", 0)


class Randomness(Copying):
    """The part of `Batch` that draws."""

    @property
    def random_seed(self) -> Any:
        """Seed of the random numbers; None until one is set."""
        return self.__dict__.get("_random_seed")

    @random_seed.setter
    def random_seed(self, seed: Any) -> None:
        self.__dict__["_random_seed"] = seed
        self.__dict__["_stream_key"] = stream_key(seed)
        self.__dict__.pop("_generator", None)

    @property
    def stream_key(self) -> tuple[int, int]:
        """Key of the random streams, two 64-bit integers: the run's, or drawn at first use."""
        key: tuple[int, int] | None = self.__dict__.get("_stream_key")
        if key is None:
            key = stream_key(None)
            self.__dict__["_stream_key"] = key
        return key

    @property
    def random(self) -> np.random.Generator:
        """Generator for numbers drawn per batch."""
        generator: np.random.Generator | None = self.__dict__.get("_generator")
        if generator is None:
            place = (0, 0, _BATCH_OPERATION, self.__dict__.get("_first_position", 0))
            bits = np.random.Philox(
                key=np.array(self.stream_key, dtype=np.uint64),
                counter=np.array(place, dtype=np.uint64),
            )
            generator = self.__dict__["_generator"] = np.random.Generator(bits)
        return generator

    @random.setter
    def random(self, generator: np.random.Generator) -> None:
        self.__dict__["_generator"] = generator

    def begin_action(self, path: str) -> None:
        """Say which action of the plan runs next; draws of different actions are independent.

        Parameters
        ----------
        path : str
            Its place in the plan.
        """
        self.__dict__["_action_path"] = path
        self.__dict__["_action_calls"] = 0

    def next_operation(self) -> int:
        """Give the operation of the next parallel call: a hash of action and call number."""
        calls = self.__dict__.get("_action_calls", 0)
        self.__dict__["_action_calls"] = calls + 1
        path = self.__dict__.get("_action_path", "")
        scope = self.__dict__.get("_scope")
        if scope is not None and scope.turn:
            path += scope.turn
        return operation_hash(path, calls)
