"""What globs of URLs stand for, in stores with directories and without."""

from __future__ import annotations

import re
import time

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ironbatch import FilesIndex


class Objects(AbstractFileSystem):
    """A store of objects, where one name may be that of an object and begin others."""

    protocol = "objs"
    names = "b/x/c", "b/x/d", "b/x/d/1", "b/x/e/2"

    def ls(self, path, detail=True, **kwargs):
        start = path.strip("/") + "/" if path.strip("/") else ""
        rest = [name.removeprefix(start) for name in self.names if name.startswith(start)]
        found = {(start + each.partition("/")[0], "/" in each) for each in rest}
        if not found:
            raise FileNotFoundError(path)
        kinds = ("file", "directory")
        return [{"name": name, "type": kinds[is_dir], "size": 0} for name, is_dir in found]

    def info(self, path, **kwargs):
        return {"name": path, "type": "directory", "size": 0}


class Found(Objects):
    """One that finds all that is below a directory in a way of its own."""

    protocol = "found"

    def find(self, path, maxdepth=None, withdirs=False, detail=False, **kwargs):
        return super().find(path, maxdepth, withdirs, detail, **kwargs)


fsspec.register_implementation("objs", Objects, clobber=True)
fsspec.register_implementation("found", Found, clobber=True)


@pytest.fixture(autouse=True)
def empty():
    MemoryFileSystem.store.clear()
    yield
    MemoryFileSystem.store.clear()


GLOBS = [
    "d/*.txt",
    "d/?.txt",
    "d/[ab].txt",
    "d/*/*.txt",
    "d/s*/x.txt",
    "*/s1/*.txt",
    "d/**/*.txt",
    "d/**",
    "**/x.txt",
    "d/a.txt",
    "d/none/*.txt",
    "d/a.txt/*",
    "none/**/*.txt",
]


@pytest.mark.parametrize("dirs", [False, True])
@pytest.mark.parametrize("glob", GLOBS)
def test_globs_are_those_of_fsspec(glob, dirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("globs")
    for name in ("d/a.txt", "d/b.txt", "d/c.dat", "d/s1/x.txt", "d/s2/y.txt", "d/s1/t/z.txt"):
        MemoryFileSystem().pipe_file(f"/{name}", b"")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    for root, system in (
        ("memory://", MemoryFileSystem()),
        (f"file://{folder}/", fsspec.filesystem("file")),
    ):
        found = system.glob(root + glob, detail=True)
        kind = "directory" if dirs else "file"
        expected = [name for name, about in found.items() if about["type"] == kind]
        if not expected:
            with (
                pytest.warns(UserWarning, match="no items"),
                pytest.raises(ValueError, match="there are no"),
            ):
                FilesIndex(path=root + glob, dirs=dirs)
            continue
        paths = FilesIndex(path=root + glob, dirs=dirs).fullpaths
        assert paths == [system.unstrip_protocol(name) for name in expected]


@pytest.mark.parametrize("scheme", ["objs", "found"])
@pytest.mark.parametrize(
    ("glob", "files", "dirs"),
    [
        ("b/x/*", ["c", "d"], ["d", "e"]),
        ("b/*/*", ["c", "d"], ["d", "e"]),
        ("b/x/[cd]", ["c", "d"], ["d"]),
        ("b/x/**", ["c", "d", "d/1", "e/2"], ["", "d", "e"]),
        ("b/**/d*", ["d"], ["d"]),
        ("b/x/d/**", ["d/1"], ["d"]),
    ],
)
def test_a_file_and_a_directory_of_the_same_name(glob, files, dirs, scheme):
    for wanted, expected in ((False, files), (True, dirs)):
        paths = FilesIndex(path=f"{scheme}://{glob}", dirs=wanted).fullpaths
        assert paths == [f"{scheme}://b/x/{name}".rstrip("/") for name in expected]


@pytest.mark.parametrize("glob", ["d/a**", "d/**.npy", "**a/*.npy"])
def test_two_stars_within_a_name(glob, monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(ValueError, match=re.escape(f"'memory://{glob}' has ** within a name")):
        FilesIndex(path=f"memory://{glob}", retries=3)
    assert pauses == []
