import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import Baseset, DatasetIndex
from ironbatch.index import IterState


def ids(batches) -> list[list]:
    return [batch.indices.tolist() for batch in batches]


def test_batches_straddle_epochs() -> None:
    assert ids(DatasetIndex(10).gen_batch(4, n_epochs=2)) == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9],
    ]  # fmt: skip


def test_only_the_last_batch_is_short() -> None:
    assert ids(DatasetIndex(4).gen_batch(3, n_epochs=2)) == [[0, 1, 2], [3, 0, 1], [2, 3]]
    assert ids(DatasetIndex(5).gen_batch(2, n_epochs=1)) == [[0, 1], [2, 3], [4]]


def test_drop_last_leaves_tails_out() -> None:
    batches = DatasetIndex(5).gen_batch(2, n_epochs=2, drop_last=True)
    assert ids(batches) == [[0, 1], [2, 3], [0, 1], [2, 3]]


def test_n_iters_goes_round_and_round() -> None:
    assert ids(DatasetIndex(3).gen_batch(2, n_iters=4)) == [[0, 1], [2, 0], [1, 2], [0, 1]]
    batches = DatasetIndex(3).gen_batch(2, n_iters=3, drop_last=True)
    assert ids(batches) == [[0, 1]] * 3


def test_no_limit_has_no_end() -> None:
    batches = DatasetIndex(3).gen_batch(2)
    assert [next(batches).indices.tolist() for _ in range(50)][-1] == [2, 0]


def test_zero_iterations_or_epochs() -> None:
    assert ids(DatasetIndex(3).gen_batch(2, n_iters=0)) == []
    assert ids(DatasetIndex(3).gen_batch(2, n_epochs=0)) == []


@given(
    n=st.integers(1, 12),
    size=st.integers(1, 12),
    n_epochs=st.integers(1, 4),
    drop_last=st.booleans(),
    shuffle=st.sampled_from([False, 3, -3]),
    order=st.sampled_from(["native", "numpy"]),
    view=st.booleans(),
)
def test_batches_are_pieces_of_the_epochs(n, size, n_epochs, drop_last, shuffle, order, view):
    size = min(n, size)
    index = DatasetIndex(n + 3).take(np.arange(n + 2, 2, -1)) if view else DatasetIndex(n)
    state = IterState()
    made = list(
        index.gen_batch(size, shuffle, None, n_epochs, drop_last, False, state, order=order)
    )
    epochs = [index.take(index.shuffle(shuffle, order=order)).indices.tolist()]
    for epoch in range(1, n_epochs):
        at = IterState.from_dict({**state.as_dict(), "epoch": epoch, "position": 0})
        epochs.append(index.take(index.shuffle(shuffle, at, order=order)).indices.tolist())
    if drop_last:
        epochs = [epoch[: n // size * size] for epoch in epochs]
    flat = [(id_, e) for e, epoch in enumerate(epochs) for id_ in epoch]
    expected = [flat[at : at + size] for at in range(0, len(flat), size)]
    got = [
        list(
            zip(
                b.indices.tolist(),
                (np.zeros(len(b), int) if b.epochs is None else b.epochs),
                strict=True,
            )
        )
        for b in made
    ]
    assert got == expected
    assert state.total == state.n_iters == len(made)
    assert all(b.root is index.root and b.occurrences is None for b in made)
    assert [b.root_positions.tolist() for b in made] == [b.indices.tolist() for b in made]


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": -1}, ValueError, "batch_size"),
        ({"batch_size": 6}, ValueError, "6 is larger than the set, which has 5"),
        ({"batch_size": 2.0}, TypeError, "float"),
        ({"batch_size": True}, TypeError, "bool"),
        ({"batch_size": "2"}, TypeError, "str"),
        ({"batch_size": 2, "n_iters": 1, "n_epochs": 1}, ValueError, "not both"),
        ({"batch_size": 2, "n_iters": -1}, ValueError, "n_iters"),
        ({"batch_size": 2, "n_epochs": -1}, ValueError, "n_epochs"),
        ({"batch_size": 2, "n_epochs": 1.5}, TypeError, "n_epochs"),
    ],
)
@pytest.mark.parametrize("method", ["gen_batch", "next_batch"])
def test_bad_arguments_raise_at_the_call(method, kwargs, error, words) -> None:
    for target in (DatasetIndex(5), Letters("abcde")):
        with pytest.raises(error, match=words):
            getattr(target, method)(**kwargs)


