"""Kernels that come in libraries of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from ironbatch._core import load_kernel_library, read_kernel_capsule
from ironbatch.kernels.kernel import Kernel

__all__ = ["KernelLibrary", "load_kernels"]


class KernelLibrary:
    """The kernels of a library, as attributes.

    Parameters
    ----------
    name, version : str
        What the library calls itself.
    kernels : list of Kernel
        Its kernels.
    """

    def __init__(self, name: str, version: str, kernels: list[Kernel]) -> None:
        self.__name__ = name
        self.__version__ = version
        self._kernels = {kernel.__name__: kernel for kernel in kernels}

    def __getattr__(self, name: str) -> Kernel:
        # Looked up without this method: an object being unpickled has no attributes yet.
        kernel: Kernel | None = self.__dict__.get("_kernels", {}).get(name)
        if kernel is None:
            known = ", ".join(self.__dict__.get("_kernels", {}))
            raise AttributeError(
                f"library {self.__dict__.get('__name__')!r} has no kernel {name!r}; "
                f"its kernels are {known}"
            )
        return kernel

    def __getitem__(self, name: str) -> Kernel:
        return self._kernels[name]

    def __iter__(self) -> Iterator[Kernel]:
        return iter(self._kernels.values())

    def __len__(self) -> int:
        return len(self._kernels)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._kernels})

    def __repr__(self) -> str:
        return f"<kernels of {self.__name__} {self.__version__}: {', '.join(self._kernels)}>"

    def _repr_html_(self) -> str:
        from ironbatch.display.kernel import library_html

        return library_html(self)


def load_kernels(source: Any, *, module: str | None = None) -> KernelLibrary:
    """Load kernels that were compiled against the ironbatch SDK.

    A library stays loaded until the process ends. Loading one runs its code: trust it like a
    program.

    Parameters
    ----------
    source : path-like or object
        Path of a shared library that exports a kernel table, or an object whose
        ``__kernel_table__()`` returns one in a capsule named ``ironbatch.kernel_table.v1``. A path
        without a suffix may leave out the one that Python gives to compiled modules.
    module : str, optional
        The module that has the kernels as attributes, from which they are unpickled; by default
        the one that calls this. There it takes an assignment for each kernel:
        ``despike = load_kernels(path).despike``.

    Returns
    -------
    KernelLibrary
        With each kernel as an attribute.

    Raises
    ------
    ImportError
        If there is no such file, it is no library of kernels, or it was built for another version
        of the interface; the message says which version is wanted and found.
    """
    if module is None:
        module = sys._getframe(1).f_globals.get("__name__", "__main__")
    table = getattr(source, "__kernel_table__", None)
    if table is not None:
        name, version, natives = read_kernel_capsule(table(), repr(source), source)
    else:
        name, version, natives = load_kernel_library(_with_suffix(os.fspath(source)))
    return KernelLibrary(name, version, [Kernel(native, module) for native in natives])


def _with_suffix(path: str) -> str:
    """Return the path of the compiled module that a path without a suffix means."""
    if Path(path).is_dir():
        raise ImportError(f"{path}: is a folder, not a library of kernels", path=path)
    if Path(path).suffix or Path(path).exists():
        return path
    for suffix in EXTENSION_SUFFIXES:
        if Path(path + suffix).exists():
            return path + suffix
    raise ImportError(
        f"there is no library {path!r}, nor with one of the suffixes "
        f"{', '.join(EXTENSION_SUFFIXES)}; has the package that it belongs to been installed?",
        path=path,
    )
