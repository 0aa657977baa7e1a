"""How components and items are addressed."""

import gc
import weakref

import numpy as np
import pytest

from ironbatch import Batch
from ironbatch.errors import ComponentError, LossyWriteError, UnknownIdError


class Scans(Batch):
    components = "images", "masks", "labels"


def scans(index=4):
    batch = Scans(index)
    n = len(batch)
    batch.images = np.arange(n * 6, dtype=np.float32).reshape(n, 2, 3)
    batch.masks = np.zeros((n, 2, 3), dtype=np.uint8)
    batch.labels = list(range(n))
    return batch


@pytest.mark.parametrize(
    ("declared", "expected"),
    [("images", ("images",)), (["images", "masks"], ("images", "masks")), (("a",), ("a",))],
)
def test_components_are_declared_as_name_list_or_tuple(declared, expected):
    made = type("Made", (Batch,), {"components": declared})
    assert made(3).components == expected


def test_a_batch_without_components_has_none():
    assert Batch(3).components is None


def test_an_unset_component_is_none():
    assert Scans(3).images is None


def test_components_are_addressed_by_position():
    batch = scans([10, 20, 30, 40])
    assert batch.images[3].tolist() == [[18, 19, 20], [21, 22, 23]]
    batch.images[1] = np.ones((2, 3), np.float32)
    assert batch.images[1].sum() == 6


def test_reading_a_component_twice_gives_the_same_object():
    batch = scans()
    assert batch.images is batch.images


@pytest.mark.parametrize(
    "ids",
    [[10, 20, 30, 40], [3, 2, 1, 0], ["a", "b", "c", "d"], [0.5, 1.5, 2.5, 3.5]],
    ids=["int", "reversed", "str", "float"],
)
def test_items_are_addressed_by_id(ids):
    batch = scans(ids)
    for position, item in enumerate(ids):
        assert batch[item].labels == position
    batch[ids[2]].masks = np.full((2, 3), 7, np.uint8)
    assert batch.masks[2].tolist() == [[7] * 3] * 2
    assert batch.masks[[0, 1, 3]].sum() == 0


def test_a_repeated_id_is_its_first_item():
    with pytest.warns(UserWarning, match="7"):
        batch = scans([7, 8, 7])
    assert batch[7].labels == 0


def test_items_follow_assigned_data_too():
    batch = Scans([5, 6])
    batch._data = (np.array([[1.0], [2.0]]), None, np.array([3, 4]))
    assert batch[6].images.tolist() == [2.0]
    assert batch[6].labels == 4


@pytest.mark.parametrize("key", [99, "a", 1.5])
def test_an_unknown_id_names_itself(key):
    with pytest.raises(UnknownIdError, match=str(key)):
        scans()[key]


def test_unknown_id_is_a_key_error():
    with pytest.raises(KeyError):
        scans()[99]


def test_a_slice_of_ids_gives_a_batch_of_views():
    batch = scans([10, 20, 30, 40])
    part = batch[20:40]
    assert type(part) is Scans
    assert part.indices.tolist() == [20, 30]
    part.images[0] = 0
    assert batch.images[1].sum() == 0


def test_an_array_of_ids_gives_a_batch():
    part = scans([10, 20, 30, 40])[[40, 10]]
    assert part.indices.tolist() == [40, 10]
    assert part.labels.tolist() == [3, 0]
    assert part[40].labels == 3


def test_an_unknown_component_of_an_item_is_refused():
    item = scans()[0]
    with pytest.raises(AttributeError, match="nothing"):
        item.nothing = 3
    with pytest.raises(AttributeError):
        _ = item.nothing


def test_an_item_gives_components_by_name_and_place():
    item = scans()[2]
    assert item["labels"] == 2
    assert item[2] == 2
    assert len(item) == 3
    with pytest.raises(KeyError, match="nothing"):
        item["nothing"]


