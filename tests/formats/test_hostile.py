"""Files that are not what they seem: an error that names them, and no memory for their claims."""

from __future__ import annotations

import pickle
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ironbatch.components import Ragged
from ironbatch.errors import FormatError

from .conftest import Plain, plain

ARRAY = np.arange(600, dtype="f8").reshape(2, 300)


def spoil(folder: Path, fmt: str, change: Callable[[bytearray], object]) -> Path:
    plain(ARRAY, ["a", "b"]).dump(folder, fmt)
    path = folder / f"b.{fmt}"
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def refused(folder: Path, fmt: str, words: str) -> None:
    with pytest.raises(FormatError, match=words) as caught:
        Plain(["a", "b"]).load(folder, fmt)
    assert "item 'b'" in str(caught.value)
    assert f"b.{fmt}" in str(caught.value)


def put(offset: int, layout: str, value: int) -> Callable[[bytearray], object]:
    return lambda content: struct.pack_into(layout, content, offset, value)


def cut(count: int) -> Callable[[bytearray], object]:
    return lambda content: content.__delitem__(slice(-count, None))


CHANGES = {
    "magic": (put(0, "B", 0), {"npy": "not an npy", "blosc": "not a blosc"}),
    "version": (put(6, "B", 9), {"npy": r"version 9\.0"}),
    "version of container": (put(8, "<H", 2), {"blosc": "version 2"}),
    "reserved": (put(10, "<H", 1), {"blosc": "reserved"}),
    "arrays": (put(12, "<I", 2**31), {"blosc": "claims 2147483648 arrays"}),
    "header length": (put(16, "<I", 2**31), {"blosc": "claims 2147483648 bytes"}),
    "short header": (put(16, "<I", 40), {"blosc": "claims|checksum"}),
    "checksum": (put(24, "<Q", 1), {"blosc": "checksum"}),
    "truncated": (cut(10), {"npy": "declares", "blosc": "declares"}),
    "cut early": (lambda c: c.__delitem__(slice(20, None)), {"npy": "cut off", "blosc": "cut off"}),
    "nothing": (lambda c: c.clear(), {"npy": "too short", "blosc": "not a blosc|cut off"}),
    "longer": (lambda c: c.extend(b"xx"), {"npy": "declares", "blosc": "declares"}),
    "damaged": (lambda c: c.__setitem__(-20, c[-20] ^ 255), {"blosc": "checksum"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "fmt"), [(name, fmt) for name, (_, words) in CHANGES.items() for fmt in words]
)
def test_spoiled(change: str, fmt: str, folder: Path) -> None:
    how, words = CHANGES[change]
    spoil(folder, fmt, how)
    refused(folder, fmt, words[fmt])


def npy(header: str) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("(99999999999999999999,)", "not one that NumPy writes"),
        (f"({2**62}, 2)", "more than fits"),
        (f"(0, {2**62}, {2**62})", "more than fits"),
        (f"({2**39},)", "max_bytes"),
        ("(-1,)", "not one that NumPy writes"),
        ("(" + "1," * 33 + ")", "dimensions"),
    ],
)
def test_absurd_shape(shape: str, words: str, folder: Path) -> None:
    folder.mkdir()
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    (folder / "0.npy").write_bytes(npy(header) + bytes(64))
    with pytest.raises(FormatError, match=words):
        Plain(1).load(folder, "npy")


@pytest.mark.parametrize(
    "header",
    [
        "__import__('os').system('true')",
        "{'descr': '<f8', 'fortran_order': False}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} + x",
        "",
    ],
)
def test_foreign_header(header: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "0.npy").write_bytes(npy(header) + bytes(8))
    with pytest.raises(FormatError, match="not one that NumPy writes"):
        Plain(1).load(folder, "npy")


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("code of a file was run",))


@pytest.mark.parametrize("fmt", ["npy", "blosc"])
def test_pickles_are_not_opened_unless_allowed(fmt: str, folder: Path) -> None:
    column = np.empty(2, object)
    column[:] = [Bomb(), Bomb()]
    plain(column, ["a", "b"]).dump(folder, fmt, allow_pickle=True)
    with pytest.raises(FormatError, match="allow_pickle"):
        Plain(["a", "b"]).load(folder, fmt)


