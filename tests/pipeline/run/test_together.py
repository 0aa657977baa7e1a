"""Failure policy, kernels, rebatch, merge, prefetch, bounds, profile and resume, all at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ironbatch import Batch, Dataset, P, Pipeline, R, kernels

OPTIONS = {"batch_size": 6, "shuffle": 11, "n_epochs": 2, "on_error": "skip"}
WAYS = [
    {"prefetch": 3},
    {"prefetch": 3, "prefetch_bytes": 400},
    {"prefetch": 2, "profile": 2},
    {"prefetch": 2, "target": "mpc", "profile": True},
    {"prefetch": 2, "target": "mpc", "n_workers": 1, "n_threads": 3},
    {"fuse": False},
]


class Rows(Batch):
    components = "x", "y"


def double(row):
    if int(row[0]) % 7 == 3:
        raise OSError(f"row {row[0]:g} is broken")
    return row * 2


def dataset():
    return Dataset(40, Rows, preloaded=(np.arange(40)[:, None] * np.ones((1, 5)), np.arange(40)))


def noisy():
    return (
        dataset()
        .p.apply_parallel(double, src="x")
        .apply_parallel(kernels.scale_shift.bind(shift=P(R("normal"))), src="x")
        .apply_parallel(kernels.clip.bind(low=-5), src="x")
    )


def rebatched():
    scaled = kernels.scale_shift.bind(scale=P(R("uniform")))
    return noisy().rebatch(7).apply_parallel(scaled, src="x")


def merged():
    other = dataset().p.apply_parallel(double, src="x")
    return noisy().merge(other.run_later(4, shuffle=5, on_error="skip"))


def nested():
    return dataset().p + Pipeline().apply_parallel(double, src="x") * 1


def bytes_of(batches):
    return [
        (batch.indices.tolist(), np.asarray(batch.x).tobytes(), batch.y.tobytes())
        for batch in batches
    ]


def failed(chain):
    return [failure.item_id for failure in chain.failures]


@pytest.fixture(scope="module", params=[noisy, rebatched, merged, nested])
def case(request):
    chain = request.param()
    return request.param, bytes_of(chain.gen_batch(**OPTIONS)), failed(chain)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_batches_and_failures_are_the_same_any_way(case, way):
    make, expected, failures = case
    chain = make()
    assert bytes_of(chain.gen_batch(**OPTIONS, **way)) == expected
    assert failed(chain) == failures
    assert {3, 10, 17, 24, 31, 38} == set(failures)


@pytest.mark.parametrize("way", [{}, {"prefetch": 3, "prefetch_bytes": 100}], ids=str)
def test_a_run_goes_on_anywhere(case, way):
    make, expected, _ = case
    for cut in range(len(expected) + 1):
        first = make()
        batches = first.gen_batch(**OPTIONS, **way)
        head = bytes_of(itertools.islice(batches, cut))
        state = first.state_dict()
        batches.close()
        second = make()
        second.load_state_dict(state)
        assert head + bytes_of(second.gen_batch(**way)) == expected


def test_a_run_in_processes_goes_on():
    expected = bytes_of(rebatched().gen_batch(**OPTIONS))
    first = rebatched()
    batches = first.gen_batch(**OPTIONS, prefetch=2, target="mpc")
    head = bytes_of(itertools.islice(batches, 3))
    second = rebatched()
    second.load_state_dict(first.state_dict())
    batches.close()
    assert head + bytes_of(second.gen_batch(prefetch=2, target="mpc")) == expected
