import copy
import datetime
import decimal
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import DatasetIndex
from ironbatch.errors import DuplicateIdWarning, UnknownIdError

KINDS = {
    "range": 6,
    "int": [10, -3, 7, 2**62, 0, 5],
    "str": ["b", "a", "\u00e9t\u00e9", "", "long id", "z"],
    "object": [1.5, "x", (1, 2), None, b"y", 7],
}


@pytest.fixture(params=KINDS)
def index(request) -> DatasetIndex:
    return DatasetIndex(KINDS[request.param])


def ids_of(kind: str) -> list:
    return list(range(6)) if kind == "range" else KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_come_back_as_given(kind) -> None:
    index = DatasetIndex(KINDS[kind])
    assert index.kind == kind
    assert index.indices.tolist() == ids_of(kind)
    assert list(index) == ids_of(kind)
    assert len(index) == index.size == 6


@pytest.mark.parametrize("kind", KINDS)
def test_get_pos_of_each_id(kind) -> None:
    index = DatasetIndex(KINDS[kind])
    for position, id_ in enumerate(ids_of(kind)):
        assert index.get_pos(id_) == position
        assert id_ in index
    assert index.get_pos(ids_of(kind)[::-1]).tolist() == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_get_pos_in_a_view(kind) -> None:
    view = DatasetIndex(KINDS[kind]).take([4, 1, 3])
    ids = ids_of(kind)
    assert [view.get_pos(ids[at]) for at in (4, 1, 3)] == [0, 1, 2]
    assert view.get_pos([ids[3], ids[4]]).tolist() == [2, 0]
    assert ids[0] not in view
    with pytest.raises(UnknownIdError):
        view.get_pos(ids[0])


def test_get_pos_in_a_large_view() -> None:
    index = DatasetIndex(np.arange(20_000) * 3)
    view = index.take(np.arange(19_999, -1, -2))
    assert view.get_pos(3 * 19_999) == 0
    assert view.get_pos([3, 3 * 19_999]).tolist() == [9_999, 0]
    with pytest.raises(UnknownIdError):
        view.get_pos(0)


def test_get_pos_in_a_slice_of_a_range() -> None:
    view = DatasetIndex(100).take(slice(10, 20))
    assert view.get_pos(10) == 0
    assert view.get_pos([19, 10]).tolist() == [9, 0]
    for outside in (9, 20):
        with pytest.raises(UnknownIdError):
            view.get_pos(outside)
        with pytest.raises(UnknownIdError, match=f"id {outside} "):
            view.get_pos([10, outside])


def test_get_pos_in_a_slice_of_an_index_with_duplicates() -> None:
    with pytest.warns(DuplicateIdWarning):
        view = DatasetIndex([5, 3, 5, 4]).take(slice(1, 4))
    assert view.get_pos(5) == 1
    assert view.get_pos([4, 5]).tolist() == [2, 1]


def test_get_pos_of_a_slice_of_ids() -> None:
    index = DatasetIndex(["a", "b", "c"])
    assert index.get_pos(slice("b", None, 2)) == slice(1, None, 2)
    assert index.get_pos(slice(None, "c")) == slice(None, 2)


def test_get_pos_of_a_tuple_is_that_of_its_ids_unless_it_is_an_id() -> None:
    assert DatasetIndex(3).get_pos((2, 0)).tolist() == [2, 0]
    assert DatasetIndex([(2, 0), 0, 2]).get_pos((2, 0)) == 0
    assert DatasetIndex([(2, 1), 0, 2]).get_pos((2, 0)).tolist() == [2, 1]


def test_get_pos_of_nothing() -> None:
    assert DatasetIndex(3).get_pos([]).tolist() == []