def test_iteration_gives_every_item():
    assert [item.labels for item in scans([4, 5, 6])] == [0, 1, 2]


def test_items_are_lists_for_init():
    assert [entry[0].labels for entry in scans(2).items] == [0, 1]


def test_get_reads_items_and_components():
    batch = scans([10, 20])
    assert batch.get(20, "labels") == 1
    assert batch.get(20).labels == 1
    assert batch.get(component="labels").tolist() == [0, 1]
    assert batch.get().labels.tolist() == [0, 1]


def test_data_views_the_components():
    batch = scans(2)
    assert list(batch.data.as_dict()) == ["images", "masks", "labels"]
    assert batch.data.as_tuple()[2].tolist() == [0, 1]
    assert batch.data.as_dict("labels")["labels"].tolist() == [0, 1]
    assert len(batch.data) == 3
    batch.data.labels = [5, 6]
    batch.data["masks"] = np.ones((2, 1))
    assert batch.labels.tolist() == [5, 6]
    assert batch.masks.shape == (2, 1)
    with pytest.raises(AttributeError, match="add_components"):
        batch.data.other = [1, 2]


def test_a_wrong_length_names_component_and_both_lengths():
    with pytest.raises(ComponentError, match=r"labels.*3.*4|labels.*4.*3"):
        scans().labels = [1, 2, 3]


def test_lossy_writes_name_component_item_and_values():
    batch = scans(["a", "b"])
    with pytest.raises(LossyWriteError, match=r"masks"):
        batch["b"].masks = np.full((2, 3), 0.5)
    with pytest.raises(LossyWriteError, match=r"masks"):
        batch.masks[0] = 0.5
    with pytest.raises(ComponentError, match=r"masks"):
        batch["b"].masks = np.zeros((5, 5), np.uint8)


def test_assigning_the_whole_component_may_change_its_kind():
    batch = scans(2)
    batch.masks = np.full((2, 1), 0.5)
    assert batch.masks.dtype == np.float64


@pytest.mark.parametrize("name", ["index", "data", "load", "random", "components"])
def test_reserved_names_are_refused(name):
    with pytest.raises(ComponentError, match="reserved"):
        type("Made", (Batch,), {"components": (name,)})
    with pytest.raises(ComponentError, match="reserved"):
        Batch(2).add_components(name)


@pytest.mark.parametrize("name", ["_private", "two words", "for", ""])
def test_names_that_are_no_attributes_are_refused(name):
    with pytest.raises(ComponentError):
        type("Made", (Batch,), {"components": (name,)})


def test_components_of_another_type_are_refused():
    with pytest.raises(TypeError, match="int"):
        type("Made", (Batch,), {"components": 3})


def test_a_component_wins_over_a_method():
    class Sizes(Batch):
        components = "size", "items"

    batch = Sizes(2)
    batch.size = [3, 4]
    assert batch.size.tolist() == [3, 4]
    assert batch.items is None


def test_a_name_made_at_run_time_finds_the_component():
    assert getattr(scans(), "".join(["la", "bels"])).tolist() == [0, 1, 2, 3]


def test_setting_none_empties_a_component():
    batch = scans()
    batch.labels = None
    assert batch.labels is None


def test_components_may_be_reassigned_to_a_list():
    batch = scans(2)
    batch.components = ["labels", "other"]
    assert batch.components == ("labels", "other")
    assert batch.labels.tolist() == [0, 1]
    assert batch.other is None


def test_add_components():
    batch = Batch(2)
    assert batch.add_components("a") is batch
    batch.add_components(("b", "c"), init=([1, 2], ["x", "y"]))
    batch.add_components("d", init=[3, 4])
    assert batch.components == ("a", "b", "c", "d")
    assert batch.a is None
    assert batch.b.tolist() == [1, 2]
    assert batch.d.tolist() == [3, 4]
    with pytest.raises(ValueError, match="already"):
        batch.add_components("a")
    batch.plain = 3
    with pytest.raises(ValueError, match="already"):
        batch.add_components("plain")
    with pytest.raises(ComponentError, match="2 components"):
        batch.add_components(("e", "f"), init=([1, 2],))


