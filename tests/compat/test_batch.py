"""Batches: components hold what they are given, and names below the public surface are there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ironbatch.compat.batch import Batch, MethodsTransformingMeta
from ironbatch.compat.dataset import Dataset
from ironbatch.compat.decorators import apply_parallel, inbatch_parallel
from ironbatch.compat.dsindex import DatasetIndex, FilesIndex
from ironbatch.errors import ComponentError


class Scans(Batch):
    components = "images", "labels"

    @apply_parallel(src="images", dst="images", target="for")
    def add(self, image: Any, value: float, src: Any = None, dst: Any = None) -> Any:
        return image + value

    @apply_parallel(init="indices", target="for", dst_default="components")
    def both(self, ix: Any, **kwargs: Any) -> Any:
        return ix, -ix


@pytest.mark.parametrize(
    "value",
    [[1, 2], 7, {"a": 1}, np.zeros(5), np.array([[1], None], dtype=object), "text", ("a", "b")],
    ids=repr,
)
def test_a_component_holds_the_very_object(value: Any) -> None:
    batch = Scans(2)
    batch.images = value
    assert batch.images is value


def test_writes_are_those_of_numpy() -> None:
    batch = Scans(2)
    batch.images = np.zeros(2, np.uint8)
    batch.images[0] = 3.7
    batch[1].images = 4.2
    assert batch.images.tolist() == [3, 4]


def test_preloaded_rows_are_plain_arrays() -> None:
    signals = np.array([np.arange(2), np.arange(3), np.arange(4)], dtype=object)
    data = {"images": signals, "labels": ["a", "b", "c"], "notes": 0}
    batch = Dataset(3, Scans, preloaded=data).next_batch(2)

    assert type(batch.images) is np.ndarray
    assert batch.images.dtype == object
    assert batch.images[1] is signals[1]
    assert batch.labels.tolist() == ["a", "b"]
    assert type(Scans(3, preloaded=(np.eye(3), None)).images) is np.ndarray


def test_preloaded_dicts_are_addressed_by_id() -> None:
    data = ({"x": [1, 2], "y": [3, 4]}, pd.Series([5, 6], index=["x", "y"]))
    batch = Dataset(["y", "x"], Scans, preloaded=data).next_batch(2)
    assert batch.images.tolist() == [[3, 4], [1, 2]]
    assert batch.labels.tolist() == [6, 5]


def test_data_by_component_and_by_id() -> None:
    batch = Scans(["a", "b"])
    assert batch._data is None
    batch.labels = [7, 8]

    assert batch._data["labels"] is batch.labels
    assert batch.data["b"].labels == 8
    assert batch.data.get("labels") == [7, 8]
    batch._data = (np.eye(2), np.arange(2))
    assert batch.images[1].tolist() == [0, 1]
    batch.data = {"labels": [1, 2]}
    assert batch.labels == [1, 2]


def test_names_of_components_may_be_a_list() -> None:
    batch = Scans(2)
    batch.components = [*batch.components, "masks"]
    batch.masks = np.ones(2)
    assert tuple(batch.components) == ("images", "labels", "masks")
    assert batch.get(component="masks").sum() == 2


def test_a_batch_makes_its_index_smaller_before_its_components() -> None:
    batch = Scans.from_data(data=(np.arange(4), np.arange(4)))
    kept = np.array([1, 3])
    batch.index = batch.index.create_subset(batch.indices[kept])
    batch.images = batch.images[kept]
    assert len(batch) == 2
    assert batch[3].images == 3


def test_attributes() -> None:
    batch = Scans(2, path="/tmp", mode="r")
    batch.create_attrs(level=3)
    assert batch.get_attrs() == {"level": 3}
    assert batch.path == "/tmp"
    assert batch.iteration is None
    batch.iteration = 4
    assert batch.iteration == 4
    assert Dataset(4, Scans).p.do_nothing().next_batch(2).iteration == 1


def test_an_overridden_getattr_calls_the_one_above() -> None:
    class Own(Batch):
        components = ("images",)

        def __getattr__(self, name: str) -> Any:
            return 5 if name == "five" else super().__getattr__(name)

        @property
        def broken(self) -> int:
            return self.five.nonsense  # type: ignore[no-any-return]

    batch = Own(1)
    assert batch.five == 5
    assert batch.images is None
    with pytest.raises(AttributeError, match="Own has no component or attribute 'six'"):
        _ = batch.six
    with pytest.raises(AttributeError, match="'int' object has no attribute 'nonsense'"):
        _ = batch.broken


def test_a_getattr_of_a_mixin_calls_the_one_above() -> None:
    class Fields:
        def __getattr__(self, name: str) -> Any:
            return 3 if name == "three" else super().__getattr__(name)  # type: ignore[misc]

    class Own(Fields, Batch):
        components = ("images",)

    class Further(Own):
        def __getattr__(self, name: str) -> Any:
            return 4 if name == "four" else super().__getattr__(name)

    batch = Further(1)
    assert (batch.three, batch.four, batch.images) == (3, 4, None)
    with pytest.raises(AttributeError, match="Further has no component or attribute 'five'"):
        _ = batch.five
    with pytest.raises(AttributeError, match="Scans has no component or attribute 'five'"):
        _ = Scans(1).five


def test_get_pos_says_where_items_are() -> None:
    class Stacked(Batch):
        components = "images", "labels"

        def get_pos(self, data: Any, component: str | None, index: Any) -> Any:
            place = self.index.get_pos(index)
            return slice(2 * place, 2 * place + 2) if component == "images" else place

    batch = Stacked(["a", "b"])
    batch.images, batch.labels = np.arange(4), np.array([5, 6])

    assert batch.get("b", "images").tolist() == [2, 3]
    assert batch["b"].images.tolist() == [2, 3]
    assert batch["b"].as_tuple() == (pytest.approx([2, 3]), 6)
    batch["a"].images = 9
    assert batch.images.tolist() == [9, 9, 2, 3]
    assert [item.labels for item in batch] == [5, 6]
    assert batch["a"].as_dict("labels") == {"labels": 5}
    with pytest.raises(AttributeError, match="no component 'masks'"):
        _ = batch["a"].masks
    assert Scans(["a", "b"]).get_pos(None, "images", "b") == 1


def test_pickles_have_flat_states() -> None:
    batch = Dataset(4, Scans, preloaded=(np.arange(4), list("abcd"))).next_batch(2)
    batch.level = 3
    state = batch.__getstate__()
    assert {"index", "components", "_data", "_dataset", "level"} <= state.keys()
    assert state["_data"]["images"].tolist() == [0, 1]

    again = pickle.loads(pickle.dumps(batch))
    assert again.images.tolist() == [0, 1]
    assert again.labels.tolist() == ["a", "b"]
    assert (again.level, again.dataset, again.indices.tolist()) == (3, None, [0, 1])


def test_a_state_written_by_batchflow_is_read() -> None:
    batch = Scans.__new__(Scans)
    batch.__setstate__(
        {
            "index": DatasetIndex(2),
            "_preloaded_lock": True,
            "_preloaded": None,
            "_copy": False,
            "_local": True,
            "_data_named": None,
            "_data": (np.arange(2), None),
            "_dataset": None,
            "iteration": 1,
            "_attrs": [],
            "level": 3,
        }
    )
    assert batch.images.tolist() == [0, 1]
    assert batch.labels is None
    assert batch.level == 3


def test_deepcopy_copies_what_components_hold() -> None:
    batch = Scans(2)
    batch.images, batch.labels = [[1], [2]], np.array([{}, {}])
    twin = batch.deepcopy()
    twin.images[0].append(3)
    twin.labels[0]["a"] = 1
    assert batch.images == [[1], [2]]
    assert batch.labels.tolist() == [{}, {}]


def test_parts_of_a_batch() -> None:
    batch = Scans(["a", "b", "c"])
    batch.images, batch.labels = np.arange(3), ["x", "y", "z"]
    part = batch[["c", "a"]]
    assert part.images.tolist() == [2, 0]
    assert part.labels == ["z", "x"]


def test_items_that_fail_leave() -> None:
    batch = Scans(3)
    batch.images, batch.labels = np.array([1.0, 0.0, 2.0]), ["x", "y", "z"]
    batch.apply_parallel(lambda x: 1 // x, src="images", dst="images", on_error="skip")
    assert batch.images.tolist() == [1, 0]
    assert batch.labels == ["x", "z"]
    assert len(batch) == 2


def test_merging() -> None:
    parts = [Scans([0, 1]), Scans([2, 3])]
    for number, part in enumerate(parts):
        part.images, part.labels = np.full(2, number), [number, "x"]
    merged, rest = Scans.merge(parts, batch_size=3)
    assert merged.images.tolist() == [0, 0, 1]
    assert merged.labels == [0, "x", 1]
    assert rest.labels == ["x"]
    parts[0].images = parts[1].images = 5
    with pytest.raises(TypeError, match=r"component 'images' holds int, .* override merge_comp"):
        Scans.merge(parts)


def test_results_are_stacked_or_objects() -> None:
    batch = Scans(2)
    batch.images = np.eye(2)
    batch.add(value=1)
    assert batch.images.tolist() == [[2, 1], [1, 2]]
    batch.apply_parallel(lambda ix: np.zeros(ix + 1), init="indices", dst="labels")
    assert batch.labels.dtype == object
    assert [len(x) for x in batch.labels] == [1, 2]
    batch.apply_parallel(str, init="indices", dst="labels")
    assert batch.labels.tolist() == ["0", "1"]
    batch.both()
    assert (batch.images.tolist(), batch.labels.tolist()) == ([0, 1], [0, -1])
    batch.add_components("masks")
    with pytest.raises(ComponentError, match="one value for each of images, labels, masks, and it"):
        batch.both()


def test_positional_arguments_go_to_the_item_function() -> None:
    batch = Scans(2)
    batch.images = np.eye(2)
    batch.add(2)
    assert batch.images.tolist() == [[3, 2], [2, 3]]
    assert Scans._add_(batch, 1, 2) == 3


def test_apply_parallel_takes_its_arguments_by_position_as_there() -> None:
    batch = Scans(2)
    batch.apply_parallel(lambda x, y: x + y, [[1], [2]], "_assemble", None, "images", 10)
    assert batch.images.tolist() == [11, 12]


def test_post_gets_the_function_and_p() -> None:
    seen = {}

    class Own(Batch):
        components = ("images",)

        def after(self, results: Any, func: Any, p: Any, src: Any = None, **kwargs: Any) -> Any:
            seen.update(name=func.__name__, p=p, src=src, results=results, more=kwargs["k"])
            return self

        @apply_parallel(src="images", post="after", target="for")
        def double(self, image: Any, k: int = 1, **kwargs: Any) -> Any:
            return 2 * image

    batch = Own(2)
    batch.images = [1, 2]
    assert batch.double(p=1, k=3) is batch
    assert seen == {"name": "_double_", "p": 1, "src": "images", "results": [2, 4], "more": 3}


def test_an_overridden_assemble_component_is_called() -> None:
    class Own(Scans):
        def _assemble_component(self, result: Any, *args: Any, component: str, **kw: Any) -> None:
            setattr(self, component, ["mine", *result])

    batch = Own(2)
    batch.both()
    assert (batch.images, batch.labels) == (["mine", 0, 1], ["mine", 0, -1])


def test_init_and_post_get_everything() -> None:
    class Own(Batch):
        @inbatch_parallel(init="before", post="after", target="for", level=3)
        def do(self, item: int, value: int, more: int = 0) -> int:
            return item + value + more

        def before(self, *args: Any, **kwargs: Any) -> Any:
            self.init = args, kwargs
            return self.indices

        def after(self, results: Any, *args: Any, **kwargs: Any) -> Any:
            self.post = results, args, kwargs
            return self

    batch = Own(2).do(10, more=5)
    assert batch.init == ((10,), {"level": 3, "more": 5})
    assert batch.post == ([15, 16], (10,), {"level": 3, "more": 5})


def test_functions_in_functions_are_methods() -> None:
    def worker(self: Any, index: int, sink: Any) -> None:
        sink[index] = self.size

    sink: dict[int, int] = {}
    batch = Scans(2)
    assert inbatch_parallel(init="indices", target="for")(worker)(batch, sink=sink) is batch
    assert sink == {0: 2, 1: 2}
    assert batch.run_once() == [[]]


def test_metaclasses_derive_from_that_of_batches() -> None:
    made = []

    class Noting(MethodsTransformingMeta):
        @classmethod
        def use_apply_parallel(cls, method: Any, **kwargs: Any) -> Any:
            made.append((method.__name__, kwargs))
            return super().use_apply_parallel(method, **kwargs)

    class Own(Batch, metaclass=Noting):
        components = ("images",)

        @apply_parallel(src="images", target="for")
        def double(self, image: Any, **kwargs: Any) -> Any:
            return 2 * image

    def triple(self: Any, image: Any, **kwargs: Any) -> Any:
        return 3 * image

    Own.triple = Own.use_apply_parallel(triple, src="images", target="for")  # type: ignore[attr-defined]
    assert made == [
        ("double", {"src": "images", "target": "for"}),
        ("triple", {"src": "images", "target": "for"}),
    ]
    batch: Any = Own(2)
    batch.images = np.array([1, 2])
    assert batch.double().triple().images.tolist() == [6, 12]
    assert not hasattr(batch, "_triple_")


def test_loading_from_memory() -> None:
    batch = Scans([1, 0])
    batch.load(src={"images": {0: "a", 1: "b"}, "other": 1}, dst=("images", "masks"))
    assert batch.images.tolist() == ["b", "a"]
    assert batch.masks is None
    batch.load(src=(np.array([5, 6]), {0: 7, 1: 8}))
    assert (batch.images.tolist(), batch.labels.tolist()) == ([6, 5], [8, 7])
    table = pd.DataFrame({"images": [1, 2], "labels": [3, 4]})
    batch.load(src=table)
    assert (batch.images.tolist(), batch.labels.tolist()) == ([2, 1], [4, 3])
    with pytest.raises(ValueError, match="there is nothing to load"):
        batch.load()


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"images": [1, 2, 3], "labels": list("abc")}, index=[7, 8, 9]).to_csv(path)
    batch = Scans([9, 7]).load(fmt="csv", src=path, index_col=0)
    assert (batch.images.tolist(), batch.labels.tolist()) == ([3, 1], ["c", "a"])

    batch.load(fmt="csv", src=path, dst="images", post=lambda rows, **_: -rows.images, index_col=0)
    assert np.asarray(batch.images).tolist() == [-3, -1]
    batch.images = np.arange(4).reshape(2, 2)
    batch.dump(tmp_path / "out.csv", fmt="csv", components=["images", "labels"])
    written = pd.read_csv(tmp_path / "out.csv", index_col=0)
    assert written.columns.tolist() == ["images0", "images1", "labels"]
    assert written.index.tolist() == [9, 7]
    batch.dump(tmp_path / "out.feather", fmt="feather", components="labels")
    assert pd.read_feather(tmp_path / "out.feather").labels.tolist() == ["c", "a"]


def test_paths_of_items(tmp_path: Path) -> None:
    index = FilesIndex(index=["a"], paths={"a": str(tmp_path / "a.npy")})
    batch = Scans(index)
    assert batch._get_file_name("a", None) == str(tmp_path / "a.npy")
    assert batch._get_file_name("a", "/out") == "/out/a.npy"
    assert batch._get_file_name("a", FilesIndex(index=["a"], paths=["/x/b"])) == "/x/b"
    with pytest.raises(ValueError, match="knows no files; make it with FilesIndex"):
        Scans(1)._get_file_name(0, None)


def test_as_dataset() -> None:
    batch = Scans.from_data(data=(np.arange(3), np.arange(3)))
    dataset = batch.as_dataset()
    assert type(dataset) is Dataset
    assert dataset.next_batch(2, shuffle=1).images.tolist() == dataset.indices[
        dataset.index.shuffle(1)[:2]
    ].tolist()  # fmt: skip
