import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ironbatch.streams
from ironbatch import DatasetIndex, make_rng, make_seed_sequence, spawn_seed_sequence
from ironbatch._core import item_words, operation_word, origin_of
from ironbatch.random import ItemStreams, operation_hash, stream_key

GOLDEN = json.loads((Path(__file__).parent / "golden" / "streams_v1.json").read_text())
words = st.integers(0, 2**64 - 1)


def test_keys_hashes_and_words_never_change() -> None:
    for seed, key in GOLDEN["keys"].items():
        assert list(stream_key(int(seed))) == key
    for path, ordinal, value in GOLDEN["operations"]:
        assert operation_hash(path, ordinal) == value
    for text, origin in GOLDEN["origins"]:
        assert origin_of(text.encode()) == origin
        assert DatasetIndex([text, "other"]).origins[0] == origin
    for args, expected in GOLDEN["words"]:
        key, operation, origin, epoch, occurrence = args
        assert item_words(tuple(key), operation, origin, epoch, occurrence, 6).tolist() == expected
    for origin, expected in GOLDEN["integers"]:
        rng = ItemStreams(stream_key(1), 5).at(origin, 1)
        assert rng.integers(0, 1000, 5).tolist() == expected


def test_origins_of_objects_never_change() -> None:
    ids = {"1.5": 1.5, "(1, 'a')": (1, "a"), "None": None, "b'x'": b"x"}
    for text, origin in GOLDEN["objects"]:
        assert DatasetIndex([ids[text], "other"]).origins[0] == origin


@given(st.tuples(words, words), words, words, words, st.sampled_from([0, 1, 2**64 - 1]))
def test_core_and_numpy_give_the_same_words(key, operation, origin, epoch, occurrence) -> None:
    counter = [0, epoch, operation_word(operation, occurrence), origin]
    numpy = np.random.Philox(key=np.array(key, np.uint64), counter=np.array(counter, np.uint64))
    core = item_words(key, operation, origin, epoch, occurrence, 9)
    assert core.tolist() == numpy.random_raw(9).tolist()
    streams = ItemStreams(key, operation)
    streams.at(1).random(3)
    streams.at(1).integers(5, dtype=np.uint32)
    rng = streams.at(origin, epoch, occurrence)
    assert rng.bit_generator.random_raw(9).tolist() == core.tolist()


def test_a_half_used_word_is_not_carried_over() -> None:
    streams = ItemStreams((1, 2), 3)
    fresh = streams.at(4).integers(2**32, size=3, dtype=np.uint32).tolist()
    streams.at(5).integers(2**32, dtype=np.uint32)
    assert streams.at(4).integers(2**32, size=3, dtype=np.uint32).tolist() == fresh


def test_streams_work_without_knowing_numpys_memory(monkeypatch) -> None:
    quick = [ItemStreams((1, 2), 3).at(4, 5, 6).normal(size=5) for _ in range(2)]
    monkeypatch.setattr(ironbatch.streams, "_known", False)
    streams = ItemStreams((1, 2), 3)
    slow = [streams.at(4, 5, 6).normal(size=5) for _ in range(2)]
    np.testing.assert_array_equal(quick, slow)


def test_numpy_integers_name_a_stream() -> None:
    streams = ItemStreams((1, 2), 3)
    expected = streams.at(2**63, 5, 6).random()
    assert streams.at(np.uint64(2**63), np.int64(5), np.uint64(6)).random() == expected


def test_streams_pickle() -> None:
    streams = ItemStreams((1, 2), 3)
    again = pickle.loads(pickle.dumps(streams))
    assert again.at(7, 8, 9).random() == streams.at(7, 8, 9).random()


def test_each_argument_of_a_stream_counts() -> None:
    places = [
        ((1, 2), 3, 4, 5, 6),
        ((0, 2), 3, 4, 5, 6),
        ((1, 0), 3, 4, 5, 6),
        ((1, 2), 0, 4, 5, 6),
    ]
    places += [((1, 2), 3, 0, 5, 6), ((1, 2), 3, 4, 0, 6), ((1, 2), 3, 4, 5, 0)]
    drawn = {ItemStreams(key, op).at(*place).random() for key, op, *place in places}
    assert len(drawn) == len(places)


def test_make_rng() -> None:
    assert make_rng(False) is None
    assert isinstance(make_rng().bit_generator, np.random.SFC64)
    assert make_rng(None).random() != make_rng(True).random()
    expected = np.random.Generator(np.random.SFC64(5)).random()
    for seed in (5, np.int8(5), np.random.SeedSequence(5)):
        assert make_rng(seed).random() == expected
    for rng in (np.random.default_rng(1), np.random.RandomState(1)):
        assert make_rng(rng) is rng
    bits = np.random.PCG64(1)
    assert make_rng(bits).bit_generator is bits
    with pytest.raises(TypeError, match="str"):
        make_rng("5")


def test_make_seed_sequence() -> None:
    assert make_seed_sequence(5).entropy == make_seed_sequence(-5).entropy == 5
    assert make_seed_sequence(np.int64(5)).entropy == 5
    assert make_seed_sequence().entropy != make_seed_sequence(True).entropy

    class Seeded:
        random_seed = np.random.SeedSequence(3)

    assert make_seed_sequence(Seeded()) is Seeded.random_seed
    assert make_seed_sequence(Seeded.random_seed) is Seeded.random_seed
    one, two = np.random.default_rng(1), np.random.default_rng(1)
    assert make_seed_sequence(one).entropy == make_seed_sequence(two).entropy
    assert make_seed_sequence(one).entropy < 2**64
    state = np.random.RandomState(1)
    assert make_seed_sequence(state).entropy != make_seed_sequence(state).entropy
    with pytest.raises(TypeError, match="float"):
        make_seed_sequence(1.5)


def test_spawn_seed_sequence() -> None:
    class Seeded:
        random_seed = np.random.SeedSequence(3)

    assert spawn_seed_sequence(Seeded()).spawn_key == (0,)
    assert spawn_seed_sequence(Seeded()).spawn_key == (1,)
    assert spawn_seed_sequence(np.random.SeedSequence(3)).spawn_key == (0,)
    with pytest.raises(ValueError, match="SeedSequence"):
        spawn_seed_sequence(3)
