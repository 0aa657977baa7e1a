"""The examples in the docstrings of the installed package."""

import doctest
import importlib
import pkgutil

import pytest

import ironbatch

MODULES = ["ironbatch"] + [
    module.name
    for module in pkgutil.walk_packages(ironbatch.__path__, "ironbatch.")
    if not module.name.endswith("__main__")
]

NEEDS = {
    "ironbatch.engines.frames": "distributed",
    "ironbatch.exchange.torch_data": "torch",
    "ironbatch.kernels.jit.shaped": "numba",
    "ironbatch.kernels.jit.code": "numba",
    "ironbatch.kernels.jit.wrapper": "numba",
}
"""Modules that cannot be imported without a heavy package: they subclass or register."""


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0
