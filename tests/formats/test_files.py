"""Where files are, how they are replaced, and what is said when one cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, Dataset, FilesIndex
from ironbatch.errors import ComponentError, FormatError, UnknownIdError

from .conftest import Plain, Scans, leftovers, plain

ITEM_FORMATS = ["raw", "npy", "blosc"]
ARRAY = np.arange(6, dtype="u1").reshape(2, 3)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("fmt", "suffix"), [("raw", ""), ("npy", ".npy"), ("blosc", ".blosc")])
def test_one_component_lies_in_the_folder(fmt: str, suffix: str, folder: Path) -> None:
    plain(ARRAY, ["a", "b"]).dump(folder, fmt)
    assert tree(folder) == {f"a{suffix}", f"b{suffix}"}


def two() -> Scans:
    batch = Scans(["a"])
    batch.images, batch.labels = np.ones((1, 2), "u1"), np.array([7], "u1")
    return batch


def test_several_components_lie_in_folders_of_their_own(folder: Path) -> None:
    two().dump(folder, "npy")
    assert tree(folder) == {"images/a.npy", "labels/a.npy"}


def test_a_container_holds_all_components(folder: Path) -> None:
    two().dump(folder, "blosc")
    assert tree(folder) == {"a.blosc"}


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_mapping_by_component(fmt: str, folder: Path) -> None:
    where = {"images": folder / "pictures", "labels": folder / "classes"}
    two().dump(where, fmt)
    assert {Path(path).parent.name for path in tree(folder)} == {"pictures", "classes"}
    loaded = Scans(["a"]).load(where, fmt)
    assert loaded.labels.ravel().tolist() == [7]
    with pytest.raises(ComponentError, match="'labels'"):
        Scans(["a"]).load({"images": folder}, fmt)


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_suffix(fmt: str, folder: Path) -> None:
    plain(ARRAY, ["a", "b.dat"]).dump(folder, fmt, suffix=".dat")
    assert tree(folder) == {"a.dat", "b.dat"}
    loaded = Plain(["a", "b.dat"]).load(folder, fmt, suffix=".dat").x
    np.testing.assert_array_equal(loaded, ARRAY)


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_components_are_chosen(fmt: str, folder: Path) -> None:
    two().dump(folder, fmt, "images")
    assert len(tree(folder)) == 1
    loaded = Scans(["a"]).load(folder, fmt, "images")
    assert loaded.images is not None
    assert loaded.labels is None
    assert Scans(["a"]).load(folder, fmt, components="images").images is not None


def test_a_container_gives_the_arrays_asked_for(folder: Path) -> None:
    two().dump(folder, "blosc")
    assert Scans(["a"]).load(folder, "blosc", "labels").images is None


def test_new_components_are_added(folder: Path) -> None:
    two().dump(folder, "blosc")
    assert Batch(["a"]).load(folder, "blosc", ("images", "labels")).labels.tolist() == [7]


def test_paths_of_the_index(folder: Path) -> None:
    plain(ARRAY, ["a", "b"]).dump(folder, "npy")
    index = FilesIndex(path=folder / "*.npy", no_ext=True, sort=True)
    np.testing.assert_array_equal(Plain(index).load(fmt="npy").x, ARRAY)


def test_paths_of_another_index(folder: Path) -> None:
    plain(ARRAY, ["a", "b"]).dump(folder, "npy")
    other = FilesIndex(path=folder / "*.npy", no_ext=True)
    np.testing.assert_array_equal(Plain(["b", "a"]).load(other, "npy").x, ARRAY[::-1])
    with pytest.raises(UnknownIdError, match="'c'"):
        Plain(["c"]).load(other, "npy")


def test_raw_keeps_the_names_the_index_knows(folder: Path) -> None:
    plain(ARRAY, ["a", "b"]).dump(folder, "raw", suffix=".img")
    index = FilesIndex(path=folder / "*.img", no_ext=True, sort=True)
    np.testing.assert_array_equal(Plain(index).load(folder, "raw").x, ARRAY)


def test_folders_of_the_index(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    index = FilesIndex(path=folder / "*", dirs=True, sort=True)
    batch = Scans(index)
    batch.images, batch.labels = ARRAY, np.array([1, 2])
    batch.dump(fmt="npy")
    batch.dump("all", "npy")
    batch.dump("mask.npy", "npy", "images")
    assert {path for path in tree(folder) if path.startswith("a/")} == {
        "a/images.npy", "a/labels.npy", "a/all/images.npy", "a/all/labels.npy", "a/mask.npy",
    }  # fmt: skip
    assert Scans(index).load(fmt="npy").labels.tolist() == [1, 2]
    assert Scans(index).load("mask.npy", "npy", "images").images.tolist() == ARRAY.tolist()


def test_nothing_says_where(folder: Path) -> None:
    with pytest.raises(ValueError, match="give src="):
        Plain(2).load(fmt="npy")
    with pytest.raises(ValueError, match="give dst="):
        plain(ARRAY).dump(fmt="npy")
    with pytest.raises(TypeError, match="must be a folder"):
        Plain(2).load(5, "npy")


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
@pytest.mark.parametrize("bad", ["../x", "/etc/x", "a/b", "n\0l", ".", ".."])
def test_ids_that_leave_the_folder(fmt: str, bad: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    with pytest.raises(ValueError, match=r"id '.*cannot name a file"):
        plain(ARRAY, ["fine", bad]).dump(folder, fmt)
    assert not tree(tmp_path)
    with pytest.raises(ValueError, match="cannot name a file"):
        Plain(["fine", bad]).load(folder, fmt)


def test_component_folder_that_is_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / "images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="link that leads out"):
        two().dump(folder, "npy")
    assert not tree(tmp_path / "elsewhere")


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_a_link_is_replaced_rather_than_followed(fmt: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    folder.mkdir()
    (folder / "a").symlink_to(tmp_path / "victim")
    plain(ARRAY, ["a", "b"]).dump(folder, fmt, suffix="")
    assert (tmp_path / "victim").read_bytes() == b"mine"


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_missing_file_names_item_and_path(fmt: str, folder: Path) -> None:
    plain(ARRAY, ["a", "b"]).dump(folder, fmt)
    with pytest.raises(FileNotFoundError, match="item 'c'") as caught:
        Plain(["a", "b", "c"]).load(folder, fmt)
    assert str(folder / "c") in caught.value.filename


def test_lowest_failing_item_is_named(folder: Path) -> None:
    plain(np.zeros((500, 2)), np.arange(500)).dump(folder, "npy")
    for lost in (490, 77, 310):
        (folder / f"{lost}.npy").unlink()
    for _ in range(20):
        with pytest.raises(FileNotFoundError, match="item 77"):
            Plain(500).load(folder, "npy")


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_failed_dump_leaves_nothing_behind(fmt: str, folder: Path) -> None:
    ending = {"raw": "", "npy": ".npy", "blosc": ".blosc"}[fmt]
    (folder / f"b{ending}").mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match="item 'b'"):
        plain(ARRAY, ["a", "b"]).dump(folder, fmt)
    assert not leftovers(folder)


def test_text_dump_that_fails_leaves_nothing_behind(folder: Path) -> None:
    (folder / "b.npy").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        plain(["x", "y"], ["a", "b"]).dump(folder, "npy")
    assert not leftovers(folder)


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_repeated_item_is_written_once_as_it_is_last(fmt: str, folder: Path) -> None:
    with pytest.warns(UserWarning, match="more than once|duplicate|repeat"):
        batch = plain(np.array([[1], [2], [3]], "u1"), ["a", "b", "a"])
    batch.dump(folder, fmt)
    assert Plain(["a"]).load(folder, fmt).x.tolist() == [[3]]


def test_different_items_of_one_file(folder: Path) -> None:
    with pytest.raises(ValueError, match="both be written"):
        plain(ARRAY, ["a", "a.npy"]).dump(folder, "npy")


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_fsync(fmt: str, folder: Path) -> None:
    script = (
        "import numpy as np, sys\n"
        "from ironbatch import Batch\n"
        "class Plain(Batch):\n"
        "    components = 'x'\n"
        "batch = Plain(2); batch.x = np.zeros((2, 3))\n"
        f"batch.dump({str(folder)!r}, {fmt!r}, fsync=len(sys.argv) > 1)\n"
    )
    if subprocess.run(["which", "strace"], capture_output=True, check=False).returncode:
        pytest.skip("needs strace")
    calls = []
    for arguments in ([], ["sync"]):
        command = ["strace", "-f", "-e", "trace=fsync", sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            pytest.skip(f"strace cannot trace here: {done.stderr[-200:]}")
        calls.append(done.stderr.count("fsync("))
    assert calls[0] == 0
    assert calls[1] >= 3


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_killed_while_dumping(fmt: str, folder: Path) -> None:
    """Every file is the old one or the new one, whole."""
    script = (
        "import numpy as np\n"
        "from ironbatch import Batch\n"
        "class Plain(Batch):\n"
        "    components = 'x'\n"
        "batch = Plain(40)\n"
        "value = 0\n"
        "while True:\n"
        "    batch.x = np.full((40, 50_000), value % 200, 'u1')\n"
        f"    batch.dump({str(folder)!r}, {fmt!r})\n"
        "    if value == 1: print('go', flush=True)\n"
        "    value += 1\n"
    )
    for wait in (0.01, 0.05, 0.12):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == "go\n"
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            process.wait()
        loaded = Plain(40).load(folder, fmt).x
        assert loaded.shape == (40, 50_000)
        assert (loaded == loaded[:, :1]).all()


def test_components_of_objects_need_leave(folder: Path) -> None:
    column = np.empty(1, object)
    column[:] = [{}]
    for fmt, words in {
        "npy": "allow_pickle",
        "blosc": "allow_pickle",
        "raw": "cannot hold",
    }.items():
        with pytest.raises(ComponentError, match=words):
            plain(column).dump(folder, fmt)
    assert not folder.exists() or not tree(folder)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("codec", "rar", "lz4"), ("level", 11, "0 to 9"), ("shuffle", "sideways", "bit")],
)
def test_blosc_options_are_checked(option: str, value: Any, words: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=words):
        plain(ARRAY).dump(folder, "blosc", **{option: value})


def test_blosc_options_matter(folder: Path) -> None:
    steps = np.random.default_rng(0).integers(-3, 5, 200_000)
    array = steps.cumsum().astype("<i4").reshape(1, -1)
    sizes = set()
    choices: list[dict[str, Any]] = [
        {},
        {"codec": "zstd"},
        {"codec": "lz4hc"},
        {"codec": "blosclz"},
        {"level": 0},
        {"shuffle": "none"},
        {"shuffle": "bit"},
    ]
    for options in choices:
        plain(array, ["a"]).dump(folder, "blosc", **options)
        sizes.add((folder / "a.blosc").stat().st_size)
        np.testing.assert_array_equal(Plain(["a"]).load(folder, "blosc").x, array)
    assert len(sizes) == len(choices)


def test_raw_takes_type_and_shape_from_the_component(folder: Path) -> None:
    plain(np.ones((2, 2, 2), "f4")).dump(folder, "raw")
    batch = plain(np.zeros((2, 2, 2), "f4")).load(folder, "raw")
    assert batch.x.dtype == "f4"
    assert batch.x.shape == (2, 2, 2)


def test_raw_without_type_is_bytes(folder: Path) -> None:
    plain(np.ones((2, 2), "<u2")).dump(folder, "raw")
    assert Plain(2).load(folder, "raw").x.tolist() == [[1, 0, 1, 0]] * 2


def test_raw_open_shape(folder: Path) -> None:
    plain(np.ones((2, 6, 3), "f4")).dump(folder, "raw")
    assert Plain(2).load(folder, "raw", dtype="f4", shape=(-1, 3)).x.shape == (2, 6, 3)
    assert Plain(2).load(folder, "raw", dtype="f4", shape=18).x.shape == (2, 18)


@pytest.mark.parametrize("shape", [(-1, -1), (-2,)])
def test_raw_shape_is_checked(shape: tuple[int, ...], folder: Path) -> None:
    with pytest.raises(ValueError, match="at most one"):
        Plain(2).load(folder, "raw", shape=shape)


def test_raw_cannot_hold_objects(folder: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        Plain(2).load(folder, "raw", dtype=object)


def test_what_was_loaded_is_writable_and_our_own(folder: Path) -> None:
    plain(ARRAY).dump(folder, "npy")
    batch = Plain(2).load(folder, "npy")
    batch.x[0] = 9
    assert batch.x[0].tolist() == [9, 9, 9]


def test_overridden_load_and_dump_in_a_pipeline(folder: Path) -> None:
    from ironbatch import action

    class Own(Batch):
        components = "x"

        @action
        def load(self, src: Any = None, fmt: Any = "raw") -> Any:
            if fmt == "text":
                self.x = [Path(src, f"{each}.txt").read_text() for each in self.indices]
                return self
            return super().load(src, fmt)

        @action
        def dump(self, dst: Any = None, fmt: Any = "raw") -> Any:
            return super().dump(dst, fmt)

    plain(ARRAY, ["a", "b"]).dump(folder / "raw", "raw")
    pipeline = Dataset(["a", "b"], Own).pipeline().load(folder / "raw", "raw")
    pipeline.dump(folder / "out", "blosc").run(batch_size=1)
    assert Plain(["a", "b"]).load(folder / "out", "blosc").x.tolist() == ARRAY.tolist()


def test_interrupted_dump(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (2000, 300_000), dtype="u1")
    batch = plain(noise)
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        batch.dump(folder, "blosc", codec="zstd", level=6)
    late = time.perf_counter() - sent[0]
    timer.join()
    # The bar is 200 ms; a busy machine gets more.
    assert late < 2.0
    assert not leftovers(folder)
    assert len(tree(folder)) < 2000


def test_pipe_is_no_file(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "0.npy")
    with pytest.raises(FormatError, match="too short"):
        Plain(1).load(folder, "npy")


def test_fork_after_loading(folder: Path) -> None:
    plain(np.zeros((200, 500))).dump(folder, "npy")
    Plain(200).load(folder, "npy")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int(Plain(200).load(folder, "npy").x.shape != (200, 500))
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_no_file_descriptor_is_left(folder: Path) -> None:
    plain(np.zeros((50, 5))).dump(folder, "npy")
    (folder / "49.npy").write_bytes(b"junk")
    Plain(49).load(folder, "npy")
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir()))
    for _ in range(20):
        with pytest.raises(FormatError):
            Plain(50).load(folder, "npy")
    assert len(list(handles.iterdir())) == before


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_a_suffix_that_leads_out_of_the_folder_is_refused(fmt: str, tmp_path: Path) -> None:
    batch = plain(np.zeros((2, 3), "u1"))
    with pytest.raises(ValueError, match=r"suffix='/../../out' cannot end"):
        batch.dump(tmp_path / "in", fmt, suffix="/../../out")
    assert tree(tmp_path) == set()
