"""Names of formats, and formats of users."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ironbatch import formats
from ironbatch.errors import ComponentError, FormatError
from ironbatch.formats import registry

from .conftest import Plain, Scans, leftovers, plain


@pytest.fixture(autouse=True)
def same_formats_afterwards() -> Iterator[None]:
    formats.names()
    before = dict(registry._registered)
    yield
    registry._registered.clear()
    registry._registered.update(before)


def test_names() -> None:
    assert {"raw", "npy", "blosc", "image", "csv", "feather", "parquet"} <= set(formats.names())


def test_extras() -> None:
    assert formats.extras()["csv"] == "tables"
    assert formats.extras()["npy"] is None


@pytest.mark.parametrize("call", ["load", "dump"])
def test_unknown_format_lists_those_there_are(call: str) -> None:
    with pytest.raises(ValueError, match=r"unknown format 'nope'.*'blosc'.*'parquet'"):
        getattr(plain([1, 2]), call)("x", "nope")


def test_format_must_be_a_name() -> None:
    with pytest.raises(TypeError, match="fmt must be"):
        Plain(2).load("x", 5)


def test_both_dst_and_components() -> None:
    with pytest.raises(TypeError, match="both name components"):
        Plain(2).load([1, 2], None, "x", components="x")


@pytest.mark.parametrize(
    ("names", "error"), [((), ValueError), (("x", "x"), ComponentError), ((5,), TypeError)]
)
def test_names_of_components_are_checked(names: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Plain(2).load([1, 2], None, names)


def test_unknown_component_to_dump(folder: Path) -> None:
    with pytest.raises(ComponentError, match="no component 'y'"):
        plain([1, 2]).dump(folder, "npy", "y")


@pytest.mark.parametrize("fmt", ["raw", "npy", "blosc", "csv"])
def test_empty_component_to_dump(fmt: str, folder: Path) -> None:
    with pytest.raises(ComponentError, match="'x' holds no data"):
        Plain(2).dump(folder, fmt)


def test_unknown_keyword(folder: Path) -> None:
    with pytest.raises(TypeError, match="colour"):
        plain([1, 2]).dump(folder, "npy", colour="red")


class Shouting(formats.ItemFormat):
    def read(self, path: Path, *, end: str = "", **options: Any) -> str:
        return path.read_text().lower() + end

    def write(self, path: Path, item: str, *, end: str = "", **options: Any) -> None:
        if item == "bad":
            raise RuntimeError("no such word")
        path.write_text(item.upper() + end)


def test_format_of_a_user(folder: Path) -> None:
    assert formats.register_format("shout", suffix=".txt")(Shouting) is Shouting
    plain(["one", "two"]).dump(folder, "shout", end="!")
    assert (folder / "0.txt").read_text() == "ONE!"
    assert Plain(2).load(folder, "shout", end="?").x.to_list() == ["one!?", "two!?"]
    assert "shout" in formats.names()


def test_format_of_a_user_and_several_components(folder: Path) -> None:
    formats.register_format("shout", suffix=".txt")(Shouting)
    batch = Scans(2)
    batch.images, batch.labels = ["a", "b"], ["c", "d"]
    batch.dump({"images": folder / "i", "labels": folder / "l"}, "shout", suffix=".t")
    assert (folder / "l" / "1.t").read_text() == "D"


def test_failures_of_a_user_s_format_name_the_item(folder: Path) -> None:
    formats.register_format("shout", suffix=".txt")(Shouting)
    with pytest.raises(RuntimeError, match="no such word") as caught:
        plain(["good", "bad"], ["a", "b"]).dump(folder, "shout")
    assert any("item 'b'" in note for note in caught.value.__notes__)
    assert not leftovers(folder)
    with pytest.raises(FileNotFoundError) as missing:
        Plain(["c"]).load(folder, "shout")
    assert any("item 'c'" in note for note in missing.value.__notes__)


def test_user_s_format_replaces_one_of_the_package() -> None:
    formats.register_format("npy")(Shouting)
    assert isinstance(formats.get("npy"), Shouting)


@pytest.mark.parametrize("wrong", [int, "text", object()])
def test_only_formats_are_registered(wrong: Any) -> None:
    with pytest.raises(TypeError, match="subclass of Format"):
        formats.register_format("x")(wrong)
    with pytest.raises(TypeError, match="name of a format"):
        formats.register_format(5)  # type: ignore[arg-type]


def test_missing_package_gives_the_pip_command() -> None:
    script = (
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "from ironbatch import Batch\n"
        "try:\n"
        "    Batch(2).load('x.csv', 'csv', 'a')\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    # The package must be looked for before the file.
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pip install 'ironbatch[tables]'" in done.stdout


def test_importing_ironbatch_imports_no_tables() -> None:
    script = (
        "import sys, ironbatch, ironbatch.formats as f; f.names();"
        "print([m for m in ('pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_format_error_is_a_value_error() -> None:
    assert issubclass(FormatError, ValueError)
