"""Short words for the arguments of a step, whatever their size; nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ironbatch._core import BatchBase
from ironbatch.namedexpr import NamedExpression

__all__ = ["brief", "brief_call", "lean"]

_MOST = 6
"""How many elements of a container are shown."""

_LARGEST = 200
"""How many parts an expression may have to be shown in full."""


def brief(value: Any, limit: int = 60) -> str:
    """Describe a value in at most `limit` characters; large ones by their type and size.

    Parameters
    ----------
    value : object
        The value.
    limit : int
        How long the text may be.

    Examples
    --------
    >>> import numpy as np
    >>> brief(np.zeros((1000, 64, 64))), brief(list(range(1000)))
    ('array of 1000x64x64 float64', '[0, 1, 2, 3, 4, 5, ... 1000 elements]')
    """
    text = " ".join(_brief(value, 2).split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def brief_call(name: str, args: Any = (), kwargs: Any = None, save_to: Any = None) -> str:
    """Describe a call as it was written."""
    parts = [brief(one) for one in args]
    parts += [f"{key}={brief(one)}" for key, one in (kwargs or {}).items()]
    if save_to is not None:
        parts.append(f"save_to={brief(save_to)}")
    return f"{name}({', '.join(parts)})"


def lean(value: Any) -> Any:
    """Give a value with nothing in the place of its large containers, for those who look inside."""
    if isinstance(value, NamedExpression):
        twin = object.__new__(type(value))
        twin.__dict__.update({name: lean(part) for name, part in value.__dict__.items()})
        return twin
    if isinstance(value, list | tuple | set | frozenset | dict):
        if len(value) > _LARGEST:
            return ()
        if isinstance(value, dict):
            return {key: lean(one) for key, one in value.items()}
        if type(value) in (list, tuple):
            return type(value)([lean(one) for one in value])
    return value


def _brief(value: Any, depth: int) -> str:
    if isinstance(value, NamedExpression):
        return repr(value) if _is_small(value) else f"{type(value).__name__}(...)"
    if isinstance(value, str | bytes):
        return repr(value if len(value) <= 80 else value[:80])
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return _container(value, depth)
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return str(value.__qualname__)
    if isinstance(value, BatchBase) or hasattr(type(value), "gen_batch"):
        return type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
        dtype = getattr(value, "dtype", "")
        return f"{kind} of {'x'.join(map(str, shape))} {dtype}".rstrip()
    if getattr(type(value), "runs_natively", False) is True:
        return _kernel(value)
    try:
        size = len(value)
    except Exception:
        size = 0
    if size > _LARGEST:
        return f"{type(value).__name__} of {size}"
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _kernel(value: Any) -> str:
    params = getattr(value, "params", None)
    if not params:
        return f"kernel {value.__name__}"
    return f"kernel {value.__name__}({', '.join(f'{k}={brief(v)}' for k, v in params.items())})"


def _container(value: Any, depth: int) -> str:
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    if isinstance(value, tuple):
        opening, closing = "(", ")"
    if not depth:
        return f"{opening}...{closing}" if len(value) else f"{opening}{closing}"
    shown = []
    for number, one in enumerate(value.items() if isinstance(value, Mapping) else value):
        if number == _MOST:
            shown.append(f"... {len(value)} elements")
            break
        if isinstance(value, Mapping):
            shown.append(f"{_brief(one[0], depth - 1)}: {_brief(one[1], depth - 1)}")
        else:
            shown.append(_brief(one, depth - 1))
    if isinstance(value, tuple) and len(value) == 1:
        return f"({shown[0]},)"
    if isinstance(value, set | frozenset) and not value:
        return f"{type(value).__name__}()"
    return f"{opening}{', '.join(shown)}{closing}"


def _is_small(expression: NamedExpression) -> bool:
    """Whether an expression holds no large arrays or containers, nor foreign objects of size."""
    waiting: list[Any] = [expression]
    for _ in range(_LARGEST):
        if not waiting:
            return True
        value = waiting.pop()
        if isinstance(value, NamedExpression):
            waiting.extend(part for name, part in value.__dict__.items() if name != "_bound")
        elif isinstance(value, str | bytes):
            if len(value) > _LARGEST:
                return False
        elif isinstance(value, list | tuple | set | frozenset | Mapping):
            if len(value) > _LARGEST:
                return False
            waiting.extend(value)
            if isinstance(value, Mapping):
                waiting.extend(value.values())
        elif not (value is None or callable(value) or isinstance(value, int | float | complex)):
            try:
                if len(value) > _LARGEST or getattr(value, "size", 0) > _LARGEST:
                    return False
            except TypeError:
                continue
    return False
