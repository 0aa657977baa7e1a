"""Import optional packages where they are used, with an error that says how to get them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ironbatch.errors import MissingPackageError


def need(package: str, *, extra: str, what: str) -> ModuleType:
    """Import an optional package.

    Parameters
    ----------
    package : str
        Name to import, such as ``'pandas'``.
    extra : str
        The extra of ironbatch that installs it.
    what : str
        What it is needed for, as the subject of a sentence: ``"format 'csv'"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingPackageError
        If it is not installed; the message holds the pip command.

    Examples
    --------
    >>> need('json', extra='test', what='this example').__name__
    'json'
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != package.split(".")[0]:
            raise
        raise MissingPackageError(
            f"{what} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'ironbatch[{extra}]'",
            name=package,
        ) from error