def test_a_pickle_is_no_container(folder: Path) -> None:
    folder.mkdir()
    (folder / "0.blosc").write_bytes(pickle.dumps({"x": Bomb()}))
    with pytest.raises(FormatError, match="not a blosc container"):
        Plain(1).load(folder, "blosc")


def test_broken_pickle_names_the_item(folder: Path) -> None:
    column = np.empty(1, object)
    column[:] = [resource.getrusage]
    plain(column, ["a"]).dump(folder, "blosc", allow_pickle=True)
    # The name that the pickle looks up is gone when it is loaded.
    saved = resource.getrusage
    del resource.getrusage
    try:
        with pytest.raises(FormatError, match="item 'a'"):
            Plain(["a"]).load(folder, "blosc", allow_pickle=True)
    finally:
        resource.getrusage = saved


def test_compression_bomb_is_refused_by_its_declared_size(folder: Path) -> None:
    plain(np.zeros((1, 64 << 20), "u1"), ["a"]).dump(folder, "blosc", codec="zstd", level=9)
    assert (folder / "a.blosc").stat().st_size < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FormatError, match=r"declares 67108864 bytes.*max_bytes"):
        Plain(["a"]).load(folder, "blosc", max_bytes=1 << 20)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 16 << 10


@pytest.mark.parametrize("fmt", ["raw", "npy"])
def test_max_bytes(fmt: str, folder: Path) -> None:
    plain(ARRAY).dump(folder, fmt)
    with pytest.raises(FormatError, match="max_bytes"):
        Plain(2).load(folder, fmt, max_bytes=100)


def test_max_bytes_must_be_a_size(folder: Path) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        Plain(2).load(folder, "npy", max_bytes=-1)


@pytest.mark.parametrize("fmt", ["npy", "blosc"])
def test_dtypes_that_differ(fmt: str, folder: Path) -> None:
    plain(ARRAY[:1], ["a"]).dump(folder, fmt)
    plain(ARRAY[:1].astype("f4"), ["b"]).dump(folder, fmt)
    refused(folder, fmt, "<f4.*<f8")


def test_missing_array(folder: Path) -> None:
    plain(ARRAY).dump(folder, "blosc")
    with pytest.raises(FormatError, match='no array named "other", only'):
        Plain(2).load(folder, "blosc", "other")


def test_text_that_is_none(folder: Path) -> None:
    folder.mkdir()
    (folder / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match=r"item 'a'.*UTF-8"):
        Plain(["a"]).load(folder, "raw", dtype=str)


@pytest.mark.parametrize("shape", [(300,), (-1, 7), (2, 2)])
def test_raw_size_is_checked(shape: tuple[int, ...], folder: Path) -> None:
    plain(Ragged.from_items([np.zeros(300), np.zeros(299)]), ["a", "b"]).dump(folder, "raw")
    with pytest.raises(FormatError, match=r"item '[ab]'.*bytes"):
        Plain(["a", "b"]).load(folder, "raw", dtype="f8", shape=shape)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), fmt=st.sampled_from(["npy", "blosc"]))
def test_fuzzed_files_load_or_raise_format_errors(
    data: st.DataObject, fmt: str, tmp_path: Path
) -> None:
    folder = tmp_path / "fuzz"
    plain(ARRAY[:1, :40], ["a"]).dump(folder, fmt)
    path = folder / f"a.{fmt}"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content))) or None]
    path.write_bytes(content)
    try:
        loaded = Plain(["a"]).load(folder, fmt, max_bytes=1 << 20).x
    except FormatError:
        return
    assert len(loaded) == 1


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=300), fmt=st.sampled_from(["npy", "blosc"]))
def test_random_files_raise_format_errors(content: bytes, fmt: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{fmt}").write_bytes(content)
    with pytest.raises(FormatError):
        Plain(["a"]).load(tmp_path, fmt)


@pytest.mark.parametrize("dtype", ["|S0", "<U0"])
def test_strings_without_bytes_are_limited_by_what_they_take_in_memory(folder, dtype):
    folder.mkdir()
    text = (
        f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({2**40},), }}".ljust(117) + "\n"
    )
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    for name in "ab":
        (folder / f"{name}.npy").write_bytes(header)
    with pytest.raises(FormatError, match=f"declares {2**42} bytes"):
        Plain(["a", "b"]).load(folder, "npy")
