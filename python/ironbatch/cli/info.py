"""``python -m ironbatch info``: what this installation is made of and can do."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import ironbatch
from ironbatch import formats
from ironbatch.components import pool_stats

__all__ = ["add_parser", "run"]

PACKAGES = {
    "cloudpickle": "processes",
    "pandas": "tables",
    "pyarrow": "tables",
    "tqdm": "progress",
    "psutil": "monitor",
    "matplotlib": "plots",
    "numba": "jit",
    "setuptools-rust": "kernels",
    "scikit-learn": "demo",
}
"""Optional packages, with the extra that installs them."""

SIMD = ("SSE42", "AVX", "AVX2", "FMA3", "AVX512F", "NEON", "SVE")
"""Instruction sets that are worth a mention, as NumPy names them."""


def simd() -> list[str]:
    """Give the instruction sets of this processor."""
    features: dict[str, bool] = {}
    for module in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        # The second is where NumPy 1.26 keeps it.
        with suppress(ImportError):
            features = import_module(module).__cpu_features__
            break
    return [name for name in SIMD if features.get(name)]


def cores() -> int:
    """Give the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1


def run() -> int:
    """Print the report.

    Returns
    -------
    int
        The exit code.
    """
    rows: list[tuple[str, str]] = [
        ("ironbatch", ironbatch.__version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("NumPy", np.__version__),
        ("platform", platform.platform()),
        ("cores", f"{cores()} of {os.cpu_count()}"),
        ("SIMD", ", ".join(simd()) or "none known"),
        ("pool", f"up to {pool_stats()['limit_bytes'] / 2**20:,.0f} MiB of memory kept for reuse"),
    ]
    for name, extra in PACKAGES.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = f"missing; pip install 'ironbatch[{extra}]'"
        rows.append((name, found))
    for name, value in rows:
        print(f"{name:<14}{value}")
    print("formats")
    for fmt, needed in sorted(formats.extras().items()):
        print(f"  {fmt:<12}{'built in' if needed is None else f'extra {needed!r}'}")
    return 0


def add_parser(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "info", help="versions, cores, SIMD, pool, formats and the extras they need"
    )
    parser.set_defaults(run=run)
