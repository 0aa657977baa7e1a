"""The report of a run as one page that needs no other file, nor a script."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from ironbatch.display.html import card, details, page, size, small, table
from ironbatch.formats.atomic import replacing
from ironbatch.pipeline.chain.explain import explained
from ironbatch.pipeline.chain.graph import StepTime, as_graph
from ironbatch.pipeline.chain.html import step_by_step
from ironbatch.pipeline.profile.profile import ActionTime, Profile
from ironbatch.pipeline.profile.report import Report, as_time
from ironbatch.pipeline.profile.timeline import colours, timeline

if TYPE_CHECKING:
    from ironbatch.pipeline.profile.profiled import Profiled

__all__ = ["report_html", "write_page"]

_PARTS = (
    ("cpu", "#3a9d6a", "on a core"),
    ("queued", "#d9b02b", "ready, but no core was free"),
    ("gil", "#d9534f", "at most, behind the interpreter's lock"),
    ("blocked", "#8a8f98", "waiting for a disk, a network, a sleep"),
    ("waiting", "#c58fd1", "waiting for its turn"),
)
"""Where the time of an action went, with a colour and a word for each."""

_BAR = 260
"""Pixels of the longest bar."""

_FAILURES = 20
"""How many failures are listed."""


def write_page(pipeline: Profiled, profile: Profile, report: Report, path: Any) -> None:
    """Write the report of a run as a page.

    Parameters
    ----------
    pipeline : Pipeline
        What was run.
    profile : Profile
        What was measured.
    report : Report
        What was made of it.
    path : path
        The file.
    """
    content = "".join(_page(pipeline, profile, report))
    with replacing(path) as temporary:
        temporary.write_text(page("Run report", content), encoding="utf-8", errors="replace")


def report_html(report: Report) -> str:
    """Show a report in a notebook."""
    lines = "".join(f"<div>{escape(line)}</div>" for line in report.lines)
    return card("Run report", f"limited by: {report.limit}", lines, _advice(report))


def _advice(report: Report) -> str:
    advice = "".join(f"<li>{escape(one)}</li>" for one in report.advice)
    return f'<div style="margin-top:8px"><b>What would help</b></div><ul>{advice}</ul>'


def _page(pipeline: Any, profile: Profile, report: Report) -> Iterator[str]:
    import ironbatch

    yield f"<h1>Run report</h1><div>{small(' · '.join(_about(profile)))}</div>"
    yield _tiles(profile, report)
    yield from (f"<p>{escape(line)}</p>" for line in report.lines[1:])
    yield _advice(report)
    shades = colours(profile)
    yield f"<h2>Where the time went</h2>{_actions(profile, shades)}"
    drawn = timeline(profile, shades)
    if drawn:
        yield f"<h2>Who did what, and when</h2>{drawn}"
    parts = explained(pipeline)
    yield f"<h2>The plan</h2>{as_graph(parts, _times(profile))}"
    yield details("step by step", step_by_step(parts))
    yield _failures(pipeline)
    yield (
        f'<p style="margin-top:32px">{small(f"ironbatch {ironbatch.__version__}, Python ")}'
        f"{small(f'{platform.python_version()}, {platform.platform()}')}</p>"
    )


def _about(profile: Profile) -> Iterator[str]:
    yield f"{profile.batches:,} batches, {profile.items:,} items"
    if not profile.prefetch:
        yield "no prefetch"
    else:
        where = "processes" if profile.target == "mpc" else "threads"
        yield f"prefetch {profile.prefetch} in {where}, {len(profile.workers)} at work"


def _tiles(profile: Profile, report: Report) -> str:
    wall = max(profile.seconds, 1e-9)
    culprit = report.bottleneck.name if report.bottleneck is not None else "the consumer"
    values = [
        ("limited by", report.limit),
        ("bottleneck", culprit if report.limit != "nothing" else "-"),
        ("took", as_time(profile.seconds)),
        ("items a second", f"{profile.items / wall:,.0f}"),
        ("consumer waited", f"{profile.waited / wall:.0%}"),
        ("cores used", f"{report.numbers.get('cores used', 0.0):.1f}"),
    ]
    tiles = "".join(
        '<div style="border:1px solid rgba(127,127,127,.35);border-radius:6px;padding:8px 16px">'
        f'{small(name)}<div style="font-size:20px;font-weight:600">{escape(value)}</div></div>'
        for name, value in values
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px;margin:16px 0">{tiles}</div>'


def _actions(profile: Profile, shades: dict[str, str]) -> str:
    longest = max((one.seconds + one.waiting for one in profile.actions), default=0.0) or 1.0
    rows = []
    for one in profile.actions:
        shade = shades.get(one.name, "#888")
        swatch = (
            f'<span style="display:inline-block;width:10px;height:10px;border-radius:2px;'
            f'background:{shade};margin-right:6px"></span>'
        )
        failed = f" ({one.failed:,} failed)" if one.failed else ""
        rows.append(
            [
                f"{swatch}<b>{escape(one.name)}</b>",
                f"<code>{escape(one.path)}</code>",
                f"{one.calls:,}{failed}",
                as_time(one.seconds),
                f"{one.share:.0%}",
                as_time(one.seconds / max(one.calls + one.failed, 1)),
                size(one.bytes_out // max(one.calls, 1)),
                _bar(one, longest),
            ]
        )
    head = ["action", "step", "calls", "busy", "share", "a call", "bytes after a call", ""]
    keys = "".join(
        f'<span style="margin-right:16px;white-space:nowrap"><span style="display:inline-block;'
        f'width:10px;height:10px;background:{colour};margin-right:5px"></span>{escape(text)}</span>'
        for _, colour, text in _PARTS
    )
    return f'<div style="overflow-x:auto">{table(head, rows)}</div><div>{keys}</div>'


def _bar(action: ActionTime, longest: float) -> str:
    parts = ""
    for name, colour, text in _PARTS:
        seconds = getattr(action, name)
        width = _BAR * seconds / longest
        if width >= 0.5:
            title = escape(f"{text}: {as_time(seconds)}")
            parts += (
                f'<span title="{title}" style="display:inline-block;'
                f'height:12px;width:{width:.1f}px;background:{colour}"></span>'
            )
    return f'<span style="white-space:nowrap;font-size:0">{parts}</span>'


def _times(profile: Profile) -> dict[str, StepTime]:
    return {
        one.path: StepTime(
            one.share,
            f"{one.share:.0%}, {as_time(one.seconds / max(one.calls + one.failed, 1))} a call",
        )
        for one in profile.actions
        if one.calls or one.failed
    }


def _failures(pipeline: Any) -> str:
    failures = pipeline.failures
    if not len(failures):
        return ""
    lines = [f"<li><code>{escape(str(one))}</code></li>" for one in failures[:_FAILURES]]
    more = len(failures) - len(lines)
    if more > 0:
        lines.append(f"<li>{small(f'and {more:,} more')}</li>")
    return f"<h2>Items that failed: {len(failures):,}</h2><ul>{''.join(lines)}</ul>"
