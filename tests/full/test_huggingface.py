"""Datasets of Hugging Face as the data of batches."""

from __future__ import annotations

import numpy as np
import pytest

from ironbatch import Batch, ComponentError, Dataset
from ironbatch.components import Ragged, Strings

pytestmark = [
    pytest.mark.full("datasets"),
    # What the package and its dependencies warn of is not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

N = 20
PICTURES = [np.full((4, 3 + number % 2, 3), number, np.uint8) for number in range(N)]


class Plain(Batch):
    components = "label"


def in_memory():
    from datasets import Array2D, ClassLabel, Features, Image, List, Value
    from datasets import Dataset as Made

    return Made.from_dict(
        {
            "text": [f"text {number}" for number in range(N)],
            "label": [number % 2 for number in range(N)],
            "vector": [[float(number), 1.0] for number in range(N)],
            "tokens": [list(range(number % 5)) for number in range(N)],
            "matrix": [[[number, 1], [2, 3]] for number in range(N)],
            "picture": PICTURES,
            "maybe": [None if number == 3 else number for number in range(N)],
        },
        features=Features(
            {
                "text": Value("string"),
                "label": ClassLabel(names=["cat", "dog"]),
                "vector": List(Value("float32"), length=2),
                "tokens": List(Value("int64")),
                "matrix": Array2D((2, 2), "int32"),
                "picture": Image(),
                "maybe": Value("int64"),
            }
        ),
    )


@pytest.fixture(params=["in memory", "on disk", "selected"])
def data(request, tmp_path):
    from datasets import load_from_disk

    made = in_memory()
    if request.param == "in memory":
        return made
    made.save_to_disk(tmp_path / "data")
    made = load_from_disk(tmp_path / "data")
    if request.param == "selected":
        backwards = list(range(N))[::-1]
        made = made.select(backwards).select(backwards)
    return made


def test_every_kind_of_column(data):
    dataset = Dataset(data)
    assert len(dataset) == N
    for batch in dataset.gen_batch(8, shuffle=1, n_epochs=1):
        ids = batch.indices
        assert isinstance(batch.text, Strings)
        assert batch.text.to_list() == [f"text {number}" for number in ids]
        assert batch.label.tolist() == (ids % 2).tolist()
        assert batch.vector.shape == (len(ids), 2)
        assert batch.vector[:, 0].tolist() == ids.tolist()
        assert isinstance(batch.tokens, Ragged)
        assert [len(item) for item in batch.tokens] == (ids % 5).tolist()
        assert batch.matrix.shape == (len(ids), 2, 2)
        assert batch.matrix[:, 0, 0].tolist() == ids.tolist()
        assert isinstance(batch.picture, Ragged)
        for number, picture in zip(ids, batch.picture, strict=True):
            np.testing.assert_array_equal(picture, PICTURES[number])
        assert batch.maybe.tolist() == [None if number == 3 else number for number in ids]


def test_a_column_holds_the_ids(data):
    batch = Dataset(data, Plain, index_col="text").create_batch(["text 5", "text 2"])
    assert batch.label.tolist() == [1, 0]
    assert Plain(["text 5"]).load(data, index_col="text").label.tolist() == [1]


def test_only_what_is_asked_for_is_decoded(data, monkeypatch):
    from datasets import Image

    decoded = []
    original = Image.decode_example

    def counted(self, value, **kwargs):
        decoded.append(value)
        return original(self, value, **kwargs)

    monkeypatch.setattr(Image, "decode_example", counted)
    batch = Dataset(data).create_batch([1, 3], pos=True)
    assert batch.label.tolist() == [1, 1]
    assert not decoded
    assert len(batch.picture) == 2
    assert len(decoded) == 2


def test_a_transform_gives_samples():
    made = in_memory().with_transform(
        lambda rows: {"label": [label + 100 for label in rows["label"]]}
    )
    assert Dataset(made, Plain).create_batch([3, 2], pos=True).label.tolist() == [101, 100]


def test_the_format_of_a_dataset_does_not_matter():
    made = in_memory().with_format("numpy")
    assert Dataset(made).next_batch(2).text.to_list() == ["text 0", "text 1"]


def test_the_data_of_batches_without_components_are_its_rows():
    rows = Dataset(N, preloaded=in_memory()).create_batch([3, 2], pos=True).data
    assert rows["label"] == [1, 0]


def test_what_can_only_be_iterated_over_is_refused():
    from datasets import IterableDatasetDict

    stream = in_memory().to_iterable_dataset()
    with pytest.raises(TypeError, match="IterableDataset of Hugging Face"):
        Dataset(stream, Plain)
    with pytest.raises(TypeError, match="IterableDatasetDict of Hugging Face"):
        Dataset(IterableDatasetDict({"train": stream}), Plain)


# Splits


def in_splits(**sizes):
    from datasets import DatasetDict

    made, start = {}, 0
    for name, size in sizes.items():
        made[name] = in_memory().select(range(start, start + size))
        start += size
    return DatasetDict(made)


@pytest.mark.parametrize("where", ["in memory", "on disk"])
def test_splits_are_those_of_the_dataset(where, tmp_path):
    from datasets import load_from_disk

    data = in_splits(train=10, validation=4, test=6)
    if where == "on disk":
        data.save_to_disk(tmp_path / "data")
        data = load_from_disk(tmp_path / "data")
    dataset = Dataset(data)
    assert dataset.is_split
    assert [len(part) for part in (dataset, dataset.train, dataset.test, dataset.validation)] == [
        20,
        10,
        6,
        4,
    ]
    for part, first in ((dataset.train, 0), (dataset.validation, 10), (dataset.test, 14)):
        seen = {}
        for batch in part.gen_batch(3, shuffle=1, n_epochs=1):
            seen |= dict(zip(batch.indices.tolist(), batch.text.to_list(), strict=True))
        assert seen == {n: f"text {n}" for n in range(first, first + len(part))}
    assert "train 10, test 6, validation 4" in repr(dataset)


def test_splits_with_a_column_of_ids():
    dataset = Dataset(in_splits(train=12, test=8), Plain, index_col="text")
    assert dataset.test.indices[0] == "text 12"
    assert dataset.test.create_batch(["text 13"]).label.tolist() == [1]
    assert dataset.validation is None


def test_splits_that_a_dataset_does_not_have():
    with pytest.raises(TypeError, match=r"'train', 'unsupervised'.*Dataset\(data\['train'\]\)"):
        Dataset(in_splits(train=12, unsupervised=8), Plain)


def test_splits_with_different_columns():
    data = in_splits(train=12, test=8)
    data["test"] = data["test"].remove_columns("label")
    with pytest.raises(TypeError, match=r"'train' and 'test' .* differ in column 'label'"):
        Dataset(data, Plain)


def test_splits_with_a_transform():
    data = in_splits(train=12, test=8).with_transform(lambda rows: rows)
    with pytest.raises(TypeError, match=r"transform; choose one: Dataset\(data\['train'\]\)"):
        Dataset(data, Plain)


def test_splits_as_data_of_a_batch_are_to_be_chosen_from():
    with pytest.raises(ComponentError, match="it has 'train', 'test'"):
        Plain([0, 1]).load(in_splits(train=12, test=8))
