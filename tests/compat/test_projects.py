"""Small projects in the style of those in the field, run as they are."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import chain
from typing import Any

import pytest

PROJECTS = ("ecg", "crops", "scans", "digits")

Run = Callable[..., Any]


def test_ragged_signals(run_project: Run) -> None:
    found = run_project("ecg")

    assert found["dtype"] == "object"
    assert len(found["train"]) + len(found["test"]) == 13
    assert min(found["lengths"]) >= 20
    assert set(found["labels"]) <= {"A", "N"}
    assert found["units"] == ["mV", "mV"]
    assert [len(lengths) for lengths in found["rebatched"]] == [5, 4]
    assert found["kept"]
    assert found["failed"]


def test_crops_in_one_buffer(run_project: Run) -> None:
    found = run_project("crops")

    n = len(found["indices"])
    assert 0 < n < 6
    assert found["shapes"] == [[n, 4, 5, 6], [n, 4, 5, 6], [n, 4, 5, 3]]
    assert (found["dtype"], found["contiguous"]) == ("float32", True)
    assert len(found["stats"]) == n
    assert found["post_of"] == "normalize"
    assert found["volume_shape"] == [20, 22, 24]
    assert found["seen"] == [[i, 3] for i in range(6)]
    assert found["made"]
    assert found["raw"]
    assert found["copy"] == [True, True]
    assert found["refused"]
    assert found["unknown"]
    assert found["part"] == [4, ["crops", "generated", "locations", "masks"]]
    assert found["kwargs"] == {"src": "crops"}
    assert found["evaluated"] == {"kept": []}


def test_scans_in_one_array(run_project: Run) -> None:
    found = run_project("scans")

    assert sorted(chain(*found["folds"])) == sorted(f"p{i}" for i in range(11))
    assert [bounds[-1] for bounds in found["bounds"]] == [shape[0] for shape in found["shapes"]]
    assert found["flipped"]
    assert len(found["means"]) == 7
    assert [len(bounds) - 1 for bounds in found["rebatched"]] == [4, 4, 3]


def test_classification(run_project: Run) -> None:
    found = run_project("digits")

    assert found["sizes"] == [16] * 15
    assert found["seen"] == 120
    assert found["improved"]
    assert found["accuracy"] > 0.8
    assert found["progress"][-1] == [3, 3, 1]
    assert found["same"]
    assert found["boxes"] == [0, 1, 2, 3, 4]
    assert found["own"]
    assert found["shared"]
    assert found["saved"] == [3, 4]
    assert sorted(chain(*(found[f"fold{k}"] for k in range(4)))) == list(range(60))


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.skipif(
    find_spec("batchflow") is None, reason="needs batchflow; pip install 'ironbatch[bench]'"
)
def test_results_are_those_of_batchflow(run_project: Run, name: str) -> None:
    assert run_project(name) == run_project(name, original=True)