def test_numpy_integers_are_sizes() -> None:
    assert len(next(DatasetIndex(5).gen_batch(np.int64(2)))) == 2


def test_next_batch_goes_on() -> None:
    index = DatasetIndex(3)
    assert [index.next_batch(2).indices.tolist() for _ in range(3)] == [[0, 1], [2, 0], [1, 2]]
    assert index.iter_state.n_iters == 3
    index.reset("iter")
    assert index.next_batch(2).indices.tolist() == [0, 1]


def test_next_batch_ends() -> None:
    index = DatasetIndex(3)
    made = [index.next_batch(2, n_epochs=1).indices.tolist() for _ in range(2)]
    assert made == [[0, 1], [2]]
    for _ in range(2):
        with pytest.raises(StopIteration):
            index.next_batch(2, n_epochs=1)


def test_next_batch_shuffles_each_epoch_once() -> None:
    for shuffle in (True, 5, np.random.default_rng(1)):
        index = DatasetIndex(10)
        epoch = [i for _ in range(5) for i in index.next_batch(2, shuffle=shuffle).indices.tolist()]
        assert sorted(epoch) == list(range(10))


def test_next_batch_keeps_its_order_until_reset() -> None:
    index = DatasetIndex(10)
    index.next_batch(2, shuffle=5)
    index.next_batch(2, shuffle=np.int64(5))
    with pytest.raises(ValueError, match=r"reset\('iter'\)"):
        index.next_batch(2, shuffle=6)
    index.reset("iter")
    index.next_batch(2, shuffle=6)


def test_gen_batch_starts_anew_and_leaves_next_batch_alone() -> None:
    index = DatasetIndex(4)
    index.next_batch(2)
    assert ids(index.gen_batch(2, n_epochs=1)) == [[0, 1], [2, 3]]
    assert index.next_batch(2).indices.tolist() == [2, 3]


@pytest.mark.parametrize("order", ["native", "numpy"])
@pytest.mark.parametrize("shuffle", [False, 9, True, np.random.SeedSequence(2)])
def test_iterations_resume(shuffle, order) -> None:
    index = DatasetIndex(23)
    for after in range(1, 12):
        state = IterState()
        whole = index.gen_batch(4, shuffle, n_epochs=2, order=order, iter_params=state)
        for _ in range(after):
            next(whole)
        again = pickle.loads(pickle.dumps(state))
        rest = ids(whole)
        resumed = index.gen_batch(4, shuffle, n_epochs=2, order=order, iter_params=again)
        assert ids(resumed) == rest


def test_states_copy() -> None:
    state = IterState()
    batches = DatasetIndex(10).gen_batch(3, iter_params=state)
    next(batches)
    copied = state.copy()
    next(batches)
    assert (copied.position, state.position) == (3, 6)
    assert "position=6" in repr(state)


def test_reset_knows_only_iterations() -> None:
    with pytest.raises(ValueError, match="'vars'"):
        DatasetIndex(3).reset("vars")


def test_epochs_and_origins_of_batches_of_batches() -> None:
    index = DatasetIndex([10, 20, 30])
    second = list(index.gen_batch(3, n_epochs=2))[1]
    inner = list(second.gen_batch(2, n_epochs=2))
    assert [b.epochs.tolist() for b in inner] == [[1, 1], [1, 2], [2, 2]]


def test_repeated_items_have_occurrences_of_their_own() -> None:
    index = DatasetIndex([10, 20, 30]).take([0, 0, 1, 0])
    assert index.occurrences.tolist() == [0, 1, 0, 2]
    batches = list(index.gen_batch(2, shuffle=3, n_epochs=1))
    marks = {
        (int(o), int(k))
        for b in batches
        for o, k in zip(
            b.origins, [0] * len(b) if b.occurrences is None else b.occurrences, strict=True
        )
    }
    assert marks == {(10, 0), (10, 1), (10, 2), (20, 0)}