@pytest.mark.parametrize(
    ("ids", "wanted", "words"),
    [
        (3, 3, ["3", "int", "range"]),
        (3, -1, ["-1"]),
        (3, "a", ["'a'", "str", "integers"]),
        (3, 1.0, ["1.0", "float"]),
        (3, True, ["True", "bool"]),
        (3, 2**70, ["int"]),
        (3, None, ["NoneType"]),
        ([5, 3], [5, 4], ["4"]),
        ([5, 3], [5.0], ["5.0", "float"]),
        ([5, 3], [True], ["True"]),
        ([5, 3], [5, "a"], ["'a'"]),
        ([5, 3], np.array([False]), ["bool"]),
        ([5, 3], np.array([2**64 - 5], np.uint64), ["18446744073709551611"]),
        (["a"], "b", ["'b'", "strings"]),
        (["a"], 0, ["0", "int", "str"]),
        (["a"], ["a", 1], ["1"]),
        (["a"], "\udc80", ["udc80"]),
        ([1.5], 2.5, ["2.5", "object"]),
    ],
)
def test_unknown_ids_are_named(ids, wanted, words) -> None:
    index = DatasetIndex(ids)
    with pytest.raises(UnknownIdError) as caught:
        index.get_pos(wanted)
    assert isinstance(caught.value, KeyError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("empty", [0, [], np.array([]), list, range(0), iter([])])
def test_an_empty_index_is_refused(empty) -> None:
    with pytest.raises(ValueError, match="empty"):
        DatasetIndex(empty)


@pytest.mark.parametrize("ids", [np.zeros((2, 2)), [[1, 2], [3, 4]], np.zeros((1, 1, 1))])
def test_an_index_has_one_dimension(ids) -> None:
    with pytest.raises(TypeError, match="one-dimensional"):
        DatasetIndex(ids)


@pytest.mark.parametrize(
    "ids",
    [[1.0, np.nan], np.array(["2020", "NaT"], "M8[D]"), ["a", float("nan")], [np.float64("nan")]],
)
def test_ids_cannot_be_nan(ids) -> None:
    with pytest.raises(ValueError, match=r"at position [01] is"):
        DatasetIndex(ids)


def test_sets_and_unhashable_ids_are_refused() -> None:
    with pytest.raises(TypeError, match="order"):
        DatasetIndex({1, 2})
    with pytest.raises(TypeError, match="dict"):
        DatasetIndex(["a", {}])


@pytest.mark.parametrize("ids", [[5, 3, 5, 3, 5], ["5", "3", "5", "3", "5"], [5.5, 3, 5.5, 3, 5.5]])
def test_duplicates_warn_once_and_the_first_wins(ids) -> None:
    with pytest.warns(DuplicateIdWarning, match="5") as caught:
        index = DatasetIndex(ids)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert index.get_pos(ids[:2]).tolist() == [0, 1]
    assert index.occurrences.tolist() == [0, 0, 1, 1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        view = index.take([4, 3])
        assert view.get_pos(ids[4]) == 0
        assert view.occurrences.tolist() == [2, 1]
        for batch in index.gen_batch(2, shuffle=1, n_epochs=2):
            assert len(batch) in (1, 2)


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (lambda: 3, [0, 1, 2]),
        (lambda: ["b", "a"], ["b", "a"]),
        (DatasetIndex([4, 2]), [4, 2]),
        (range(3, 9, 2), [3, 5, 7]),
        (range(5, 8), [5, 6, 7]),
        (np.array([3, 1], np.uint8), [3, 1]),
        (np.array([2**63, 1], np.uint64), [2**63, 1]),
        ((2, 1), [2, 1]),
        ({"a": 1, "b": 2}.keys(), ["a", "b"]),
        ((i * i for i in range(3)), [0, 1, 4]),
        ("name", ["name"]),
        (np.array(7), [7]),
        (np.array(["x", "yy"], ">U5"), ["x", "yy"]),
        ([1, 2**70], [1, 2**70]),
        ([1, "1"], [1, "1"]),
        ([0, 1.5], [0, 1.5]),
        (["bad\udc80", "good"], ["bad\udc80", "good"]),
    ],
)
def test_what_an_index_can_be_made_of(given, ids) -> None:
    assert DatasetIndex(given).indices.tolist() == ids


def test_series_and_dates() -> None:
    pd = pytest.importorskip("pandas")
    index = DatasetIndex(pd.Series(["x", "y"], index=[5, 6]))
    assert index.get_pos("y") == 1
    days = DatasetIndex(np.array(["2020-01-01", "2020-01-02"], "M8[ns]"))
    assert days.get_pos(np.datetime64("2020-01-02")) == 1
    assert days.get_pos(pd.Timestamp("2020-01-02").to_pydatetime()) == 1


