"""What stands for a class or function that is not provided, until somebody uses it."""

from __future__ import annotations

from typing import Any

__all__ = ["NotProvided", "make_standin", "not_provided"]


def not_provided(path: str, advice: str | None) -> ImportError:
    """Make the error that names what is not provided.

    Examples
    --------
    >>> not_provided('batchflow.research', 'Optuna')
    ImportError("ironbatch does not provide 'batchflow.research'; use Optuna instead")
    """
    instead = f"; use {advice} instead" if advice else ""
    return ImportError(f"ironbatch does not provide {path!r}{instead}", name=path)


class NotProvided(type):
    """Class of the stand-ins: they can be named and derived from, and do nothing else."""

    _missing: ImportError

    def _raise(cls) -> Any:
        raise ImportError(*cls._missing.args, name=cls._missing.name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Say what is not provided."""
        return cls._raise()

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls._raise()


def make_standin(path: str, advice: str | None) -> NotProvided:
    """Make a class that raises `ImportError` when an instance or an attribute is asked for.

    Parameters
    ----------
    path : str
        What it stands for.
    advice : str or None
        What to use instead.
    """
    module, _, name = path.rpartition(".")
    own = {"__module__": module, "_missing": not_provided(path, advice)}
    return NotProvided(name, (), own)
