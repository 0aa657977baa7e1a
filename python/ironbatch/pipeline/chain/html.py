"""A pipeline as HTML for notebooks: its plan as a graph, then row by row, without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ironbatch.display.html import card, details
from ironbatch.pipeline.chain.explain import Line, Part
from ironbatch.pipeline.chain.graph import as_graph

__all__ = ["as_html", "step_by_step"]

_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0"
_BOX = "border-left:3px solid #8aa;margin:4px 0 4px 4px;padding-left:8px"


def as_html(title: str, parts: list[Part]) -> str:
    """Draw what `explained` has found.

    Parameters
    ----------
    title : str
        Name of the whole.
    parts : list of Part
        What is drawn.
    """
    facts = "".join(f"<div>{escape(fact)}</div>" for part in parts for fact in part.facts)
    return card(title, "", facts, as_graph(parts), details("step by step", step_by_step(parts)))


def step_by_step(parts: list[Part]) -> str:
    """Give rows of steps, with all that is known of them."""
    body = "".join(part for one in parts for part in _part(one))
    return f'<div style="font-size:90%">{body}</div>'


def _part(part: Part) -> Iterator[str]:
    yield f'<div style="{_BOX}">'
    if part.title != "nested":
        yield f"<i>{escape(part.title)}</i>"
    for fact in part.facts:
        yield f"<div>{escape(fact)}</div>"
    if part.lines:
        yield '<table style="border-collapse:collapse">'
        for line in part.lines:
            yield from _row(line)
        yield "</table>"
    if part.parts:
        yield "<div>merged in:</div>"
        for other in part.parts:
            yield from _part(other)
    yield "</div>"


def _row(line: Line) -> Iterator[str]:
    notes = f'<br><small style="opacity:.7">{escape("; ".join(line.notes))}</small>'
    yield f'<tr><td style="{_CELL}">{escape(line.path)}</td>'
    yield f'<td style="{_CELL}"><code>{escape(line.call)}</code></td>'
    yield f'<td style="{_CELL}">{escape(line.what)}{notes if line.notes else ""}'
    for part in line.parts:
        yield from _part(part)
    yield "</td></tr>"
