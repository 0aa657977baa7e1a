"""Named expressions: values that do not exist yet when a pipeline is written.

An expression is a small tree. `_value(batch, scope)` computes it, `_write(value, batch, scope)`
stores to it where that makes sense. Attribute access, items, calls and operators on an expression
give larger trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ironbatch.namedexpr.operators import BINARY, COMPARE, OPERATORS, RANKS, UFUNCS, UNARY
from ironbatch.namedexpr.scope import Scope
from ironbatch.namedexpr.written import (
    ATOM_RANK,
    UNARY_RANK,
    call,
    name_expression,
    operand,
    shown,
)

__all__ = ["MODES", "NamedExpression", "evaluate"]

MODES = {
    "w": "w",
    "write": "w",
    "a": "a",
    "append": "a",
    "e": "e",
    "extend": "e",
    "u": "u",
    "update": "u",
}
"""Ways of storing a value, by long and short name."""


def evaluate(value: Any, batch: Any, scope: Scope) -> Any:
    """Compute a value: an expression, a container that may hold some, or anything else as it is."""
    if isinstance(value, NamedExpression):
        return value._compute(batch, scope)
    kind = type(value)
    if kind is list:
        return [evaluate(one, batch, scope) for one in value]
    if kind is tuple:
        return tuple([evaluate(one, batch, scope) for one in value])
    if kind is dict:
        return {
            evaluate(key, batch, scope): evaluate(one, batch, scope) for key, one in value.items()
        }
    if kind is slice:
        return slice(
            *(evaluate(one, batch, scope) for one in (value.start, value.stop, value.step))
        )
    if has_expression(value):
        return evaluate_other(value, batch, scope)
    return value


def evaluate_other(value: Any, batch: Any, scope: Scope) -> Any:
    """Compute a container of a less common type, keeping the type."""
    from collections import defaultdict

    from ironbatch.config import Config

    if isinstance(value, Config):
        return Config({key: evaluate(one, batch, scope) for key, one in value.flatten().items()})
    if isinstance(value, defaultdict):
        result: dict[Any, Any] = defaultdict(value.default_factory)
        result.update(
            {evaluate(k, batch, scope): evaluate(v, batch, scope) for k, v in value.items()}
        )
        return result
    if isinstance(value, tuple):  # a named tuple
        return type(value)(*(evaluate(one, batch, scope) for one in value))
    if isinstance(value, dict):
        return type(value)({k: evaluate(v, batch, scope) for k, v in value.items()})
    return type(value)(evaluate(one, batch, scope) for one in value)


def has_expression(value: Any) -> bool:
    """Whether a value is a named expression or a container that holds one."""
    if isinstance(value, NamedExpression):
        return True
    if isinstance(value, list | tuple):
        return any(has_expression(one) for one in value)
    if isinstance(value, dict):
        return any(has_expression(key) or has_expression(one) for key, one in value.items())
    if isinstance(value, slice):
        return any(has_expression(one) for one in (value.start, value.stop, value.step))
    if type(value).__name__ == "Config":
        from ironbatch.config import Config

        return isinstance(value, Config) and has_expression(value._tree)
    return False


class _Named(type):
    """`B.images` is `B('images')`."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        expression = cls(name)
        expression.__dict__["_dotted"] = True
        return expression


