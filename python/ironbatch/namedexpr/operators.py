"""The operators of expressions: what they compute, how close they bind, what NumPy calls them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

__all__ = ["BINARY", "COMPARE", "OPERATORS", "RANKS", "UFUNCS", "UNARY"]

BINARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "add": ("+", operator.add),
    "sub": ("-", operator.sub),
    "mul": ("*", operator.mul),
    "truediv": ("/", operator.truediv),
    "floordiv": ("//", operator.floordiv),
    "mod": ("%", operator.mod),
    "pow": ("**", operator.pow),
    "matmul": ("@", operator.matmul),
    "lshift": ("<<", operator.lshift),
    "rshift": (">>", operator.rshift),
    "and": ("&", operator.and_),
    "or": ("|", operator.or_),
    "xor": ("^", operator.xor),
}
COMPARE: dict[str, tuple[str, Callable[..., Any]]] = {
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
}
UNARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "neg": ("-", operator.neg),
    "pos": ("+", operator.pos),
    "abs": ("abs", operator.abs),
    "invert": ("~", operator.invert),
}
OPERATORS = {
    **{(2, symbol): function for symbol, function in (*BINARY.values(), *COMPARE.values())},
    **{(1, symbol): function for symbol, function in UNARY.values()},
}

UFUNCS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "floor_divide": "//",
    "remainder": "%",
    "power": "**",
    "matmul": "@",
    "left_shift": "<<",
    "right_shift": ">>",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "negative": "-",
    "positive": "+",
    "absolute": "abs",
    "invert": "~",
}
"""What NumPy calls the operators."""

RANKS = {
    "**": 15,
    "*": 13,
    "/": 13,
    "//": 13,
    "%": 13,
    "@": 13,
    "+": 12,
    "-": 12,
    "<<": 11,
    ">>": 11,
    "&": 10,
    "^": 9,
    "|": 8,
    "<": 7,
    "<=": 7,
    ">": 7,
    ">=": 7,
    "==": 7,
    "!=": 7,
}
"""How close binary operators bind, as in Python."""
