"""Files of items that the compiled core reads and writes, whatever their layout."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch import _core
from ironbatch import components as columns
from ironbatch.errors import ComponentError, FormatError
from ironbatch.formats.failing import failing
from ironbatch.formats.staging import fetched, original, sent

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = [
    "ARRAY",
    "BYTES",
    "DEFAULT_MAX_BYTES",
    "PICKLE",
    "TEXT",
    "Declared",
    "DiffersError",
    "Layout",
    "UnsupportedError",
    "component_of",
    "held",
    "is_size",
    "load_arrays",
    "probe",
    "read_dense",
    "read_ragged",
    "text_of",
    "write",
]

Layout: TypeAlias = Literal["raw", "npy", "blosc"]

ARRAY, TEXT, BYTES, PICKLE = range(4)

#: Most bytes that one file may expand to unless the caller says otherwise.
DEFAULT_MAX_BYTES = 1 << 30

#: Memory beyond this is taken only after the headers of all files were read, not of the first one.
_TRUSTED_BYTES = 1 << 28


class Declared(NamedTuple):
    """What a file says about one of its arrays."""

    name: str
    kind: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        count = np.dtype(self.dtype).itemsize
        for length in self.shape:
            count *= length
        return count


class DiffersError(FormatError):
    """A file is sound, but its array has another shape or size than those of the other items."""


class UnsupportedError(FormatError):
    """A file is sound, but holds what only Python can read."""


_Memory: TypeAlias = tuple[
    str,
    int,
    str,
    NDArray[Any],
    "list[int] | None",
    "NDArray[np.int64] | None",
    "NDArray[np.int64] | None",
]


def _error(failure: BaseException, ids: Sequence[Hashable], positions: Sequence[int]) -> Exception:
    """Make what users see of a failure: which item, which file, what is wrong."""
    position, kind, errno, message = failure.args
    position = positions[position]
    message = _as_given(message)
    item = ids[position]
    if kind == "io":
        return failing(OSError(errno, f"{os.strerror(errno)} (item {item!r})", message), position)
    made = {"differs": DiffersError, "unsupported": UnsupportedError}.get(kind, FormatError)
    return failing(made(f"item {item!r}: {message}"), position)


def _as_given(message: str) -> str:
    """Name the URL where a message names the file that stands for it."""
    path, colon, rest = message.partition(": ")
    return f"{original(path)}{colon}{rest}"


def is_size(max_bytes: Any) -> int:
    """Check a limit that a caller has given."""
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int | np.integer) or max_bytes < 0:
        raise ValueError(f"max_bytes must be a number of bytes, got {max_bytes!r}")
    return int(max_bytes)


def held(batch: Batch, name: str | None) -> Any:
    """Give what a component holds now, without loading it; None if nothing."""
    if name is None or name not in (batch.components or ()):
        return None
    return batch._slot_get(name)


def component_of(batch: Batch, name: str | None) -> Any:
    """Give a component to dump.

    Raises
    ------
    ComponentError
        If it holds nothing, or the data of a batch without components is not one array.
    """
    value = batch.data if name is None else getattr(batch, name)
    what = "the batch" if name is None else f"component {name!r}"
    if value is None:
        raise ComponentError(f"{what} holds no data, so there is nothing to dump")
    return columns.as_component(value, len(batch.index), name=name or "data")


def probe(
    paths: Sequence[str],
    layout: Layout,
    names: Sequence[str] | None,
    max_bytes: int,
    ids: Sequence[Hashable],
) -> list[list[Declared]]:
    """Read what files declare, each checked against its size and the limit."""
    paths = fetched(paths, ids)
    try:
        found = _core.probe_files(paths, layout, names, max_bytes)
    except _core.FileFailure as failure:
        raise _error(failure, ids, range(len(paths))) from None
    return [
        [Declared(name, kind, dtype, tuple(shape)) for name, kind, dtype, shape in each]
        for each in found
    ]


def _read(
    paths: Sequence[str],
    layout: Layout,
    memory: Sequence[_Memory],
    max_bytes: int,
    ids: Sequence[Hashable],
) -> None:
    paths = fetched(paths, ids)
    try:
        _core.read_files(paths, layout, memory, max_bytes)
    except _core.FileFailure as failure:
        raise _error(failure, ids, range(len(paths))) from None


def _dense_memory(declared: Declared, n: int) -> _Memory:
    array = columns.empty((n, *declared.shape), np.dtype(declared.dtype))
    return (
        declared.name,
        declared.kind,
        declared.dtype,
        array,
        list(declared.shape),
        None,
        None,
    )


def _ragged_memory(
    declared: Sequence[Declared], paths: Sequence[str], ids: Sequence[Hashable]
) -> _Memory:
    # What most items are like is right.
    kinds = [(each.kind, each.dtype, len(each.shape)) for each in declared]
    usual = max(dict.fromkeys(kinds), key=kinds.count)
    typical = kinds.index(usual)
    name, kind, dtype, first = declared[typical]
    odd = {}
    for position, each in enumerate(declared):
        if kinds[position] != usual:
            odd[position] = FormatError(
                f"item {ids[position]!r}: {paths[position]}: its array is of {each.dtype} "
                f"{each.shape} where item {ids[typical]!r} has {dtype} {first}; items of a "
                "component have one dtype and number of dimensions"
            )
    if odd:
        raise failing(odd[min(odd)], min(odd), odd, complete=True)
    shapes = np.array([each.shape for each in declared], dtype=np.int64)
    shapes = shapes.reshape(len(declared), len(first))
    offsets = np.zeros(len(declared) + 1, dtype=np.int64)
    np.cumsum(shapes.prod(axis=1), out=offsets[1:])
    values = columns.empty(int(offsets[-1]), np.dtype(dtype))
    return name, kind, dtype, values, None, offsets, shapes.ravel()


def _finished(memory: _Memory, name: str, ids: Sequence[Hashable], allow_pickle: bool) -> Any:
    """Make a component of memory that was read into."""
    _, kind, dtype, array, shape, offsets, shapes = memory
    if kind == ARRAY:
        if not np.dtype(dtype).isnative:
            array = array.astype(np.dtype(dtype).newbyteorder("="))
        if shape is not None:
            return array
        assert offsets is not None
        assert shapes is not None
        return columns.Ragged(array, offsets, shapes.reshape(len(offsets) - 1, -1), name=name)
    assert offsets is not None
    if kind == TEXT:
        return text_of(array, offsets, name, ids)
    packed = columns.Bytes(array, offsets, name=name)
    if kind == BYTES:
        return packed
    if not allow_pickle:
        raise FormatError(
            f"item {ids[0]!r}: component {name!r} holds pickled Python objects, which can run any "
            "code when loaded; if you trust where the files come from, load with allow_pickle=True"
        )
    return _unpickled(packed, name, ids)


def _unpickled(packed: columns.Bytes, name: str, ids: Sequence[Hashable]) -> NDArray[np.object_]:
    import pickle

    items = []
    for position, pickled in enumerate(packed.to_list()):
        try:
            items.append(pickle.loads(pickled))
        except Exception as error:
            reason = f"item {ids[position]!r}: component {name!r} cannot be unpickled: {error}"
            raise failing(FormatError(reason), position) from error
    return columns.as_objects(items)


def text_of(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], name: str, ids: Sequence[Hashable]
) -> columns.Strings:
    """Make a text component of UTF-8 bytes, checked."""
    whole = data.tobytes()
    for position, (start, stop) in enumerate(pairwise(offsets.tolist())):
        try:
            whole[start:stop].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            reason = f"item {ids[position]!r}: component {name!r} is no UTF-8: {error}"
            raise failing(FormatError(reason), position) from error
    return columns.Strings(data, offsets, name=name)


def read_dense(
    paths: Sequence[str],
    layout: Layout,
    declared: Sequence[Declared],
    max_bytes: int,
    ids: Sequence[Hashable],
) -> list[Any]:
    """Read files that all hold arrays of these dtypes and shapes.

    Raises
    ------
    DiffersError
        If one of them is sound but does not.
    """
    memory = [_dense_memory(each, len(paths)) for each in declared]
    _read(paths, layout, memory, max_bytes, ids)
    return [_finished(each, each[0], ids, False) for each in memory]


def read_ragged(
    paths: Sequence[str],
    layout: Layout,
    declared: Sequence[Sequence[Declared]],
    max_bytes: int,
    ids: Sequence[Hashable],
    *,
    allow_pickle: bool = False,
) -> list[Any]:
    """Read files that were probed: arrays of one shape, or ragged, or strings of bytes."""
    memory = []
    for column in zip(*declared, strict=True):
        same = all(each == column[0] for each in column)
        if column[0].kind == PICKLE and not allow_pickle:
            empty = np.zeros(len(column) + 1, np.int64)
            refused = ("", PICKLE, "|u1", np.empty(0, np.uint8), None, empty, None)
            _finished(refused, column[0].name, ids, False)
        if same and column[0].kind == ARRAY:
            memory.append(_dense_memory(column[0], len(paths)))
        else:
            memory.append(_ragged_memory(column, paths, ids))
    _read(paths, layout, memory, max_bytes, ids)
    return [_finished(each, each[0], ids, allow_pickle) for each in memory]


def load_arrays(
    paths: Sequence[str],
    layout: Layout,
    names: Sequence[str] | None,
    max_bytes: int,
    ids: Sequence[Hashable],
    *,
    first: Sequence[Declared] | None = None,
    allow_pickle: bool = False,
) -> dict[str, Any]:
    """Read files that say themselves what they hold.

    Most often all items look like the first one, so its header alone decides what is tried first:
    one buffer, filled in one go.
    """
    if first is None:
        first = probe(paths[:1], layout, names, max_bytes, ids)[0]
    found = [each.name for each in first]
    likely = sum(each.nbytes for each in first) * len(paths)
    if all(each.kind == ARRAY for each in first) and likely <= _TRUSTED_BYTES:
        try:
            loaded = read_dense(paths, layout, first, max_bytes, ids)
        except DiffersError:
            pass
        else:
            return dict(zip(found, loaded, strict=True))
    declared = probe(paths, layout, found if layout == "blosc" else None, max_bytes, ids)
    loaded = read_ragged(paths, layout, declared, max_bytes, ids, allow_pickle=allow_pickle)
    return dict(zip(found, loaded, strict=True))


def _memory_of(component: Any, name: str, allow_pickle: bool, ids: Sequence[Hashable]) -> _Memory:
    if isinstance(component, columns.Ragged):
        values, offsets, shapes = component.values, component.offsets, component.shapes
        flat = np.ascontiguousarray(shapes, dtype=np.int64).ravel()
        return name, ARRAY, values.dtype.str, values, None, offsets, flat
    if isinstance(component, columns.Strings | columns.Bytes):
        kind = TEXT if isinstance(component, columns.Strings) else BYTES
        return (
            name,
            kind,
            "|u1",
            component.data,
            None,
            component.offsets,
            np.diff(component.offsets),
        )
    if component.dtype.hasobject:
        if not allow_pickle:
            raise ComponentError(
                f"component {name!r} holds Python objects; to have them pickled give "
                "allow_pickle=True, which loading them needs too"
            )
        packed = _pickled(component, name, ids)
        return name, PICKLE, "|u1", packed.data, None, packed.offsets, np.diff(packed.offsets)
    array = np.ascontiguousarray(component)
    return name, ARRAY, array.dtype.str, array, list(array.shape[1:]), None, None


def _pickled(component: Any, name: str, ids: Sequence[Hashable]) -> columns.Bytes:
    import pickle

    pickles = []
    for item, value in zip(ids, component, strict=True):
        try:
            pickles.append(pickle.dumps(value, protocol=5))
        except Exception as error:
            raise ComponentError(
                f"item {item!r}: component {name!r} cannot be pickled: {error}"
            ) from error
    return columns.Bytes.from_items(pickles, name=name)


def write(
    paths: Sequence[str],
    positions: Sequence[int],
    layout: Layout,
    named: Sequence[tuple[str, Any]],
    ids: Sequence[Hashable],
    *,
    codec: str = "lz4",
    level: int = 5,
    shuffle: str = "byte",
    fsync: bool = False,
    allow_pickle: bool = False,
) -> None:
    """Write one file for each of these positions, each all or nothing.

    Raises
    ------
    ComponentError
        If a component holds Python objects, or a dtype that files cannot.
    OSError
        If a file could not be written; its message names the item.
    """
    memory = [_memory_of(component, name, allow_pickle, ids) for name, component in named]
    with sent(paths, positions, ids) as local:
        targets = [local[position] for position in positions]
        try:
            _core.write_files(
                targets, positions, len(paths), layout, memory, codec, level, shuffle, fsync
            )
        except _core.FileFailure as failure:
            raise _error(failure, ids, positions) from None