def test_ragged_components_index_to_views():
    batch = Scans(3)
    batch.images = [np.zeros((2, 2)), np.ones((3, 4)), np.ones((1, 1))]
    assert batch.images[1].shape == (3, 4)
    batch.images[1][0, 0] = 9
    assert batch[1].images[0, 0] == 9
    assert batch.images.to_dense(pad=-1).shape == (3, 3, 4)
    assert batch.images.to_dense(pad=-1)[2, 2, 2] == -1


def test_string_components():
    batch = Scans(2)
    batch.labels = ["cat", "a longer one"]
    assert batch.labels[1] == "a longer one"
    assert batch[0].labels == "cat"


def test_object_components():
    batch = Scans(2)
    batch.labels = [{"a": 1}, None]
    assert batch[0].labels == {"a": 1}
    batch[1].labels = (1, 2)
    assert batch.labels[1] == (1, 2)


def test_array_of_nones():
    nones = Batch(3).array_of_nones
    assert nones.dtype == object
    assert nones.tolist() == [None] * 3


def test_repr_names_components_and_size():
    assert "Scans of 4 items" in repr(scans())
    assert "labels" in repr(scans())


def test_a_batch_that_keeps_one_of_its_items_is_collected():
    batch = scans()
    batch.favourite = batch[2]
    assert batch.favourite.labels == 2
    gone = weakref.ref(batch)
    del batch
    gc.collect()
    assert gone() is None


def test_names_are_compared_without_running_python_code():
    batch = scans()

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            raise AssertionError("compared by Python")

    assert getattr(batch, Name("labels")) is batch.labels
    setattr(batch, Name("labels"), [4, 5, 6, 7])
    assert batch.labels.tolist() == [4, 5, 6, 7]


def test_an_unknown_attribute_lists_the_components():
    with pytest.raises(AttributeError, match=r"Scans has no .*'nothing'.*images, masks, labels"):
        _ = scans().nothing


def test_an_unknown_component_of_an_item_lists_the_components():
    with pytest.raises(AttributeError, match=r"Scans has no .*'nothing'.*images, masks, labels"):
        _ = scans()[0].nothing


def test_an_attribute_error_inside_a_property_is_not_hidden():
    class Broken(Scans):
        @property
        def ratio(self):
            raise AttributeError("the scanner was never set")

    with pytest.raises(AttributeError, match="the scanner was never set"):
        _ = Broken(2).ratio


def test_an_attribute_that_is_missing_does_not_keep_the_batch_alive():
    batch = scans()
    alive = weakref.ref(batch)
    assert not hasattr(batch, "nothing")
    del batch
    assert alive() is None


def test_an_item_gives_its_components_as_a_dict():
    item = scans()[2]
    assert list(item.as_dict()) == ["images", "masks", "labels"]
    assert item.as_dict("labels") == {"labels": 2}


def test_an_item_gives_its_components_as_a_tuple():
    item = scans()[2]
    assert len(item.as_tuple()) == 3
    assert item.as_tuple(["labels"]) == (2,)


def test_the_text_of_an_item_has_its_id_as_users_write_it():
    assert repr(scans()[2]) == "<item 2 of Scans>"


@pytest.mark.parametrize("add", [Scans.add_components, Scans.store])
def test_a_component_that_does_not_fit_is_not_added(add):
    batch = scans()
    with pytest.raises(ComponentError, match="needs 4 items"):
        add(batch, "extra", [1, 2])
    assert batch.components == ("images", "masks", "labels")


def test_a_failed_write_names_the_id_as_users_write_it():
    with pytest.raises(ComponentError, match=r"\(id 2\)"):
        scans()[2].images = np.zeros((5, 5), np.float32)
