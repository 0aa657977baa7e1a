"""Pieces of HTML that are readable on light and dark ground, without scripts or files.

Colours are the reader's own, made fainter; what users have named or written is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["card", "details", "facts", "page", "size", "small", "table"]

LINE = "rgba(127,127,127,.35)"
"""Colour of borders."""

_CELL = "text-align:left;vertical-align:middle;padding:3px 14px 3px 0;border:0;white-space:nowrap"
_HEAD = f"{_CELL};font-weight:600;opacity:.65;border-bottom:1px solid {LINE}"

_PAGE = """\
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:32px auto;padding:0 20px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}
table{border-collapse:collapse}code{font:13px ui-monospace,monospace}"""


def small(text: str) -> str:
    """Give a text, escaped, in faint small letters."""
    return f'<span style="opacity:.65;font-size:90%">{escape(text)}</span>'


def size(nbytes: int) -> str:
    """Write down a number of bytes.

    Examples
    --------
    >>> size(999), size(2048), size(3 * 2**30)
    ('999 B', '2.0 KiB', '3.0 GiB')
    """
    value = float(nbytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table.

    Parameters
    ----------
    head : sequence of str
        Titles of the columns; they are escaped.
    rows : iterable of sequence of str
        Cells, HTML already.
    """
    titles = "".join(f'<th style="{_HEAD}">{escape(one)}</th>' for one in head)
    lines = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<table style="border-collapse:collapse;border:0;margin:4px 0;font-size:inherit">'
        f"<tr>{titles}</tr>{lines}</table>"
    )


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Give a table of names and values; both are escaped."""
    return (
        '<table style="border-collapse:collapse;border:0;margin:4px 0;font-size:inherit">'
        + "".join(
            f'<tr><td style="{_CELL};opacity:.65">{escape(name)}</td>'
            f'<td style="{_CELL}">{escape(value)}</td></tr>'
            for name, value in rows
        )
        + "</table>"
    )


def details(title: str, body: str) -> str:
    """Give what is shown after a click on its title, which is escaped."""
    return (
        f'<details style="margin:4px 0"><summary style="cursor:pointer;opacity:.75">'
        f"{escape(title)}</summary>{body}</details>"
    )


def card(title: str, note: str, *parts: str) -> str:
    """Give what a notebook shows of one object.

    Parameters
    ----------
    title : str
        What it is; escaped.
    note : str
        A few words about it; escaped.
    *parts : str
        HTML below.
    """
    return (
        f'<div style="border:1px solid {LINE};border-radius:6px;padding:8px 14px;'
        "display:inline-block;max-width:100%;overflow-x:auto;box-sizing:border-box;"
        f'font-size:13px"><div><b>{escape(title)}</b> {small(note)}</div>{"".join(parts)}</div>'
    )


def page(title: str, *parts: str) -> str:
    """Give a whole page that needs no other file.

    Parameters
    ----------
    title : str
        Its title; escaped.
    *parts : str
        HTML of its body.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_PAGE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
