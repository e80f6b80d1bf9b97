"""How objects show themselves: one line for a console, a small table or curve for a notebook.

Names come from files, so whatever is not :class:`Html` is escaped here, and nowhere else.
"""

import html
import math
from collections.abc import Iterable, Sequence
from itertools import islice

MOST_ROWS = 12
"""Rows that a table has before it says how many more there are."""

_WIDTH, _HEIGHT = 160, 28


class Html(str):
    """Text that is HTML already."""


def size(count: int) -> str:
    """A number of bytes with its unit: bytes, kB, MB or GB of a thousand each."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.2f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


def one_line(text: str, most: int = 60) -> str:
    """A name for a line: control characters as question marks, the middle of a long one cut."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= most else f"{plain[: most // 2 - 1]}…{plain[-most // 2 :]}"


def counted(count: int, word: str) -> str:
    """``1 input``, ``2,000 inputs``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], total: int) -> Html:
    """The first rows of a table.

    Args:
        head: Column titles.
        rows: Cells; what is not :class:`Html` is escaped.
        total: How many rows there are in all.
    """
    lines = ["<table><thead>", _row(head, "th"), "</thead><tbody>"]
    lines += [_row(row, "td") for row in islice(rows, MOST_ROWS)]
    more = total - MOST_ROWS
    lines.append(f"</tbody></table>{f'<p>and {more:,} more</p>' if more > 0 else ''}")
    return Html("".join(lines))


def paragraph(text: str) -> Html:
    """A sentence or more, whole."""
    return Html(f"<p>{html.escape(text)}</p>")


def sparkline(values: Sequence[float]) -> Html:
    """A filled line over finite values, in the colour of the text around it; empty without two."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return Html("")
    low, high = min(0.0, *finite), max(finite)
    span = (high - low) or 1.0
    across = _WIDTH / (len(finite) - 1)
    line = " ".join(
        f"{i * across:.1f},{_HEIGHT - (v - low) / span * _HEIGHT:.1f}" for i, v in enumerate(finite)
    )
    return Html(
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f'<polygon points="0,{_HEIGHT} {line} {_WIDTH},{_HEIGHT}" fill="currentColor" '
        'fill-opacity="0.45"></polygon></svg>'
    )


def card(line: str, *parts: Html) -> str:
    """What a notebook shows: the line of the console above tables and curves."""
    return f"<div><p><b>{html.escape(line.strip('<>'))}</b></p>{''.join(parts)}</div>"


def _row(cells: Sequence[object], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(value: object) -> str:
    return value if isinstance(value, Html) else html.escape(one_line(str(value), 120))
