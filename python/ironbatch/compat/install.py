"""Have ``import batchflow`` find the classes of this package."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Literal

from ironbatch.compat.standin import make_standin, not_provided
from ironbatch.compat.table import NAMES, PACKAGES, VERSION, advice_for
from ironbatch.targets.processes.pool import carry_out_first

__all__ = ["install_as_batchflow", "is_installed"]

Missing = Literal["raise", "later"]


def install_as_batchflow(name: str = "batchflow", *, missing: Missing = "raise") -> None:
    """Make ``import batchflow`` and its submodules resolve to this package.

    Call it before anything imports BatchFlow, in the first lines of a program or of the package
    that uses it. Worker processes of ironbatch follow by themselves.

    Parameters
    ----------
    name : str
        The name to go by; older projects have BatchFlow inside, as ``myproject.batchflow``.
    missing : {'raise', 'later'}
        What becomes of what is not provided, such as ``batchflow.research``: importing it raises,
        or gives a stand-in that raises when it is used.

    Raises
    ------
    RuntimeError
        If another package of that name is imported already.
    ValueError
        If `missing` is something else.

    Examples
    --------
    >>> install_as_batchflow('project.batchflow')
    >>> is_installed('project.batchflow'), is_installed('other.batchflow')
    (True, False)
    """
    if missing not in ("raise", "later"):
        raise ValueError(f"missing must be 'raise' or 'later', got {missing!r}")
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"name must be that of a package, got {name!r}")
    finder = _finder(name)
    if finder is None:
        _refuse_other(name)
        finder = _Finder(name)
        sys.meta_path.insert(0, finder)
        carry_out_first(
            f"from ironbatch.compat import install_as_batchflow as install; install({name!r}, "
            f"missing={missing!r})"
        )
    finder.missing = missing


def is_installed(name: str = "batchflow") -> bool:
    """Whether a name resolves to this package.

    Parameters
    ----------
    name : str
        As `install_as_batchflow` was given it.
    """
    return _finder(name) is not None


def _finder(name: str) -> _Finder | None:
    for finder in sys.meta_path:
        if isinstance(finder, _Finder) and finder.root == name:
            return finder
    return None


def _refuse_other(name: str) -> None:
    for known in (name, *(one for one in sys.modules if one.startswith(f"{name}."))):
        module = sys.modules.get(known)
        if module is None:
            continue
        where = getattr(module, "__file__", None) or "memory"
        raise RuntimeError(
            f"{known!r} is imported already, from {where}, and what has it keeps it; call "
            f"install_as_batchflow() before the first import of {name!r}: in the first lines of "
            "the program or, in a notebook, in the first cell after the kernel has restarted; "
            "'python -m ironbatch.compat script.py' does it for a script"
        )


class _Finder(MetaPathFinder):
    """Finds the modules of one name."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.missing: Missing = "raise"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.root and not fullname.startswith(f"{self.root}."):
            return None
        below = self._below(fullname)
        if below in NAMES:
            loader = _Loader(self, below)
            return ModuleSpec(fullname, loader, is_package=below in PACKAGES or below == "")
        advice = advice_for(below)
        if advice is None:
            return None
        if self.missing == "raise":
            raise not_provided(fullname, advice)
        return ModuleSpec(fullname, _Loader(self, below), is_package=True)

    def _below(self, fullname: str) -> str:
        """Give the path below the package."""
        below = fullname[len(self.root) + 1 :]
        # A submodule of a project holds the repository, and that the package of the same name.
        inner = self.root.rpartition(".")[2]
        if below == inner and below not in NAMES:
            return ""
        return below[len(inner) + 1 :] if below.startswith(f"{inner}.") else below


class _Loader(Loader):
    """Makes a module that looks its names up when they are first asked for."""

    def __init__(self, finder: _Finder, below: str) -> None:
        self.finder = finder
        self.below = below

    def exec_module(self, module: ModuleType) -> None:
        sources = NAMES.get(self.below, {})
        full = module.__name__

        def look_up(name: str) -> Any:
            if name in sources:
                path, _, attribute = sources[name].partition(":")
                value = getattr(import_module(path), attribute or name)
            elif self._is_module(name):
                return import_module(f"{full}.{name}")
            else:
                value = self._absent(full, name)
            module.__dict__[name] = value
            return value

        def listed() -> list[str]:
            return sorted({*module.__dict__, *sources})

        module.__dict__.update(
            __getattr__=look_up,
            __dir__=listed,
            __all__=[name for name in sources if not name.startswith("_")],
            __doc__=f"Names of BatchFlow's {self.below or 'top level'}, provided by ironbatch.",
        )
        if not self.below:
            module.__dict__["__version__"] = VERSION
            # There is a module of that name too, which would be put in the place of the function.
            import_module(f"{full}.notifier")
            module.__dict__["notifier"] = look_up("notifier")

    def _is_module(self, name: str) -> bool:
        path = f"{self.below}.{name}" if self.below else name
        return path in NAMES or any(one.startswith(f"{path}.") for one in NAMES)

    def _absent(self, full: str, name: str) -> Any:
        path = f"{self.below}.{name}" if self.below else name
        advice = None if name.startswith("__") else advice_for(path)
        if advice is None:
            raise AttributeError(f"module {full!r} has no attribute {name!r}")
        if self.finder.missing == "raise":
            raise not_provided(f"{full}.{name}", advice)
        return make_standin(f"{full}.{name}", advice)
