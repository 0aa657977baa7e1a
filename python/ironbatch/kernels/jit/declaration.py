"""What the signature of a Python function says about the kernel that is made of it."""

from __future__ import annotations

import dis
import inspect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

import numpy as np

__all__ = ["Declaration", "declare"]

# Name, type, dtype and axes of values per item, whether there is a default, default.
_Param = tuple[str, str, tuple[str, int, bool] | None, bool, Any]
_TYPES = {bool: "bool", int: "int", float: "float", str: "str"}
_ITEM_DTYPES = {"bool": "bool", "int": "int64", "float": "float64"}


@dataclass(frozen=True)
class Declaration:
    """A kernel as its function declares it; has what `NativeKernel` tells about a compiled one.

    Attributes
    ----------
    name, doc : str
        Of the function.
    inputs, outputs : list of str
        Its arguments that are arrays.
    params : list of tuple
        For each parameter: name, type, dtype and axes of values per item, whether it has a default,
        default.
    random : bool
        Whether it takes ``rng``.
    order : tuple of str
        All arguments, as the function takes them.
    """

    name: str
    doc: str
    inputs: list[str]
    outputs: list[str]
    params: list[_Param]
    random: bool
    order: tuple[str, ...]
    elementwise: bool = field(default=False, init=False)
    varying: bool = field(default=False, init=False)
    takes_ragged: bool = field(default=True, init=False)

    @property
    def growing(self) -> list[str | None]:
        """How each output grows: none does."""
        return [None] * len(self.outputs)

    @property
    def signature(self) -> str:
        """The kernel's signature as Python code."""
        params = [
            f"{name}: {kind} = {default!r}" if has_default else f"{name}: {kind}"
            for name, kind, _, has_default, default in self.params
        ]
        star = ["*"] if params else []
        return f"{self.name}({', '.join([*self.inputs, *star, *params])})"


def declare(function: FunctionType, outputs: Sequence[str] | None) -> Declaration:
    """Read the signature of a function.

    Parameters
    ----------
    function : function
        Its arguments are inputs, outputs and parameters, in this order.
    outputs : sequence of str or None
        Names of the outputs; None: ``out``, and what begins with ``out_``.

    Raises
    ------
    TypeError
        If the signature is none of a kernel, or the function draws from generators that no seed
        reaches.
    """
    name = function.__name__

    def refuse(what: str) -> TypeError:
        return TypeError(
            f"kernel {name}: {what}; its arguments are inputs, outputs (out, out_...) and then "
            f"parameters, such as {name}(x, out, threshold=3.0)"
        )

    arguments = inspect.signature(function).parameters
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for argument in arguments.values():
        if argument.kind in variadic:
            raise refuse(f"takes {argument}, but has to name its arguments")
    names = list(arguments)
    if outputs is None:
        chosen = [one for one in names if one == "out" or one.startswith("out_")]
    else:
        chosen = [outputs] if isinstance(outputs, str) else list(outputs)
        for one in chosen:
            if one not in arguments:
                raise refuse(f"there is no argument {one!r}, which outputs= names")
    if not chosen:
        raise refuse("has no output: call an argument out, or name it in outputs=")
    start = names.index(chosen[0])
    if names[start : start + len(chosen)] != chosen:
        raise refuse(f"the outputs {', '.join(chosen)} do not follow one another")
    inputs, others = names[:start], names[start + len(chosen) :]
    if not inputs:
        raise refuse("has no input before its outputs")
    for one in (*inputs, *chosen):
        if arguments[one].default is not inspect.Parameter.empty or one == "rng":
            raise refuse(f"{one} is an array and has no default" if one != "rng" else "rng is last")
    _check_draws(function)
    return Declaration(
        name,
        inspect.getdoc(function) or "",
        inputs,
        chosen,
        [_param(arguments[one]) for one in others if one != "rng"],
        "rng" in others,
        tuple(names),
    )


def _param(argument: inspect.Parameter) -> _Param:
    has_default = argument.default is not inspect.Parameter.empty
    default = argument.default if has_default else None
    kind = _kind(argument.annotation, default)
    per_item: tuple[str, int, bool] | None = None
    if kind in _ITEM_DTYPES:
        per_item = (_ITEM_DTYPES[kind], 0, False)
    elif kind == "ArrayLike":
        per_item = ("float64", 1, False)
    elif kind == "object":
        per_item = ("float64", 0, False)
    return argument.name, kind, per_item, has_default, default


def _kind(annotation: Any, default: Any) -> str:
    for kind, name in _TYPES.items():
        if annotation is kind or annotation == name:
            return name
    for kind, name in _TYPES.items():
        if type(default) is kind:
            return name
    return "ArrayLike" if isinstance(default, list | tuple | np.ndarray) else "object"


def _check_draws(function: FunctionType) -> None:
    """Refuse a function that draws from generators whose state nobody keeps."""
    for module in _modules(function, function.__code__):
        if module in (np.random, random):
            raise TypeError(
                f"kernel {function.__name__} draws from {module.__name__}, whose numbers follow no "
                "seed and no item: take an argument rng, a numpy.random.Generator over the item's "
                "own stream, and draw from it: rng.normal(0.0, std)"
            )


def _modules(function: FunctionType, code: CodeType) -> list[Any]:
    """Give the modules that a function looks up, alone or as an attribute of another one."""
    found: list[Any] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith("LOAD_GLOBAL"):
            found.append(function.__globals__.get(instruction.argval))
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and found:
            is_module = inspect.ismodule(found[-1])
            found.append(getattr(found[-1], instruction.argval, None) if is_module else None)
        elif instruction.opname not in ("CACHE", "PRECALL", "PUSH_NULL"):
            found.append(None)
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [*found, *(module for one in inner for module in _modules(function, one))]


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Give the names of the arguments of a function."""
    return tuple(inspect.signature(function).parameters)