def test_ids_are_a_copy_and_read_only() -> None:
    given = np.array([5, 3, 9])
    index = DatasetIndex(given)
    given[0] = 0
    assert index.get_pos(5) == 0
    with pytest.raises(ValueError, match="read-only"):
        index.indices[0] = 1


def test_subset_by_pos() -> None:
    index = DatasetIndex([10, 20, 30])
    assert index.subset_by_pos(1) == 20
    assert index.subset_by_pos(-1) == 30
    assert index.subset_by_pos([2, 0]).tolist() == [30, 10]
    assert index.subset_by_pos(slice(None, None, -1)).tolist() == [30, 20, 10]
    assert index.subset_by_pos([True, False, True]).tolist() == [10, 30]


@pytest.mark.parametrize("pos", [3, -4, [3], [0, -4], [True], slice])
def test_positions_outside_are_refused(pos) -> None:
    index = DatasetIndex([10, 20, 30])
    with pytest.raises((IndexError, TypeError)):
        index.subset_by_pos(pos)
    with pytest.raises((IndexError, TypeError)):
        index.take(pos)


def test_views_compose() -> None:
    index = DatasetIndex(100)
    view = index.take(slice(10, 60)).take([5, -1, 0]).take(slice(1, 3))
    assert view.indices.tolist() == [59, 10]
    assert view.root is index
    assert view.root_positions.tolist() == [59, 10]
    assert index.take(slice(10, 60)).take(slice(5, 9)).root_slice == slice(15, 19)


@pytest.mark.parametrize("kind", KINDS)
def test_pickles_and_copies(kind) -> None:
    index = DatasetIndex(KINDS[kind])
    view = index.take([3, 0])
    view.note = "kept"
    for made in (pickle.loads(pickle.dumps(view)), copy.deepcopy(view), copy.copy(view)):
        assert made.indices.tolist() == view.indices.tolist()
        assert made.get_pos(ids_of(kind)[0]) == 1
        assert made.origins.tolist() == view.origins.tolist()
        assert made.root_positions.tolist() == [3, 0]
        assert made.note == "kept"


def test_detached_views_hold_only_their_own_ids() -> None:
    index = DatasetIndex(np.arange(100_000) * 7)
    batch = next(index.gen_batch(3, shuffle=1)).detach()
    assert len(pickle.dumps(batch)) < 2000
    assert batch.root is batch
    again = pickle.loads(pickle.dumps(batch))
    assert again.indices.tolist() == batch.indices.tolist()
    assert again.get_pos(batch.indices[2]) == 2


def test_concat_of_different_indexes() -> None:
    index = DatasetIndex(["a", "b"]) + np.array(["c"])
    assert index.indices.tolist() == ["a", "b", "c"]
    assert index.root is index
    mixed = DatasetIndex.concat(DatasetIndex(2), DatasetIndex(["a"]), DatasetIndex([2.5]))
    assert mixed.indices.tolist() == [0, 1, "a", 2.5]
    with pytest.warns(DuplicateIdWarning, match="1"):
        assert (DatasetIndex([1, 2]) + np.array([3, 1])).get_pos(1) == 0
    with pytest.raises(ValueError, match="no indexes"):
        DatasetIndex.concat()


def test_concat_of_views_is_a_view() -> None:
    index = DatasetIndex(10)
    joined = index.take([3, 1]) + index.take([1])
    assert joined.root is index
    assert joined.indices.tolist() == [3, 1, 1]
    assert joined.occurrences.tolist() == [0, 0, 1]


def test_concat_keeps_origins_epochs_and_occurrences() -> None:
    index = DatasetIndex(["a", "b", "c"])
    batches = list(index.gen_batch(2, n_epochs=2))
    joined = DatasetIndex.concat(*batches)
    assert joined.epochs.tolist() == [0, 0, 0, 1, 1, 1]
    assert joined.origins.tolist() == index.origins.tolist() * 2
    assert joined.occurrences is None
    other = joined.take(slice(0, 3)) + DatasetIndex([7])
    assert other.origins.tolist() == [*index.origins.tolist(), 7]


