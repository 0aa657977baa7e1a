"""What kernels show: what they take and give."""

from __future__ import annotations

from html import escape
from typing import Any

from ironbatch.display.html import card, small, table
from ironbatch.display.preview import small_code
from ironbatch.pipeline.chain.brief import brief

__all__ = ["bound_html", "chain_html", "kernel_html", "library_html"]


def kernel_html(kernel: Any) -> str:
    """Show a kernel: its inputs, outputs and parameters, and what it says of itself."""
    return card(kernel.__name__, f"kernel of {kernel.__module__}", _about(kernel, {}))


def bound_html(bound: Any) -> str:
    """Show a kernel with the values of its parameters."""
    note = f"kernel of {bound.kernel.__module__}, with its parameters"
    return card(bound.__name__, note, _about(bound.kernel, bound.params))


def chain_html(chain: Any) -> str:
    """Show kernels that run one after another."""
    rows = [
        [str(number), f"<b>{escape(one.__name__)}</b>", small_code(_given(one.params))]
        for number, one in enumerate(chain.kernels)
    ]
    note = f"of {len(chain.kernels)} kernels, in one pass over the items"
    return card("chain", note, table(["", "kernel", "parameters"], rows))


def library_html(library: Any) -> str:
    """Show the kernels of a library."""
    rows = [
        [f"<b>{escape(one.__name__)}</b>", small_code(_call(one)), escape(_first_line(one))]
        for one in library
    ]
    note = f"library of {len(library)} kernels, version {library.__version__}"
    return card(str(library.__name__), note, table(["kernel", "signature", ""], rows))


def _about(kernel: Any, values: dict[str, Any]) -> str:
    native = kernel.native
    traits = [
        word
        for word, true in (
            ("value by value", native.elementwise),
            ("takes ragged items", native.takes_ragged),
            ("shapes of results vary", native.varying),
            ("draws random numbers", native.random),
        )
        if true
    ]
    lines = [
        f"<div>{small_code(_call(kernel))}</div>",
        f"<div>{escape(_first_line(kernel))}</div>",
        f"<div>{small('; '.join(traits))}</div>" if traits else "",
    ]
    rows = []
    for name, kind, _, has_default, default in native.params:
        if name in values:
            value = small_code(brief(values[name]))
        elif has_default:
            value = f"{small_code(brief(default))} {small('by default')}"
        else:
            value = small("to be given")
        rows.append([f"<b>{escape(name)}</b>", escape(kind), value])
    if rows:
        lines.append(table(["parameter", "type", "value"], rows))
    return "".join(lines)


def _call(kernel: Any) -> str:
    outputs = ", ".join(kernel.native.outputs)
    return f"{kernel.native.signature} -> {outputs}" if outputs else str(kernel.native.signature)


def _first_line(kernel: Any) -> str:
    lines = str(kernel.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


def _given(params: dict[str, Any]) -> str:
    return ", ".join(f"{name}={brief(value)}" for name, value in params.items())
