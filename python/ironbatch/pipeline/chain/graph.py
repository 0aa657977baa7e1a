"""A pipeline as a picture: boxes and arrows, drawn as SVG within a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from ironbatch.pipeline.chain.explain import AT_HOME, Line, Part

__all__ = ["StepTime", "as_graph"]

_CALL, _WORDS = 7.3, 5.9
"""Width of a letter of code and of text, in pixels."""

_NARROW, _WIDE = 200.0, 440.0
_GAP = 22.0
_PAD = 12.0
_SIDE = 44.0

_COLOURS = {
    "action": "#4a90d9",
    "native": "#3a9d6a",
    "ordered": "#d98a2b",
    "pipeline": "#8a6fc9",
}
_WORDS_OF_KINDS = {
    "action": "for each batch",
    "native": "native, without Python",
    "ordered": "batch by batch, in order",
    "pipeline": "pipeline as a step",
}


@dataclass(frozen=True)
class StepTime:
    """What a step has cost.

    Attributes
    ----------
    share : float
        Its part of the time of all steps, from 0 to 1.
    text : str
        A few words about it.
    """

    share: float
    text: str


@dataclass(frozen=True)
class _Block:
    """Something drawn, from its own upper left corner on; arrows meet it at `axis`."""

    width: float
    height: float
    axis: float
    svg: str
    top: float = 0.0
    """Where an arrow from above ends."""

    kinds: frozenset[str] = frozenset()


def as_graph(parts: Sequence[Part], times: Mapping[str, StepTime] | None = None) -> str:
    """Draw what `explained` has found.

    Parameters
    ----------
    parts : sequence of Part
        What is drawn.
    times : mapping of str to StepTime, optional
        What steps have cost, by their paths.

    Returns
    -------
    str
        HTML; its colours suit light and dark ground.
    """
    drawn = _chains(parts, times or {})[0]
    legend = _legend(drawn.kinds)
    width, height = max(drawn.width, legend.width) + 4, drawn.height + legend.height + 4
    return (
        f'<svg viewBox="-2 -2 {width:.0f} {height:.0f}" width="{width:.0f}" '
        'style="max-width:100%;height:auto;margin-top:8px" role="img" '
        'aria-label="the plan as a graph">'
        f"{_at(0, 0, drawn)}{_at(0, drawn.height, legend)}</svg>"
    )


def _chains(parts: Sequence[Part], times: Mapping[str, StepTime]) -> list[_Block]:
    """Draw each pipeline of several that `explained` has put one after another."""
    chains: list[list[Part]] = []
    for part in parts:
        if not part.goes_on or not chains:
            chains.append([])
        chains[-1].append(part)
    return [_chain(chain, times) for chain in chains]


def _chain(parts: Sequence[Part], times: Mapping[str, StepTime]) -> _Block:
    blocks = []
    for number, part in enumerate(parts):
        # What was measured before rebatch has that before its path.
        prefix = "rebatch/" * (len(parts) - 1 - number)
        own = {
            path.removeprefix(prefix): time
            for path, time in times.items()
            if path.startswith(prefix) and (prefix or not path.startswith("rebatch/"))
        }
        making = own.get("") if not part.goes_on else None
        width = _width(part.lines)
        head = _head(part, making, width)
        blocks.append(_with_sides(head, _chains(part.parts, {}) if part.parts else []))
        blocks += _steps(part.lines, own, width)
    return _stack(blocks)


def _steps(lines: Sequence[Line], times: Mapping[str, StepTime], width: float) -> list[_Block]:
    blocks = []
    for group, found in groupby(lines, key=lambda line: line.group):
        members = list(found)
        drawn = [_step(line, times, width) for line in members]
        if group is None or len(drawn) == 1:
            blocks += drawn
        else:
            title = f"one pass over the items, steps {group[0]} to {group[1]}"
            together = times.get("+".join(line.path for line in members))
            if together:
                title += f": {together.text}"
            blocks.append(_framed(title, drawn, "5 4", _COLOURS["native"]))
    return blocks


def _step(line: Line, times: Mapping[str, StepTime], width: float) -> _Block:
    nested = [part for part in line.parts if part.title == "nested"]
    if nested:
        inner = _steps(nested[0].lines, times, _width(nested[0].lines))
        notes = "; ".join(_shown(line))
        title = f"{line.what}{f' ({notes})' if notes else ''}"
        block = _framed(title, inner, "", _COLOURS["pipeline"])
        return _Block(
            block.width, block.height, block.axis, block.svg, 0.0, block.kinds | {"pipeline"}
        )
    return _with_sides(_box(line, times.get(line.path), width), _chains(line.parts, {}))


def _width(lines: Iterable[Line]) -> float:
    """Give the width that suits all boxes of a chain."""
    wanted = [_NARROW]
    for line in lines:
        wanted.append(len(line.call) * _CALL + 2 * _PAD)
        wanted += [len(text) * _WORDS + 2 * _PAD for text in (line.what, "; ".join(_shown(line)))]
    return min(max(wanted), _WIDE)


def _shown(line: Line) -> list[str]:
    return [note for note in line.notes if not note.startswith(_LEFT_OUT)]


_LEFT_OUT = ("fusible:", "with target='mpc'", "target='mpc'", "result stored", "expressions in")
"""How notes begin that are told by frames, or row by row only."""


def _box(line: Line, time: StepTime | None, width: float) -> _Block:
    texts = [(line.call, True), (line.what, False)]
    notes = "; ".join(_shown(line))
    if notes:
        texts.append((notes, False))
    height = 10 + 16 * len(texts) + (20 if time else 0)
    colour = _COLOURS[line.kind]
    whole = escape(f"{line.path}\n{line.call}\n{line.what}\n{'; '.join(line.notes)}".strip())
    svg = [
        f"<g><title>{whole}</title>",
        _rectangle(width, height),
        f'<rect width="4" height="{height:.0f}" rx="2" fill="{colour}"></rect>',
    ]
    for number, (text, code) in enumerate(texts):
        svg.append(_text(_PAD, 19 + 16 * number, text, width - 2 * _PAD, code=code))
    if time:
        bar = (width - 2 * _PAD) * min(max(time.share, 0.0), 1.0)
        svg.append(
            f'<rect x="{_PAD:.0f}" y="{height - 8:.0f}" width="{bar:.1f}" height="3" '
            f'fill="#d9534f"></rect>'
        )
        svg.append(_text(_PAD, height - 13, time.text, width - 2 * _PAD))
    svg.append("</g>")
    return _Block(width, height, width / 2, "".join(svg), kinds=frozenset({line.kind}))


def _head(part: Part, making: StepTime | None, width: float) -> _Block:
    """Draw where batches come from."""
    texts = _wrapped(part.title.removesuffix(AT_HOME), width)
    if making is not None:
        texts.append(f"making batches: {making.text}")
    wide = max(len(text) for text in texts) * _WORDS + 2 * _PAD
    width = max(width, min(wide, _WIDE))
    height = 12 + 16 * len(texts)
    svg = f"<g><title>{escape(part.title)}</title>{_rectangle(width, height, round_=height / 2)}"
    for number, text in enumerate(texts):
        svg += _text(width / 2, 19 + 16 * number, text, width - 2 * _PAD, middle=True)
    return _Block(width, height, width / 2, f"{svg}</g>")


def _wrapped(text: str, width: float) -> list[str]:
    """Break a text into at most four lines."""
    most = int((max(width, 300) - 2 * _PAD) / _WORDS)
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most and len(lines) < 4:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _stack(blocks: Sequence[_Block]) -> _Block:
    """Put blocks below one another, with arrows between them."""
    axis = max((block.axis for block in blocks), default=0.0)
    svg, y, width = "", 0.0, 0.0
    kinds: frozenset[str] = frozenset()
    for number, block in enumerate(blocks):
        if number:
            svg += _arrow(axis, y, axis, y + _GAP + block.top)
            y += _GAP
        svg += _at(axis - block.axis, y, block)
        y += block.height
        width = max(width, axis - block.axis + block.width)
        kinds |= block.kinds
    return _Block(width, y, axis, svg, blocks[0].top if blocks else 0.0, kinds)


def _framed(title: str, blocks: Sequence[_Block], dashes: str, colour: str) -> _Block:
    inner = _stack(blocks)
    width = max(inner.width, min(len(title) * _WORDS, _WIDE)) + 2 * _PAD
    height = inner.height + 26 + _PAD
    left = (width - inner.width) / 2
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    svg = (
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="6" fill="{colour}" '
        f'fill-opacity=".06" stroke="{colour}"{dashed}></rect>'
        f"<g><title>{escape(title)}</title>{_text(_PAD, 17, title, width - 2 * _PAD)}</g>"
        f"{_at(left, 26, inner)}"
    )
    return _Block(width, height, left + inner.axis, svg, 0.0, inner.kinds)


def _with_sides(main: _Block, sides: Sequence[_Block]) -> _Block:
    """Put pipelines whose batches come in from the right beside a block."""
    if not sides:
        return main
    highest = max(side.height for side in sides)
    top = highest + _GAP - main.height / 2
    middle = top + main.height / 2
    svg = _at(0, top, main)
    x = main.width + _SIDE
    kinds = main.kinds
    for side in sides:
        svg += _at(x, highest - side.height, side)
        down = x + side.axis
        svg += _line(down, highest, down, middle) + _arrow(down, middle, main.width, middle)
        x += side.width + _SIDE / 2
        kinds |= side.kinds
    height = max(top + main.height, middle)
    return _Block(x - _SIDE / 2, height, main.axis, svg, top, kinds)


def _legend(kinds: frozenset[str]) -> _Block:
    svg, x = "", 0.0
    for kind in _COLOURS:
        if kind in kinds:
            text = _WORDS_OF_KINDS[kind]
            svg += (
                f'<rect x="{x:.0f}" y="15" width="10" height="10" rx="2" fill="{_COLOURS[kind]}">'
                f"</rect>{_text(x + 15, 24, text, 200)}"
            )
            x += 15 + len(text) * _WORDS + 16
    return _Block(x, 32.0 if svg else 0.0, 0.0, svg)


def _at(x: float, y: float, block: _Block) -> str:
    return f'<g transform="translate({x:.1f} {y:.1f})">{block.svg}</g>'


def _rectangle(width: float, height: float, round_: float = 4.0) -> str:
    return (
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="{min(round_, 14):.0f}" '
        'fill="rgba(127,127,127,.12)" stroke="rgba(127,127,127,.5)"></rect>'
    )


def _text(
    x: float, y: float, text: str, room: float, *, code: bool = False, middle: bool = False
) -> str:
    most = max(1, int(room / (_CALL if code else _WORDS)))
    shown = text if len(text) <= most else f"{text[: most - 3]}..."
    font = "600 12px ui-monospace,monospace" if code else "11px system-ui,sans-serif"
    anchor = ' text-anchor="middle"' if middle else ""
    faint = "" if code else ' fill-opacity=".8"'
    return (
        f'<text x="{x:.0f}" y="{y:.0f}"{anchor} fill="currentColor"{faint} '
        f'style="font:{font}">{escape(shown)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" fill="none" stroke="currentColor" '
        'stroke-opacity=".6"></path>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    if x1 == x2:
        head = f"M{x2 - 4:.1f} {y2 - 7:.1f}L{x2:.1f} {y2:.1f}L{x2 + 4:.1f} {y2 - 7:.1f}Z"
    else:
        head = f"M{x2 + 7:.1f} {y2 - 4:.1f}L{x2:.1f} {y2:.1f}L{x2 + 7:.1f} {y2 + 4:.1f}Z"
    return f'{_line(x1, y1, x2, y2)}<path d="{head}" fill="currentColor" fill-opacity=".6"></path>'