def test_create_subset() -> None:
    index = DatasetIndex([10, 20, 30, 40])
    assert index.create_subset([30, 10]).root_positions.tolist() == [2, 0]
    assert index.create_subset(20).indices.tolist() == [20]
    view = index.take([3, 1])
    assert index.create_subset(view) is view
    assert view.create_subset(index.take([1])).root_positions.tolist() == [1]
    with pytest.raises(UnknownIdError):
        view.create_subset(index.take([0]))


def test_create_batch() -> None:
    index = DatasetIndex([10, 20, 30])
    assert index.create_batch([2, 0]).indices.tolist() == [30, 10]
    assert index.create_batch([20], pos=False).root_positions.tolist() == [1]
    assert index.create_batch([1], as_array=True).tolist() == [20]
    assert index.create_batch(1).indices.tolist() == [20]


def test_origins_of_strings_are_those_of_the_text() -> None:
    texts = ["a", "\u00e9t\u00e9"]
    assert DatasetIndex(texts).origins.tolist() == DatasetIndex(np.array(texts)).origins.tolist()
    assert DatasetIndex([3, -1, 9]).origins.tolist() == [3, 2**64 - 1, 9]


def test_origins_survive_a_new_root() -> None:
    index = DatasetIndex(["a", "b"])
    renumbered = DatasetIndex(index.take([1, 0]))
    assert renumbered.origins.tolist() == index.origins.tolist()[::-1]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60), st.data())
def test_an_index_behaves_like_a_list(ids, data) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DuplicateIdWarning)
        index = DatasetIndex(ids)
    positions = data.draw(st.lists(st.integers(-len(ids), len(ids) - 1), min_size=1))
    view = index.take(positions)
    kept = [ids[p] for p in positions]
    assert view.indices.tolist() == kept
    for id_ in set(kept):
        assert view.get_pos(id_) == kept.index(id_)
    again = data.draw(st.lists(st.integers(0, len(kept) - 1), min_size=1))
    assert view.take(again).indices.tolist() == [kept[p] for p in again]
    counts = np.zeros(len(view), int) if view.occurrences is None else view.occurrences
    marks = set(zip(view.origins.tolist(), counts.tolist(), strict=True))
    assert len(marks) == len(view)


def test_origins_of_objects() -> None:
    day, number, other = datetime.date(2020, 1, 2), decimal.Decimal("1.5"), object()
    index = DatasetIndex([day, number, other, (1, other)])
    again = DatasetIndex([object(), number, day])
    assert index.origins[:2].tolist() == again.origins[:0:-1].tolist()
    assert index.origins[2:].tolist() == [2, 3]  # nothing stable to go by but their positions


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.indices,
        lambda index: index.origins,
        lambda index: index.shuffle(7),
        lambda index: index.next_batch(len(index), shuffle=7),
    ],
)
def test_more_ids_than_memory_are_an_error_and_not_the_end(ask) -> None:
    with pytest.raises(MemoryError):
        ask(DatasetIndex(10**14))


def test_a_range_longer_than_any_container_is_refused() -> None:
    with pytest.raises((ValueError, OverflowError)):
        DatasetIndex(range(-(2**63), 2**63 - 1))


@pytest.mark.parametrize("given", [None, lambda: None], ids=["None", "a function of None"])
def test_an_index_of_none_is_refused(given) -> None:
    with pytest.raises(TypeError, match=r"a number of items or .* their ids, got None"):
        DatasetIndex(given)


@pytest.mark.parametrize("n", [0, -1])
def test_a_number_of_items_below_one_is_named(n) -> None:
    with pytest.raises(ValueError, match=f"at least 1 item, got {n}"):
        DatasetIndex(n)


def test_an_unknown_id_from_an_array_is_named_as_users_write_it() -> None:
    with pytest.raises(UnknownIdError, match=r"id 'z' \(str\)"):
        DatasetIndex(["a", "b"]).get_pos(np.array(["a", "z"]))


def test_an_item_of_two_epochs_occurs_once_in_each_wherever_its_index_has_been() -> None:
    index = DatasetIndex(6)
    first, second = index.gen_batch(6, n_epochs=2)
    here = DatasetIndex.concat(first, second)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DuplicateIdWarning)
        travelled = DatasetIndex.concat(first.detach(), second)
    assert here.occurrences is None
    assert travelled.occurrences is None
    assert travelled.epochs.tolist() == here.epochs.tolist()