class Bar:
    def __init__(self, total: int | None = None) -> None:
        self.total, self.count, self.closed = total, 0, False

    def update(self, n: int = 1) -> None:
        self.count += n

    def close(self) -> None:
        self.closed = True


def test_a_notifier_is_told() -> None:
    bar = Bar()
    list(DatasetIndex(5).gen_batch(2, n_epochs=1, notifier=bar))
    assert (bar.count, bar.closed) == (3, True)
    made = []
    list(
        DatasetIndex(5).gen_batch(
            2, n_epochs=1, notifier=lambda total: made.append(Bar(total)) or made[0]
        )
    )
    assert (made[0].total, made[0].count) == (3, 3)


@pytest.mark.parametrize("notifier", [True, "t", {"desc": "batches"}])
def test_a_notifier_can_be_tqdm(notifier, capsys) -> None:
    pytest.importorskip("tqdm")
    list(Letters("abcde").gen_batch(2, n_epochs=1, notifier=notifier))
    assert "3/3" in capsys.readouterr().err


class Letters(Baseset):
    def build_index(self, text: str) -> DatasetIndex:
        return DatasetIndex(list(text))

    def create_subset(self, index: DatasetIndex) -> "Letters":
        return Letters("".join(index.indices))

    def create_batch(self, index: DatasetIndex, *args, **kwargs) -> tuple:
        return ("".join(index.indices), args, kwargs)


def test_a_baseset_makes_batches_of_its_own() -> None:
    letters = Letters("abcde")
    made = list(letters.gen_batch(2, False, None, 1, False, False, "arg", key=1))
    assert made == [
        ("ab", ("arg",), {"key": 1}),
        ("cd", ("arg",), {"key": 1}),
        ("e", ("arg",), {"key": 1}),
    ]
    assert letters.next_batch(2) == ("ab", (), {})
    assert letters.next_batch(2, key=2) == ("cd", (), {"key": 2})
    assert letters.iter_state.position == 4
    letters.reset("iter")
    assert letters.next_batch(2, iter_params=None) == ("ab", (), {})


def test_a_baseset_passes_on_order_and_state() -> None:
    state = IterState()
    made = "".join(
        b[0]
        for b in Letters("abcdef").gen_batch(2, 3, n_epochs=1, order="numpy", iter_params=state)
    )
    assert made == "".join(np.array(list("abcdef"))[DatasetIndex(6).shuffle(3, order="numpy")])
    assert state.n_iters == 3
    letters = Letters("abcdef")
    assert letters.next_batch(6, 3, order="numpy")[0] == made
    state = IterState()
    assert letters.next_batch(3, iter_params=state)[0] == "abc"
    assert state.position == 3


def test_a_baseset_splits() -> None:
    letters = Letters("abcdefghij")
    assert not letters.is_split
    letters.split((0.5, 0.3))
    parts = letters.train, letters.test, letters.validation
    assert ["".join(part.indices) for part in parts] == ["fghij", "cde", "ab"]
    assert letters.is_split
    letters.split(0.5, 4, order="numpy")
    order = DatasetIndex(10).shuffle(4, order="numpy")
    assert "".join(letters.test.indices) == "".join(np.array(list("abcdefghij"))[order[:5]])
    assert letters.validation is None


def test_what_a_baseset_leaves_open_says_so() -> None:
    bare = Baseset(DatasetIndex(3))
    assert len(bare) == bare.size == 3
    with pytest.raises(NotImplementedError, match="create_batch"):
        next(bare.gen_batch(1))
    with pytest.raises(NotImplementedError, match="create_subset"):
        bare.split(0.5)


@pytest.mark.parametrize("method", ["gen_batch", "next_batch"])
def test_a_misspelt_keyword_is_refused_at_the_call(method) -> None:
    with pytest.raises(TypeError, match="no keyword 'n_epoch'"):
        getattr(DatasetIndex(4), method)(2, n_epoch=1)
