"""One NumPy generator that is moved from item to item."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ironbatch._core import operation_word

__all__ = ["ItemStreams"]

# Layout of NumPy's Philox state, which its C header has kept since 1.17: two pointers (to counter
# and key), the place in the buffer, the buffer, and half a word for 32-bit draws.
_WORDS = 10
_COUNTER, _KEY, _PLACE, _BUFFER, _HALF = 0, 1, 2, 3, 7


class ItemStreams:
    """Random streams of the items of one operation.

    A stream is a function of (key, operation, origin, epoch, occurrence), so what an item draws
    does not depend on its batch, its worker, or on what was drawn before.

    Parameters
    ----------
    key : (int, int)
        Key of the run, see `ironbatch.random.stream_key`.
    operation : int
        64-bit name of the operation, see `ironbatch.random.operation_hash`.

    Notes
    -----
    There is one generator per object, moved in place: use an object per worker, and do not keep
    the generator beyond the item.

    Examples
    --------
    >>> streams = ItemStreams((1, 2), 3)
    >>> a = streams.at(10).random()
    >>> b = streams.at(11).random()
    >>> streams.at(10).random() == a, a == b
    (True, False)
    """

    def __init__(self, key: tuple[int, int], operation: int) -> None:
        self._key = key
        self._operation = operation
        self._bits = np.random.Philox(key=np.array(key, np.uint64), counter=0)
        self._generator = np.random.Generator(self._bits)
        self._counter: Any = None
        if _layout_is_known():
            words = _state_words(self._bits)
            self._words = words
            self._counter = (ctypes.c_uint64 * 4).from_address(words[_COUNTER])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._key, self._operation)

    def at(self, origin: int, epoch: int = 0, occurrence: int = 0) -> np.random.Generator:
        """Move the generator to the start of an item's stream.

        Parameters
        ----------
        origin : int
            Origin of the item, 64 bits.
        epoch, occurrence : int
            Its epoch, and how often its id has occurred in this epoch before.

        Returns
        -------
        numpy.random.Generator
            The same object at each call.
        """
        operation = self._operation
        if occurrence:
            operation = operation_word(operation, int(occurrence))
        counter = self._counter
        if counter is None:
            return self._set_state(origin, epoch, operation)
        try:
            counter[1] = epoch
            counter[2] = operation
            counter[3] = origin
        except TypeError:  # NumPy's integers; asking first would cost all the others
            counter[1:] = [int(epoch), int(operation), int(origin)]
        counter[0] = 0
        words = self._words
        words[_PLACE] = 4  # the buffer is used up
        words[_HALF] = 0
        return self._generator

    def _set_state(self, origin: int, epoch: int, operation: int) -> np.random.Generator:
        counter = np.array([0, epoch, operation, origin], np.uint64)
        self._bits.state = {
            "bit_generator": "Philox",
            "state": {"counter": counter, "key": np.array(self._key, np.uint64)},
            "buffer": np.zeros(4, np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._generator


def _state_words(bits: np.random.Philox) -> Any:
    address = bits.ctypes.state_address
    return (ctypes.c_uint64 * _WORDS).from_address(address)


_known: bool | None = None


def _layout_is_known() -> bool:
    """Check once that NumPy's state lies in memory as we think, touching nothing otherwise."""
    global _known
    if _known is None:
        _known = _check_layout()
    return _known


def _check_layout() -> bool:
    key, counter = [0x1122334455667788, 0x99AABBCCDDEEFF00], [11, 22, 33, 44]
    bits = np.random.Philox(key=np.array(key, np.uint64), counter=np.array(counter, np.uint64))
    bits.random_raw(1)
    state = bits.state
    address = bits.ctypes.state_address
    # The pointers lead into the same Python object, just behind the state, or we do not follow.
    words = (ctypes.c_uint64 * _WORDS).from_address(address)
    near = range(id(bits), id(bits) + type(bits).__basicsize__)
    for pointer, size in ((words[_COUNTER], 32), (words[_KEY], 16), (address, 8 * _WORDS)):
        if pointer not in near or pointer + size - 1 not in near:
            return False
    found_counter = list((ctypes.c_uint64 * 4).from_address(words[_COUNTER]))
    found_key = list((ctypes.c_uint64 * 2).from_address(words[_KEY]))
    return (
        found_counter == state["state"]["counter"].tolist()
        and found_key == key
        and words[_PLACE] & 0xFFFFFFFF == state["buffer_pos"] == 1
        and list(words[_BUFFER : _BUFFER + 4]) == state["buffer"].tolist()
    )