class NamedExpression(metaclass=_Named):
    """Base class of all expressions.

    Parameters
    ----------
    name : str or NamedExpression, optional
        What it refers to.
    mode : {'w', 'a', 'e', 'u'}
        How a value is stored: written over the old one, appended, extending it, or updating it
        (sets and dictionaries).
    """

    _name: Any
    _mode: str
    _bound: tuple[Any, Any] | None
    _dotted = False
    """Whether it was written as `B.name`."""
    _rank = ATOM_RANK
    """How close the operator binds that it is written with."""

    def __init__(self, name: Any = None, mode: str = "w") -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, MODES))}, got {mode!r}")
        self._name = name
        self._mode = MODES[mode]
        self._bound = None

    # What subclasses define

    def _value(self, batch: Any, scope: Scope) -> Any:
        raise NotImplementedError

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        raise TypeError(f"{self!r} cannot be assigned to")

    def _callee(self, batch: Any, scope: Scope) -> Any:
        """Give what `self(...)` calls; `F` overrides it, as its own value is already a call."""
        return self._compute(batch, scope)

    def _lock(self, batch: Any, scope: Scope) -> Any:
        """Give the lock that a read-modify-write holds; None where nothing is shared."""
        return None

    # Reading and storing

    def _compute(self, batch: Any, scope: Scope) -> Any:
        try:
            value = self._value(batch, scope)
            if isinstance(value, NamedExpression):
                value = self._further(value, batch, scope)
            return value
        except Exception as error:
            name_expression(error, self)
            raise

    def _further(self, value: NamedExpression, batch: Any, scope: Scope) -> Any:
        """Give the value of an expression that turned out to be the value of this one."""
        return value._compute(batch, scope)

    def _closure(self) -> Callable[[Any, Scope], Any]:
        """Give a function that computes the expression, with what is known already worked out."""
        return self._compute

    def _resolved_name(self, batch: Any, scope: Scope) -> Any:
        name = self._name
        return name._compute(batch, scope) if isinstance(name, NamedExpression) else name

    def _store(self, value: Any, mode: str | None, batch: Any, scope: Scope) -> None:
        mode = self._mode if mode is None else MODES[mode]
        try:
            if mode == "w":
                self._write(value, batch, scope)
                return
            lock = self._lock(batch, scope)
            if lock is None:
                self._change(value, mode, batch, scope)
            else:
                with lock:
                    self._change(value, mode, batch, scope)
        except Exception as error:
            error.add_note(f"while storing to {self!r}")
            raise

    def _change(self, value: Any, mode: str, batch: Any, scope: Scope) -> None:
        there = self._compute(batch, scope)
        if there is None:
            self._write(value, batch, scope)
        elif mode == "u" or (mode == "a" and isinstance(there, set | dict)):
            there.update(value)
        elif mode == "a":
            there.append(value)
        else:
            there.extend(value)

    def _context(self, batch: Any, pipeline: Any, iteration: Any = None) -> tuple[Any, Scope]:
        if batch is None and pipeline is None and self._bound is not None:
            return self._bound
        return batch, scope_of(batch, pipeline, iteration)

    def get(self, *, batch: Any = None, pipeline: Any = None, iteration: int | None = None) -> Any:
        """Compute the expression.

        Parameters
        ----------
        batch : Batch, optional
            The batch it is about.
        pipeline : Pipeline, optional
            The pipeline it is about; that of the batch by default.
        iteration : int, optional
            The iteration it is about; that of the batch by default.
        """
        return self._compute(*self._context(batch, pipeline, iteration))

    def set(
        self,
        value: Any,
        mode: str | None = None,
        eval: bool = True,
        *,
        batch: Any = None,
        pipeline: Any = None,
    ) -> None:
        """Store a value.

        Parameters
        ----------
        value : object
            What to store; an expression is computed first if `eval`.
        mode : {'w', 'a', 'e', 'u'}, optional
            How; the mode of the expression by default. Whatever the mode, a value takes the
            place of None.
        eval : bool
            Whether expressions in `value` are computed.
        batch, pipeline
            As in `get`.

        Raises
        ------
        TypeError
            If the expression cannot be assigned to.
        """
        batch, scope = self._context(batch, pipeline)
        if eval:
            value = evaluate(value, batch, scope)
        self._store(value, mode, batch, scope)

    def assign(self, value: Any, *, batch: Any = None, pipeline: Any = None) -> None:
        """Store a value over the old one."""
        self.set(value, "w", batch=batch, pipeline=pipeline)

    def append(self, value: Any, *, batch: Any = None, pipeline: Any = None) -> None:
        """Append a value to a list, or update a set or a dictionary with it."""
        self.set(value, "a", batch=batch, pipeline=pipeline)

    def extend(self, value: Any, *, batch: Any = None, pipeline: Any = None) -> None:
        """Extend a list."""
        self.set(value, "e", batch=batch, pipeline=pipeline)

    def update(self, value: Any, *, batch: Any = None, pipeline: Any = None) -> None:
        """Update a set or a dictionary."""
        self.set(value, "u", batch=batch, pipeline=pipeline)

    def set_params(self, *, batch: Any = None, pipeline: Any = None) -> None:
        """Bind the expression to a batch, so that `get` and `set` need no further arguments."""
        self._bound = (batch, scope_of(batch, pipeline, None))

    def _bind(self, batch: Any, scope: Scope) -> NamedExpression:
        """Give a copy that is bound, for actions that take an expression unevaluated."""
        from copy import copy

        twin = copy(self)
        twin._bound = (batch, scope)
        return twin

    # Larger trees

    def str(self) -> NamedExpression:
        """Convert the value to a str."""
        return _Apply("str", str, (self,))

    def format(self, pattern: Any) -> NamedExpression:
        """Insert the value into a pattern for `str.format`."""
        return _Apply("format", _insert, (self, pattern))

    def __getattr__(self, name: Any) -> Any:
        if isinstance(name, str_type) and name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return _Attribute(self, name)

    def __getitem__(self, key: Any) -> Any:
        return _Item(self, key)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the value."""
        return _Call(self, args, kwargs)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self!r} has no value before the pipeline runs, so it cannot be iterated")

    def __contains__(self, item: Any) -> bool:
        raise TypeError(f"{self!r} has no value before the pipeline runs; use F for such tests")

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} has no value before the pipeline runs, so it is neither true nor false; "
            "use &, | and ~ in place of and, or and not, and IF for a choice"
        )

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        """Let NumPy's functions, and operators between arrays and expressions, give expressions."""
        if "out" in kwargs:
            raise TypeError(f"{self!r} has no value before the pipeline runs")
        if method == "__call__" and not kwargs:
            symbol = UFUNCS.get(ufunc.__name__)
            function = OPERATORS.get((len(inputs), symbol or ""))
            if symbol is not None and function is not None:
                return _Apply(symbol, function, inputs)
        from ironbatch.namedexpr.expressions import F

        return F(ufunc if method == "__call__" else getattr(ufunc, method))(*inputs, **kwargs)

    def _options(self) -> dict[Any, Any]:
        """Give arguments that are not what they are by default, for `repr`."""
        return {} if self._mode == "w" else {"mode": self._mode}

    def __repr__(self) -> Any:
        kind = type(self).__name__
        if self._dotted:
            return f"{kind}.{self._name}"
        return call(kind, () if self._name is None else (self._name,), self._options())

    def __getstate__(self) -> dict[Any, Any]:
        return {**self.__dict__, "_bound": None}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        self.__dict__.update(state)

    __hash__ = object.__hash__


