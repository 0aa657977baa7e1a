"""Named expressions: values that exist only while a pipeline runs.

==========  ==================================================
``B.name``  the batch, or its attribute or component
``L.name``  each item of a component
``C(path)`` option of the config
``V(name)`` variable of the pipeline
``M(name)`` model of the pipeline
``D.name``  attribute of the dataset
``I(what)`` current, maximum iteration, or their ratio
``F(f)``    what a function returns
``R(name)`` random value
``P(...)``  a value for each item, ``PP`` evaluated for each
``W(...)``  an expression handed on unevaluated
``IF(...)`` a choice
==========  ==================================================
"""

from typing import Any

from ironbatch.namedexpr.base import NamedExpression, evaluate, has_expression, scope_of
from ironbatch.namedexpr.expressions import IF, B, C, D, F, I, L, M, V, W
from ironbatch.namedexpr.per_item import PP, P, PerItem
from ironbatch.namedexpr.random_value import R
from ironbatch.namedexpr.scope import Scope

__all__ = [
    "IF",
    "PP",
    "B",
    "C",
    "D",
    "F",
    "I",
    "L",
    "M",
    "NamedExpression",
    "P",
    "PerItem",
    "R",
    "Scope",
    "V",
    "W",
    "eval_expr",
    "evaluate",
    "has_expression",
]


def eval_expr(
    expr: Any,
    no_eval: Any = None,
    *,
    batch: Any = None,
    pipeline: Any = None,
    iteration: int | None = None,
) -> Any:
    """Compute an expression, or all expressions in lists, tuples, dictionaries and configs.

    Parameters
    ----------
    expr : object
        What to compute; anything without expressions comes back as it is.
    no_eval : sequence of str, optional
        Keys of a dictionary whose expressions are only bound to the batch, not computed.
    batch, pipeline, iteration
        What the expressions are about.

    Examples
    --------
    >>> from ironbatch.namedexpr import F, eval_expr
    >>> eval_expr({'n': F(len)('abc') + 1, 'm': [2]})
    {'n': 4, 'm': [2]}
    """
    scope = scope_of(batch, pipeline, iteration)
    if no_eval and isinstance(expr, dict):
        return {
            key: (
                one._bind(batch, scope)
                if key in no_eval and isinstance(one, NamedExpression)
                else evaluate(one, batch, scope)
            )
            for key, one in expr.items()
        }
    return evaluate(expr, batch, scope)
