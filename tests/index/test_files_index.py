import os
import pickle
from pathlib import Path

import pytest

from ironbatch import DatasetIndex, FilesIndex
from ironbatch.errors import UnknownIdError


@pytest.fixture
def tree(tmp_path) -> Path:
    for name in (
        "one/b.npy",
        "one/a.npy",
        "two/c.tar.gz",
        "two/.hidden",
        "two/deep/d",
        "three/a.npy",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def test_files_of_a_glob(tree) -> None:
    index = FilesIndex(path=str(tree / "one" / "*"), sort=True)
    assert index.indices.tolist() == ["a.npy", "b.npy"]
    assert index.get_fullpath("b.npy") == str(tree / "one" / "b.npy")
    assert index.kind == "str"
    assert index.dirs is False


def test_the_order_is_that_of_the_file_system_unless_sorted(tree) -> None:
    found = [path.name for path in (tree / "one").glob("*")]
    assert FilesIndex(path=tree / "one" / "*").indices.tolist() == found


def test_several_globs_and_paths(tree) -> None:
    index = FilesIndex(path=[tree / "two" / "*.gz", str(tree / "one" / "a*")])
    assert index.indices.tolist() == ["c.tar.gz", "a.npy"]


def test_recursive_globs(tree) -> None:
    index = FilesIndex(path=tree / "two" / "**", sort=True)
    assert index.indices.tolist() == ["c.tar.gz", "d"]


def test_extensions_end_at_the_last_dot(tree) -> None:
    index = FilesIndex(path=[tree / "two" / "*", tree / "two" / ".*"], no_ext=True, sort=True)
    assert index.indices.tolist() == [".hidden", "c.tar"]


def test_directories(tree) -> None:
    index = FilesIndex(path=tree / "*", dirs=True, sort=True)
    assert index.indices.tolist() == ["one", "three", "two"]
    assert index.dirs is True
    assert FilesIndex(path=f"{tree}/*/", dirs=True, sort=True).indices.tolist() == [
        "one",
        "three",
        "two",
    ]


def test_collisions_are_refused_naming_both(tree) -> None:
    with pytest.raises(ValueError, match="same id") as caught:
        FilesIndex(path=[tree / "one" / "*", tree / "three" / "*"])
    assert str(tree / "one" / "a.npy") in str(caught.value)
    assert str(tree / "three" / "a.npy") in str(caught.value)
    with pytest.raises(ValueError, match="same id"):
        FilesIndex(path=[tree / "one" / "*", tree / "one" / "*"])


def test_nothing_found(tree) -> None:
    with pytest.raises(ValueError, match="no files"), pytest.warns(UserWarning, match="no items"):
        FilesIndex(path=tree / "nowhere" / "*")
    with pytest.warns(UserWarning, match="nowhere"):
        index = FilesIndex(path=[tree / "nowhere" / "*", tree / "one" / "*"])
    assert len(index) == 2
    with pytest.raises(ValueError, match="no globs"):
        FilesIndex(path=[])


@pytest.mark.parametrize("path", [5, [5], [None], b"x"])
def test_a_glob_is_text_or_a_path(path) -> None:
    with pytest.raises(TypeError, match="path"):
        FilesIndex(path=path)


def test_ids_with_paths() -> None:
    index = FilesIndex(
        index=["x", "y"], paths={"y": "/there/y.npy", "x": Path("/here/x.npy")}, dirs=True
    )
    assert index.get_fullpath("x") == "/here/x.npy"
    assert index.fullpaths == ["/here/x.npy", "/there/y.npy"]
    assert index.paths == {"x": "/here/x.npy", "y": "/there/y.npy"}
    assert index.dirs is True
    assert FilesIndex(DatasetIndex(2), paths=["/0", "/1"]).get_fullpath(1) == "/1"
    assert FilesIndex(index).paths == index.paths


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({}, TypeError),
        ({"index": ["x"]}, TypeError),
        ({"index": ["x"], "paths": {}}, ValueError),
        ({"index": ["x"], "paths": ["a", "b"]}, ValueError),
        ({"index": ["x"], "path": "*", "paths": ["a"]}, TypeError),
        ({"index": ["x"], "paths": [5]}, TypeError),
    ],
)
def test_ids_without_fitting_paths_are_refused(args, error) -> None:
    with pytest.raises(error):
        FilesIndex(**args)


def test_views_know_paths(tree) -> None:
    index = FilesIndex(path=[tree / "one" / "*", tree / "two" / "*"], sort=True)
    index.split(0.5)
    for part in (index.train, index.test, next(index.gen_batch(2, shuffle=1)), index.take([2, 0])):
        assert isinstance(part, FilesIndex)
        for id_, path in zip(part.indices, part.fullpaths, strict=True):
            assert part.get_fullpath(id_) == index.get_fullpath(id_) == path
        again = pickle.loads(pickle.dumps(part.detach()))
        assert again.paths == part.paths
    missing = index.test.indices[0]
    with pytest.raises(UnknownIdError):
        index.train.get_fullpath(missing)


def test_concat_merges_paths(tree) -> None:
    one, two = FilesIndex(path=tree / "one" / "*"), FilesIndex(path=tree / "two" / "*.gz")
    both = one + two
    assert isinstance(both, FilesIndex)
    assert both.paths == {**one.paths, **two.paths}
    batches = list(both.gen_batch(2, n_epochs=1))
    assert FilesIndex.concat(*batches).paths == both.paths
    with pytest.raises(ValueError, match=r"same id 'a\.npy'"):
        one + FilesIndex(path=tree / "three" / "*")
    with pytest.raises(TypeError, match="DatasetIndex"):
        one + DatasetIndex(3)


def test_names_that_are_not_text(tmp_path) -> None:
    name = os.fsdecode(b"bad\xff.npy")
    try:
        (tmp_path / name).write_bytes(b"")
    except OSError:
        pytest.skip("the file system takes only text")
    index = FilesIndex(path=tmp_path / "*")
    assert index.get_fullpath(name) == str(tmp_path / name)
