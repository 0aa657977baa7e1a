"""``python -m ironbatch info``: what this installation is made of and can do."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import ironbatch
from ironbatch import _core, formats
from ironbatch.components import pool_stats

__all__ = ["add_parser", "run"]

EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "processes": ("functions of __main__ and closures in worker processes", ("cloudpickle>=3",)),
    "tables": ("csv, feather, parquet; tables as data", ("pandas>=2.2", "pyarrow>=17")),
    "polars": ("to_polars, tables of polars", ("polars>=1.20",)),
    "arrays": ("zarr and HDF5", ("zarr>=3", "h5py>=3.11")),
    "huggingface": ("data sets of Hugging Face", ("datasets>=3",)),
    "remote": ("files behind URLs", ("fsspec>=2024.6",)),
    "s3": ("files behind s3:// URLs", ("s3fs>=2024.6",)),
    "images": ("image files, elastic transforms", ("pillow>=11", "scipy>=1.13")),
    "plots": ("show(), plot(), figures of runs", ("matplotlib>=3.9",)),
    "progress": ("progress bars", ("tqdm>=4.66",)),
    "monitor": ("monitors of memory, processors, disks", ("psutil>=5.9",)),
    "gpu": ("monitors of GPUs", ("nvidia-ml-py>=12",)),
    "jit": ("@ironbatch.kernel, mjit", ("numba>=0.60",)),
    "kernels": ("building kernels of your own", ("setuptools>=77", "setuptools-rust>=1.10")),
    "samplers": ("ScipySampler", ("scipy>=1.13",)),
    "sklearn": ("SklearnModel", ("scikit-learn>=1.5", "skops>=0.11")),
    "torch": ("TorchModel, to_torch", ("torch>=2.4", "safetensors>=0.4.5")),
    "cluster": ("engine 'dask'", ("dask>=2025.1", "distributed>=2025.1")),
    "ray": ("engine 'ray'", ("ray>=2.50",)),
    "demo": ("python -m ironbatch demo", ("scikit-learn>=1.5", "tqdm>=4.66")),
}
"""What each extra is for, and what it installs."""


def simd() -> str:
    """Say which vector instructions kernels use, and what ``IRONBATCH_SIMD`` may choose instead."""
    used, available = _core.instruction_sets()
    return f"{used} (IRONBATCH_SIMD: {', '.join(available)})"


def cores() -> int:
    """Give the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1


def _packages(requirements: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Say which packages are installed, with their versions, and which are not or are too old."""
    found, missing = [], []
    for requirement in requirements:
        name, _, least = requirement.partition(">=")
        try:
            has = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if _numbers(has) < _numbers(least):
            missing.append(f"{requirement} (has {has})")
        else:
            found.append(f"{name} {has}")
    return found, missing


def _numbers(text: str) -> tuple[int, ...]:
    """Give the numbers that a version begins with."""
    numbers = []
    for part in text.split("."):
        digits = re.match(r"\d+", part)
        if digits is None:
            break
        numbers.append(int(digits[0]))
    return tuple(numbers)


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
        ("SIMD", simd()),
        ("pool", f"up to {pool_stats()['limit_bytes'] / 2**20:,.0f} MiB of memory kept for reuse"),
    ]
    for name, value in rows:
        print(f"{name:<14}{value}")
    print("extras")
    some_missing = False
    for extra, (purpose, requirements) in EXTRAS.items():
        found, missing = _packages(requirements)
        some_missing |= bool(missing)
        print(f"  {extra:<12}{'missing' if missing else 'there':<9}{purpose}")
        if found:
            print(f"{'':<23}has {', '.join(found)}")
        if missing:
            print(f"{'':<23}lacks {', '.join(missing)}; pip install 'ironbatch[{extra}]'")
    if some_missing:
        print("  all of them, but for the large ones: pip install 'ironbatch[all]'")
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
