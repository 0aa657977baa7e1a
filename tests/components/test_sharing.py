"""Whether a kernel may write in place."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from ironbatch import components as c


def fresh() -> c.Dense:
    return c.take(np.arange(10), np.arange(10))


class Slot:
    """Holds a component as a batch does."""

    def __init__(self, component) -> None:
        self.component = component

    def is_shared(self, held: int = 1) -> bool:
        # Not inside an `assert`: pytest keeps what it sees there.
        return c.is_shared(self.component, held)


def test_the_cached_view_does_not_count() -> None:
    slots = (
        Slot(fresh()),
        Slot(c.Ragged.from_items([[1], [2, 3]])),
        Slot(c.Strings.from_items(["a"])),
    )
    assert [slot.is_shared() for slot in slots] == [False] * 3


def test_a_variable_counts_unless_it_is_declared() -> None:
    component = fresh()
    slot = Slot(component)
    assert slot.is_shared()
    assert not slot.is_shared(held=2)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[3:5],
        np.asarray,
        lambda a: a.view(np.ndarray)[::2],
        memoryview,
        lambda a: a.T,
        np.from_dlpack,
        iter,
    ],
)
def test_every_view_counts_until_it_is_gone(view) -> None:
    slot = Slot(fresh())
    other = view(slot.component)
    assert slot.is_shared()
    del other
    assert not slot.is_shared()


def test_an_item_of_a_ragged_component_counts() -> None:
    slot = Slot(c.Ragged.from_items([[1], [2, 3]]))
    item = slot.component[1]
    assert slot.is_shared()
    del item
    assert not slot.is_shared()


def test_a_users_array_counts_while_the_user_holds_it() -> None:
    array = np.zeros(3)
    slot = Slot(c.as_component(array, 3))
    assert slot.is_shared()
    del array
    assert not slot.is_shared()


def test_memory_of_others_always_counts(tmp_path: Path) -> None:
    assert Slot(c.as_component(np.frombuffer(bytearray(8), "u1"), 8)).is_shared()
    path = tmp_path / "data"
    path.write_bytes(bytes(mmap.PAGESIZE))
    assert Slot(c.as_component(np.memmap(path, "u1", "r+"), mmap.PAGESIZE)).is_shared()


def test_a_read_only_array_counts() -> None:
    slot = Slot(fresh())
    slot.component.flags.writeable = False
    assert slot.is_shared()
