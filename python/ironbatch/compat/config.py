"""Configs with the dictionary that they hold."""

from __future__ import annotations

from typing import Any

from ironbatch.config import Config as _Config

__all__ = ["Config"]


class Config(_Config):
    """A tree of options; see `ironbatch.Config`.

    Examples
    --------
    >>> Config({'model/lr': 0.1}).config
    {'model': {'lr': 0.1}}
    """

    __slots__ = ()

    @property
    def config(self) -> dict[str, Any]:
        """The options as nested dictionaries; a change of them is a change of the config."""
        return self._tree