str_type = str


def _insert(value: Any, pattern: Any) -> Any:
    return pattern.format(value)


def scope_of(batch: Any, pipeline: Any, iteration: int | None) -> Scope:
    """Give the scope of a batch, or make one for a pipeline."""
    scope: Scope | None = None
    if batch is not None:
        scope = getattr(batch, "__dict__", {}).get("_scope")
        if pipeline is None:
            pipeline = getattr(batch, "pipeline", None)
    if scope is None or (pipeline is not None and scope.pipeline is not pipeline) or iteration:
        scope = Scope(pipeline, iteration or (scope.iteration if scope else 1))
    return scope


class _Attribute(NamedExpression):
    def __init__(self, base: NamedExpression, name: Any) -> None:
        super().__init__(name)
        self._base = base

    def _value(self, batch: Any, scope: Scope) -> Any:
        return getattr(self._base._compute(batch, scope), self._resolved_name(batch, scope))

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        setattr(self._base._compute(batch, scope), self._resolved_name(batch, scope), value)

    def _lock(self, batch: Any, scope: Scope) -> Any:
        return self._base._lock(batch, scope)

    def __repr__(self) -> str_type:
        return f"{operand(self._base, ATOM_RANK)}.{self._name}"


class _Item(NamedExpression):
    def __init__(self, base: NamedExpression, key: Any) -> None:
        super().__init__(key)
        self._base = base

    def _value(self, batch: Any, scope: Scope) -> Any:
        return self._base._compute(batch, scope)[evaluate(self._name, batch, scope)]

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        self._base._compute(batch, scope)[evaluate(self._name, batch, scope)] = value

    def _lock(self, batch: Any, scope: Scope) -> Any:
        return self._base._lock(batch, scope)

    def __repr__(self) -> str_type:
        key = self._name
        keys = key if type(key) is tuple and key else (key,)
        text = ", ".join(map(_key_text, keys)) + (
            "," if type(key) is tuple and len(key) == 1 else ""
        )
        return f"{operand(self._base, ATOM_RANK)}[{text}]"


