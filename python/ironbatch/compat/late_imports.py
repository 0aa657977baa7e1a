"""Imports that are made when they are first used, or that fail then."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

__all__ = [
    "DelayedImport",
    "MissingImport",
    "make_delayed_import",
    "make_delayed_imports",
    "try_import",
]


class DelayedImport:
    """Stands for a module, or an attribute of one, that is imported at its first use.

    Parameters
    ----------
    module : str
        Its name; a relative one needs `package`.
    package : str, optional
        What a relative name is relative to.
    attribute : str, optional
        What of the module it stands for.
    help : str, optional
        What an error says besides.

    Examples
    --------
    >>> DelayedImport('math').floor(2.5)
    2
    """

    def __init__(
        self,
        module: str,
        package: str | None = None,
        attribute: str | None = None,
        help: str | None = None,
    ) -> None:
        self.module, self.package, self.attribute, self.help = module, package, attribute, help
        self._loaded_module: Any = None

    @property
    def loaded_module(self) -> Any:
        """What it stands for."""
        if self._loaded_module is None:
            try:
                found = import_module(self.module, self.package)
            except ImportError as error:
                if self.help:
                    raise ImportError(f"no module {self.module!r}: {self.help}") from error
                raise
            self._loaded_module = getattr(found, self.attribute) if self.attribute else found
        return self._loaded_module

    def __dir__(self) -> list[str]:
        return dir(self.loaded_module)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.loaded_module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call what it stands for."""
        return self.loaded_module(*args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self.loaded_module[key]


class MissingImport(DelayedImport):
    """Stands for what could not be imported: any use says so."""


def make_delayed_import(
    module: str,
    package: str | None = None,
    attribute: str | None = None,
    help: str | None = None,
) -> Any:
    """Import at the first use; at once where the module is there, or the environment says so.

    Parameters
    ----------
    module, package, attribute, help
        See `DelayedImport`. The variable ``BATCHFLOW_IMMEDIATE_IMPORT`` has all made at once.
    """
    if module in sys.modules or os.environ.get("BATCHFLOW_IMMEDIATE_IMPORT"):
        found = import_module(module, package)
        return found if attribute is None else getattr(found, attribute)
    return DelayedImport(module, package, attribute, help)


def make_delayed_imports(
    module: str,
    package: str | None = None,
    attributes: Iterable[str] = (),
    help: str | None = None,
) -> list[Any]:
    """Import several attributes of a module at their first use."""
    return [make_delayed_import(module, package, name, help) for name in attributes]


def try_import(
    module: str, package: str | None = None, attribute: Any = None, help: str | None = None
) -> Any:
    """Import now, or give a stand-in that fails when it is used.

    Parameters
    ----------
    module, package, help
        See `DelayedImport`.
    attribute : str or sequence of str, optional
        What of the module.
    """
    try:
        found = import_module(module, package)
    except ImportError:
        return MissingImport(module, package, None, help)
    if attribute is None or isinstance(attribute, str):
        return found if attribute is None else getattr(found, attribute)
    return [getattr(found, name) for name in attribute]
