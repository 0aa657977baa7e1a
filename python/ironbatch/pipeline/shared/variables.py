"""Variables of a pipeline: named values that actions share, each with a lock."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from copy import copy
from difflib import get_close_matches
from typing import Any

import numpy as np

__all__ = ["Variable", "Variables"]


class _NotYet:
    """Stands for a value that is made when somebody asks for it."""


def _renewed(value: Any) -> Any:
    """Copy containers and arrays, so that a change of the value is none of the default."""
    kind = type(value)
    if kind in (int, float, str, bool, type(None)):
        return value
    if kind in (list, tuple, set):
        return kind([_renewed(one) for one in value])
    if kind is dict:
        return {key: _renewed(one) for key, one in value.items()}
    if isinstance(value, dict | list | set | bytearray | deque | np.ndarray):
        return copy(value)
    return value


class Variable:
    """One value.

    Parameters
    ----------
    name : hashable
        Its name.
    default : object
        The value at first and after a reset. A named expression is evaluated then; containers and
        arrays are copied, but not other objects, nor those in containers.
    lock : bool
        Whether changes take a lock.
    factory : callable, optional
        Called for a new value, instead of `default`.
    on_each_run : bool
        Whether the value starts anew with each run.
    """

    __slots__ = ("default", "factory", "guard", "name", "on_each_run", "value")

    def __init__(
        self,
        name: Hashable,
        default: Any = None,
        lock: bool = True,
        factory: Any = None,
        on_each_run: bool = False,
    ) -> None:
        self.name = name
        self.default = default
        self.guard = threading.RLock() if lock else None
        self.factory = factory
        self.on_each_run = on_each_run
        self.value: Any = None

    def reset(self, pipeline: Any = None) -> None:
        """Set the value to what it is at first."""
        from ironbatch.namedexpr import eval_expr

        if self.factory is not None:
            self.value = self.factory()
        else:
            self.value = _renewed(eval_expr(self.default, pipeline=pipeline))

    def set(self, value: Any) -> None:
        """Change the value, under its lock if it has one."""
        if self.guard is None:
            self.value = value
        else:
            with self.guard:
                self.value = value

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in self.__slots__}
        state["guard"] = self.guard is not None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.guard = threading.RLock() if state["guard"] else None


class Variables:
    """The variables of one pipeline, and the named locks of its actions.

    Parameters
    ----------
    strict : bool
        Refuse names that were not initialised, rather than creating them with a warning.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._variables: dict[Hashable, Variable] = {}
        self._locks: dict[Hashable, Any] = {}
        self._guard = threading.RLock()

    def create(
        self,
        name: Hashable,
        default: Any = None,
        lock: bool = True,
        factory: Any = None,
        on_each_run: bool = False,
        pipeline: Any = None,
    ) -> None:
        """Make a variable unless there is one of that name, and set its first value."""
        with self._guard:
            if name not in self._variables:
                variable = Variable(name, default, lock, factory, on_each_run)
                variable.reset(pipeline)
                self._variables[name] = variable

    def create_many(self, variables: Any, pipeline: Any = None) -> None:
        """Make several: a dict of default values or of keyword dictionaries, or names alone."""
        if isinstance(variables, Mapping):
            for name, default in variables.items():
                if (
                    isinstance(default, dict)
                    and set(default) & {"default", "lock"} == set(default)
                    and default
                ):
                    self.create(name, **default, pipeline=pipeline)
                else:
                    self.create(name, default, pipeline=pipeline)
            return
        if isinstance(variables, str) or not isinstance(variables, Iterable):
            variables = (variables,)
        for name in variables:
            self.create(name, pipeline=pipeline)

    def _look_up(self, name: Hashable, create: bool, default: Any, pipeline: Any) -> Variable:
        variable = self._variables.get(name)
        if variable is not None:
            return variable
        if not create:
            if self.strict:
                raise self._unknown(name)
            warnings.warn(
                f"variable {name!r} was not initialised; it is made with the value {default!r}",
                stacklevel=4,
            )
        self.create(name, default, pipeline=pipeline)
        return self._variables[name]

    def _unknown(self, name: Hashable) -> KeyError:
        near = get_close_matches(str(name), [str(known) for known in self._variables], n=3)
        hint = f"; near names: {', '.join(near)}" if near else ""
        return KeyError(f"the pipeline has no variable {name!r}{hint}")

    def get(
        self, name: Hashable, default: Any = None, create: bool = False, pipeline: Any = None
    ) -> Any:
        """Give a value; an unknown variable is made with `default`, with a warning unless `create`.

        Raises
        ------
        KeyError
            If there is no such variable and the pipeline is strict.
        """
        variable = self._variables.get(name)
        if variable is None:
            variable = self._look_up(name, create, default, pipeline)
        if variable.value is _NotYet:
            with self._guard:
                if variable.value is _NotYet:
                    variable.reset(pipeline)
        return variable.value

    def set(self, name: Hashable, value: Any, pipeline: Any = None) -> None:
        """Change a value; an unknown variable is made with a warning."""
        self._look_up(name, False, None, pipeline).set(value)

    def guard_of(self, name: Hashable) -> Any:
        """Give the lock of a variable, which read-modify-write has to hold; None if it has none."""
        return self._look_up(name, False, None, None).guard

    def delete(self, name: Hashable) -> None:
        """Remove a variable.

        Raises
        ------
        KeyError
            If there is no such variable.
        """
        with self._guard:
            if name not in self._variables:
                raise self._unknown(name)
            del self._variables[name]

    def clear(self) -> None:
        """Remove all variables."""
        with self._guard:
            self._variables.clear()

    def reset(self, pipeline: Any = None) -> None:
        """Set all variables to what they are at first."""
        with self._guard:
            for variable in self._variables.values():
                variable.reset(pipeline)

    def start_run(self, pipeline: Any = None) -> None:
        """Set those variables that start anew with each run."""
        for variable in list(self._variables.values()):
            if variable.on_each_run:
                variable.reset(pipeline)

    def lock(self, name: Hashable = "lock") -> Any:
        """Give the lock of that name, the same one at each call."""
        lock = self._locks.get(name)
        if lock is None:
            with self._guard:
                lock = self._locks.setdefault(name, threading.RLock())
        return lock

    def copy(self, pipeline: Any = None) -> Variables:
        """Make the same variables again, with their first values."""
        from ironbatch.namedexpr import has_expression

        twin = Variables(self.strict)
        for old in list(self._variables.values()):
            variable = Variable(
                old.name, old.default, old.guard is not None, old.factory, old.on_each_run
            )
            if old.factory is None and has_expression(old.default):
                variable.reset(pipeline)
            else:
                # Every step that is added makes a copy, most of which are never used.
                variable.value = _NotYet
            twin._variables[old.name] = variable
        return twin

    def merge(self, other: Variables, pipeline: Any = None) -> None:
        """Add the variables of another pipeline whose names are not there yet."""
        for name, variable in other.copy(pipeline)._variables.items():
            self._variables.setdefault(name, variable)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __getstate__(self) -> dict[str, Any]:
        # Values of factories travel: another process would make others.
        for name in list(self._variables):
            self.get(name)
        return {"strict": self.strict, "variables": dict(self._variables)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["strict"])  # type: ignore[misc]
        self._variables = state["variables"]
