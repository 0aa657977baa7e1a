"""A chart of a run: what each worker and the consumer did, and when."""

from __future__ import annotations

from html import escape

from ironbatch.pipeline.profile.profile import Profile
from ironbatch.pipeline.profile.trace import slices, thread_names

__all__ = ["colours", "timeline"]

_PALETTE = (
    "#4a90d9",
    "#d98a2b",
    "#3a9d6a",
    "#c0567d",
    "#8a6fc9",
    "#2ba6a6",
    "#a3803d",
    "#d9534f",
    "#6b8f23",
    "#5b6bbf",
)

_MOST = 1500
"""How many bars are drawn."""

_LABEL, _WIDTH, _ROW = 150, 880, 26


def colours(profile: Profile) -> dict[str, str]:
    """Give each action a colour, by its name."""
    names = dict.fromkeys(action.name for action in profile.actions)
    return {name: _PALETTE[number % len(_PALETTE)] for number, name in enumerate(names)}


def timeline(profile: Profile, shades: dict[str, str]) -> str:
    """Draw the beginning of a run, as far as it can be told apart.

    Parameters
    ----------
    profile : Profile
        What was measured; batches whose details it has dropped are not drawn.
    shades : dict
        Colours by name of the action.

    Returns
    -------
    str
        HTML, empty if there is nothing to draw.
    """
    bars = sorted(
        (one for one in slices(profile) if one[5] != "batch"), key=lambda one: (one[2], -one[3])
    )
    if not bars:
        return ""
    shown = bars[:_MOST]
    begin = min(one[2] for one in shown)
    end = max(one[3] for one in shown) if len(shown) == len(bars) else shown[-1][2]
    scale = _WIDTH / max(end - begin, 1)
    names = thread_names(profile)
    lanes = sorted(
        {one[:2] for one in shown}, key=lambda lane: (lane == profile.consumer_thread, lane)
    )
    svg = []
    for number, lane in enumerate(lanes):
        y = number * _ROW
        label = names.get(lane, "?")
        if lane[0] != profile.consumer_thread[0]:
            label = f"process {lane[0]}"
        label = label if len(label) <= 22 else f"{label[:19]}..."
        svg.append(
            f'<text x="0" y="{y + 16}" fill="currentColor" style="font:12px system-ui,sans-serif">'
            f"{escape(label)}</text>"
            f'<rect x="{_LABEL}" y="{y + 2}" width="{_WIDTH}" height="{_ROW - 6}" '
            'fill="rgba(127,127,127,.10)"></rect>'
        )
    places = {lane: number for number, lane in enumerate(lanes)}
    for pid, tid, began, ended, name, category, args in shown:
        y = places[(pid, tid)] * _ROW
        x = _LABEL + (began - begin) * scale
        width = max((min(ended, end) - began) * scale, 0.6)
        waits = category == "wait" or "waits" in name
        colour = "rgba(127,127,127,.45)" if waits else shades.get(name, "#4a90d9")
        if category == "consumer" and not waits:
            colour = "#6d7684"
        title = f"{name}, batch {args.get('batch')}: {(ended - began) / 1e6:.2f} ms"
        svg.append(
            f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{_ROW - 10}" '
            f'fill="{colour}"><title>{escape(title)}</title></rect>'
        )
    height = len(lanes) * _ROW
    svg.append(_axis(height, (end - begin) / 1e9))
    note = "" if len(shown) == len(bars) else _note(len(shown), len(bars))
    return (
        f'<svg viewBox="0 0 {_LABEL + _WIDTH + 30} {height + 26}" style="max-width:100%;'
        f'height:auto" role="img" aria-label="who did what, and when">{"".join(svg)}</svg>{note}'
    )


def _axis(y: float, seconds: float) -> str:
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3)
    ticks = ""
    for number in range(6):
        x = _LABEL + _WIDTH * number / 5
        ticks += (
            f'<path d="M{x:.0f} {y}v4" stroke="currentColor" stroke-opacity=".6"></path>'
            f'<text x="{x:.0f}" y="{y + 18}" text-anchor="middle" fill="currentColor" '
            f'fill-opacity=".7" style="font:11px system-ui,sans-serif">'
            f"{seconds * factor * number / 5:.3g} {unit}</text>"
        )
    return ticks


def _note(shown: int, whole: int) -> str:
    return (
        f'<div style="opacity:.65;font-size:90%">The first {shown:,} of {whole:,} bars; '
        "pipeline.trace(path) writes all of them.</div>"
    )
