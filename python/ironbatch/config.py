"""Configuration: nested dictionaries addressed by paths such as ``'model/optimizer/lr'``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Self

__all__ = ["Config"]

_MISSING: Any = object()


def _parts(path: Any) -> list[str]:
    if not isinstance(path, str):
        raise TypeError(f"keys of a Config are str, got {path!r} of type {type(path).__name__}")
    return [part for part in path.split("/") if part]


def _path_of_an_option(path: Any) -> list[str]:
    parts = _parts(path)
    if not parts:
        raise ValueError(f"{path!r} is the root of the config, not an option")
    return parts


class Config:
    """A tree of options.

    A key with slashes leads into the tree; several slashes in a row count as one. Nested
    dictionaries come back as `Config` objects over the same memory, so writing to them writes to
    the tree.

    Parameters
    ----------
    config : Config, dict, or iterable of (path, value) pairs, optional
        What it holds at first. A `Config` is shared, not copied.
    **kwargs
        Further options.

    Raises
    ------
    TypeError
        If a key is not a str.

    Examples
    --------
    >>> config = Config({'model/lr': 0.1}, batch_size=64)
    >>> config['model/depth'] = 3
    >>> config.model
    Config({'lr': 0.1, 'depth': 3})
    >>> config.get('model/momentum', default=0.9)
    0.9
    >>> config.flatten()
    {'model/lr': 0.1, 'model/depth': 3, 'batch_size': 64}
    """

    __slots__ = ("_tree",)

    _tree: dict[str, Any]

    def __init__(
        self, config: Config | Mapping[str, Any] | Iterable[Any] | None = None, **kwargs: Any
    ) -> None:
        tree: dict[str, Any] = config._tree if isinstance(config, Config) else {}
        object.__setattr__(self, "_tree", tree)
        if config is not None and not isinstance(config, Config):
            pairs: Any = config.items() if isinstance(config, Mapping) else config
            if isinstance(pairs, str) or not isinstance(pairs, Iterable):
                raise TypeError(
                    "a Config is made of a dictionary, a Config or (path, value) pairs, "
                    f"got {config!r} of type {type(config).__name__}"
                )
            for path, value in pairs:
                self.put(path, value)
        for path, value in kwargs.items():
            self.put(path, value)

    # Reading

    def get(self, path: str | list[str], default: Any = None) -> Any:
        """Give the option at a path, or a list of options for a list of paths.

        Parameters
        ----------
        path : str or list of str
            Where it is.
        default : object
            What to give when there is no such option.
        """
        if isinstance(path, list | tuple):
            return [self.get(one, default) for one in path]
        value = self._find(path)
        return default if value is _MISSING else _wrap(value)

    def _find(self, path: str) -> Any:
        node: Any = self._tree
        for part in _parts(path):
            if not isinstance(node, dict) or part not in node:
                return _MISSING
            node = node[part]
        return node

    def __getitem__(self, path: str | list[str]) -> Any:
        if isinstance(path, list | tuple):
            return [self[one] for one in path]
        value = self._find(path)
        if value is _MISSING:
            raise KeyError(self._unknown(path))
        return _wrap(value)

    def _unknown(self, path: str) -> str:
        near = get_close_matches(path, {**self.flatten(), **self._tree}, n=3)
        hint = f"; near names: {', '.join(near)}" if near else ""
        return f"the config has no option {path!r}{hint}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._find(name)
        if value is _MISSING:
            raise AttributeError(self._unknown(name))
        return _wrap(value)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._find(path) is not _MISSING

    # Writing

    def put(self, path: str, value: Any) -> None:
        """Write an option, merging a dictionary into the one that is there.

        A value that stands in the way of the path is replaced.
        """
        parts = _parts(path)
        if isinstance(value, Config):
            value = value._tree
        if not parts:
            if not isinstance(value, Mapping):
                raise TypeError(f"the root of a Config is a dictionary, got {type(value).__name__}")
            for key, inner in value.items():
                self.put(key, inner)
            return
        node = self._tree
        for part in parts[:-1]:
            inner = node.get(part)
            if not isinstance(inner, dict):
                inner = node[part] = {}
            node = inner
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            there = node.get(parts[-1])
            child = there if isinstance(there, dict) else {}
            node[parts[-1]] = child
            nested = Config()
            object.__setattr__(nested, "_tree", child)
            for key, inner in value.items():
                nested.put(key, inner)
        else:
            node[parts[-1]] = value

    def pop(self, path: str | list[str], default: Any = _MISSING) -> Any:
        """Remove an option and give its value.

        Raises
        ------
        KeyError
            If there is no such option and no default.
        """
        if isinstance(path, list | tuple):
            return [self.pop(one, default) for one in path]
        value = self._find(path)
        if value is _MISSING:
            if default is _MISSING:
                raise KeyError(self._unknown(path))
            return default
        *parents, last = _path_of_an_option(path)
        node = self._tree
        for part in parents:
            node = node[part]
        del node[last]
        return _wrap(value)

    def __setitem__(self, path: str, value: Any) -> None:
        _path_of_an_option(path)
        self.pop(path, None)
        self.put(path, value)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delitem__(self, path: str) -> None:
        self.pop(path)

    def update(self, other: Any = None, **kwargs: Any) -> None:
        """Write the options of another config, a dictionary or keyword arguments."""
        if other is not None:
            for path, value in Config(other).flatten().items():
                self.put(path, value)
        for path, value in kwargs.items():
            self.put(path, value)

    # As a mapping

    def flatten(self) -> dict[str, Any]:
        """Give all options with their full paths."""
        flat: dict[str, Any] = {}
        _flatten(self._tree, "", flat)
        return flat

    def keys(self, flatten: bool = False) -> Iterable[str]:
        """Give the keys, or with `flatten` the full paths."""
        return (self.flatten() if flatten else self._tree).keys()

    def values(self, flatten: bool = False) -> Iterable[Any]:
        """Give the values, or with `flatten` those of the full paths."""
        return [value for _, value in self.items(flatten)]

    def items(self, flatten: bool = False) -> Iterable[tuple[str, Any]]:
        """Give pairs of keys and values, or with `flatten` of full paths and values."""
        pairs = (self.flatten() if flatten else self._tree).items()
        return [(key, _wrap(value)) for key, value in pairs]

    def copy(self) -> Config:
        """Copy the tree; the values in it are shared."""
        return Config(self.flatten())

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree)

    def __len__(self) -> int:
        return len(self._tree)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Config):
            return bool(self._tree == other._tree)
        if not isinstance(other, dict) or not all(isinstance(key, str) for key in other):
            return False
        return bool(self._tree == Config(other)._tree)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Config:
        if not isinstance(other, Config | Mapping):
            return NotImplemented
        result = self.copy()
        result.update(other)
        return result

    def __radd__(self, other: Any) -> Config:
        if not isinstance(other, Mapping):
            return NotImplemented
        return Config(other) + self

    def __rshift__(self, other: Any) -> Any:
        return NotImplemented if not hasattr(other, "__lshift__") else other << self

    def __getstate__(self) -> dict[str, Any]:
        return self._tree

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "_tree", state)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._tree)

    def __copy__(self) -> Self:
        return type(self)(self.copy())

    def __repr__(self) -> str:
        return f"Config({self._tree!r})"


def _wrap(value: Any) -> Any:
    if type(value) is dict and all(isinstance(key, str) for key in value):
        config = Config()
        object.__setattr__(config, "_tree", value)
        return config
    return value


def _flatten(tree: dict[str, Any], prefix: str, into: dict[str, Any]) -> None:
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if type(value) is dict and value and all(isinstance(inner, str) for inner in value):
            _flatten(value, f"{path}/", into)
        else:
            into[path] = value


def _rebuild(cls: type[Config], tree: dict[str, Any]) -> Config:
    config = cls()
    object.__setattr__(config, "_tree", tree)
    return config