def _key_text(key: Any) -> str_type:
    if key is Ellipsis:
        return "..."
    if not isinstance(key, slice):
        return shown(key)
    parts = ["" if part is None else shown(part) for part in (key.start, key.stop)]
    return ":".join(parts) + ("" if key.step is None else f":{shown(key.step)}")


class _Call(NamedExpression):
    def __init__(
        self, base: NamedExpression, args: tuple[Any, ...], kwargs: dict[Any, Any]
    ) -> None:
        super().__init__()
        self._base = base
        self._args = args
        self._kwargs = kwargs

    def _value(self, batch: Any, scope: Scope) -> Any:
        function = self._base._callee(batch, scope)
        args = evaluate(self._args, batch, scope)
        return function(*args, **evaluate(self._kwargs, batch, scope))

    def __repr__(self) -> str_type:
        return call(operand(self._base, ATOM_RANK), self._args, self._kwargs)


class _Apply(NamedExpression):
    """A function of the values of some expressions."""

    def __init__(
        self, symbol: str_type, function: Callable[..., Any], operands: tuple[Any, ...]
    ) -> None:
        super().__init__()
        self._symbol = symbol
        self._function = function
        self._operands = operands

    def _value(self, batch: Any, scope: Scope) -> Any:
        return self._function(*[evaluate(one, batch, scope) for one in self._operands])

    @property
    def _rank(self) -> int:  # type: ignore[override]
        if len(self._operands) == 2:
            return RANKS.get(self._symbol, ATOM_RANK)
        return UNARY_RANK if self._symbol in ("-", "+", "~") else ATOM_RANK

    def __repr__(self) -> str_type:
        symbol, (first, *more) = self._symbol, self._operands
        if symbol in ("str", "format"):
            return call(f"{operand(first, ATOM_RANK)}.{symbol}", more, {})
        if symbol == "abs":
            return f"abs({first!r})"
        rank = self._rank
        if not more:
            return f"{symbol}{operand(first, rank)}"
        # Of equal operators the left one goes first, but for powers; comparisons do not chain.
        left = rank + 1 if symbol == "**" or rank == RANKS["=="] else rank
        right = rank if symbol == "**" else rank + 1
        return f"{operand(first, left)} {symbol} {operand(more[0], right)}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Operators are found again by their symbol, so no function is pickled.
        if self._symbol in ("str", "format"):
            return _rebuild_method, (self._symbol, self._operands)
        return _rebuild_operator, (self._symbol, self._operands)


def _rebuild_method(symbol: str_type, operands: tuple[Any, ...]) -> NamedExpression:
    expression: NamedExpression = getattr(operands[0], symbol)(*operands[1:])
    return expression


def _rebuild_operator(symbol: str_type, operands: tuple[Any, ...]) -> NamedExpression:
    return _Apply(symbol, OPERATORS[len(operands), symbol], operands)


def _add_operator(name: str_type, symbol: str_type, function: Callable[..., Any]) -> None:
    def forward(self: NamedExpression, other: Any) -> NamedExpression:
        return _Apply(symbol, function, (self, other))

    def reflected(self: NamedExpression, other: Any) -> NamedExpression:
        return _Apply(symbol, function, (other, self))

    setattr(NamedExpression, f"__{name}__", forward)
    if name in BINARY:
        setattr(NamedExpression, f"__r{name}__", reflected)


def _add_unary(name: str_type, symbol: str_type, function: Callable[..., Any]) -> None:
    setattr(NamedExpression, f"__{name}__", lambda self: _Apply(symbol, function, (self,)))


for _name, (_symbol, _function) in (BINARY | COMPARE).items():
    _add_operator(_name, _symbol, _function)
for _name, (_symbol, _function) in UNARY.items():
    _add_unary(_name, _symbol, _function)
