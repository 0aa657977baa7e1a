"""Run projects that were written for BatchFlow, as they are.

`install_as_batchflow` makes ``import batchflow`` and its submodules resolve to the classes here,
which are those of `ironbatch` with what existing code leans on besides: BatchFlow's order of
items, components that hold whatever is assigned to them, names below the public surface. Nothing
else in `ironbatch` depends on this package.

``python -m ironbatch.compat script.py`` runs a script so without a change to it.
"""

from ironbatch.compat.install import install_as_batchflow, is_installed

__all__ = ["install_as_batchflow", "is_installed"]
