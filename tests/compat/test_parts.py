"""Decorators, functions and classes that projects import besides."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest

from ironbatch import F, ImagesBatch, V
from ironbatch.compat.batch import Batch
from ironbatch.compat.batch_image import ImagesBatch as ImagesHere
from ironbatch.compat.dataset import Dataset
from ironbatch.compat.decorators import deprecated, inbatch_parallel, mjit, njit, parallel
from ironbatch.compat.late_imports import (
    DelayedImport,
    MissingImport,
    make_delayed_import,
    make_delayed_imports,
    try_import,
)
from ironbatch.compat.model_bases import BaseModel, Metrics
from ironbatch.compat.pipeline import Pipeline
from ironbatch.compat.quantizer import Quantizer
from ironbatch.compat.saving import read_data_from, save_data_to
from ironbatch.compat.sequences import copy1, is_iterable, partialmethod, to_list


def test_parallel_functions() -> None:
    @parallel(init=lambda values, **kwargs: values, target="for", use_self=False)
    def double(value: int, values: Any) -> int:
        return 2 * value

    assert double([1, 2]) == [2, 4]


def test_wrong_arguments_are_refused_where_they_are_written() -> None:
    with pytest.raises(ValueError, match="init cannot be None"):
        inbatch_parallel(None)
    with pytest.raises(ValueError, match="debug=True needs target='for'"):
        inbatch_parallel("indices", None, "threads", None, True)


def test_debug_lets_the_exception_through() -> None:
    class Own(Batch):
        @inbatch_parallel(init="indices", target="for", debug=True)
        def fail(self, item: int) -> None:
            raise KeyError(item)

    with pytest.raises(KeyError) as caught:
        Own(1).fail()
    assert type(caught.value) is KeyError


def test_methods_are_compiled_or_run_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = builtins.__import__

    def without_numba(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "numba":
            raise ModuleNotFoundError("no numba", name="numba")
        return real(name, *args, **kwargs)

    class Own:
        @mjit
        def add(self, x: int, y: int = 1) -> int:
            return x + y

        @mjit(nogil=False)
        def twice(self, x: int) -> int:
            return 2 * x

    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(builtins, "__import__", without_numba)
    assert Own().add(1, y=4) == 5
    assert Own().twice(3) == 6
    assert "numba is not installed, so add runs as Python code" in caplog.text
    assert njit(nogil=True)(max)(1, 2) == 2


def test_deprecated(caplog: pytest.LogCaptureFixture) -> None:
    @deprecated("use the other one")
    def old(x: int) -> int:
        return x

    assert old(3) == 3
    assert caplog.messages == ["use the other one"]


def test_saving_and_reading() -> None:
    pipeline = Pipeline().init_variable("a", 0).init_variable("b", [])
    array = np.zeros(2)
    save_data_to([1, [2, 3], 4], [V("a"), array, None], pipeline=pipeline)
    save_data_to(5, V("b", mode="a"), pipeline=pipeline)
    places = {"x": V("a"), "y": None}
    save_data_to({"x": 6, "y": 7, "z": 8}, places, pipeline=pipeline)
    assert (pipeline.v("a"), pipeline.v("b")) == (6, [5])
    assert array.tolist() == [2, 3]
    assert places["y"] == 7
    assert read_data_from((V("a"), 3, F(list)), pipeline=pipeline) == (6, 3, [])
    assert read_data_from(V("a"), pipeline=pipeline) == 6
    save_data_to((1, 2), V("a"), pipeline=pipeline)
    assert pipeline.v("a") == (1, 2)
    with pytest.raises(ValueError, match="there are 1 data for 2 destinations"):
        save_data_to(1, [V("a"), V("b")])
    with pytest.raises(ValueError, match="a dict of data goes to a dict, not to list"):
        save_data_to({"a": 1}, [1])
    with pytest.raises(KeyError, match="there is no 'b' in the data"):
        save_data_to({"a": 1}, {"b": 1})


def test_sequences() -> None:
    assert is_iterable([1])
    assert not is_iterable("text")
    assert not is_iterable(3)
    assert to_list("ab") == ["ab"]
    assert to_list(np.eye(2)) == [1, 0, 0, 1]
    inner = [1]
    assert copy1((inner,))[0] is not inner
    assert copy1(inner) == [1]

    class Own:
        def add(self, x: int, y: int, z: int = 0) -> int:
            return x + y + z

        add_one = partialmethod(add, 1, z=10)

    assert Own().add_one(2) == 13


def test_imports_that_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = make_delayed_import("colorsys", attribute="rgb_to_hsv")
    if isinstance(floor, DelayedImport):
        assert floor.loaded_module is __import__("colorsys").rgb_to_hsv
    assert floor(1, 1, 1) == (0, 0, 1)
    assert make_delayed_import("sys") is sys
    monkeypatch.setenv("BATCHFLOW_IMMEDIATE_IMPORT", "1")
    assert make_delayed_import("fractions").Fraction(1, 2) == 0.5
    (one,) = make_delayed_imports("math", attributes=["floor"])
    assert one(2.5) == 2
    delayed = DelayedImport("string")
    assert "digits" in dir(delayed)
    assert delayed.digits == "0123456789"
    assert DelayedImport("string", attribute="digits")[3] == "3"
    with pytest.raises(ImportError, match="no module 'nonsense_here': pip install it"):
        DelayedImport("nonsense_here", help="pip install it").anything  # noqa: B018


def test_imports_that_fail_later() -> None:
    assert try_import("math", attribute="pi") == pytest.approx(np.pi)
    assert try_import("math", attribute=["e"]) == [np.e]
    assert try_import("math") is __import__("math")
    missing = try_import("nonsense_here", attribute="x", help="pip install it")
    assert isinstance(missing, MissingImport)
    for use in (lambda: missing(), lambda: missing.x, lambda: missing[0]):
        with pytest.raises(ImportError, match="no module 'nonsense_here': pip install it"):
            use()


def test_models_derive_from_a_base() -> None:
    class Own(BaseModel):
        def reset(self) -> None: ...
        def train(self) -> None: ...
        def predict(self) -> None: ...
        def load(self) -> None: ...
        def save(self) -> None: ...

    assert Own().default_name == "Own"
    assert BaseModel.is_model_like(Own())
    assert not BaseModel.is_model_like(3)
    with pytest.raises(TypeError, match="abstract"):
        BaseModel()  # type: ignore[abstract]


def test_metrics_derive_from_a_base() -> None:
    class Own(Metrics):
        def share(self, scale: float = 1) -> Any:
            return scale * np.array([1.0, 3.0])

        def count(self) -> int:
            return 2

    assert Own().evaluate("share", scale=2) == 4
    assert Own().evaluate(["count"]) == {"count": 2}
    assert Own().evaluate("share", agg=None).tolist() == [1, 3]
    with pytest.raises(ValueError, match="agg is one of 'mean', got 'most'"):
        Own().evaluate("share", agg="most")


def test_images() -> None:
    class Own(ImagesHere):
        components = "images", "labels", "masks", "scores"

    dataset = Dataset(3, Own, preloaded=(np.zeros((3, 8, 6, 3), np.uint8), None, None, None))
    batch = dataset.p.resize((4, None)).invert().next_batch(2)
    assert isinstance(batch, ImagesBatch)
    assert isinstance(batch, Batch)
    assert batch.images.shape == (2, 4, 3, 3)
    assert type(batch.images) is np.ndarray
    assert int(batch.images.min()) == 255


def test_quantizer_takes_copy() -> None:
    quantizer = Quantizer((-1, 1))
    codes = quantizer.quantize(np.array([0.5]), copy=True)
    assert quantizer.dequantize(codes, copy=True)[0] == pytest.approx(0.5, abs=0.01)
