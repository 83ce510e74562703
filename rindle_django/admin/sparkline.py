"""A small curve as inline SVG: no script, no library, no inline style."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 4, 48  # of one bar, of the whole


def sparkline(values: Sequence[int], text: str) -> SafeString:
    """One bar for each value, with ``text`` for those who cannot see it."""
    most = max(values, default=0) or 1
    bars = [
        (number * WIDTH, HEIGHT - height, height)
        for number, value in enumerate(values)
        for height in [max(round(value / most * HEIGHT), 1 if value else 0)]
        if height
    ]
    drawn = format_html_join("", '<rect x="{}" y="{}" width="3" height="{}"></rect>', bars)
    return format_html(
        '<svg class="rindle-spark" role="img" aria-label="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none">{}</svg>',
        text,
        len(values) * WIDTH,
        HEIGHT,
        drawn,
    )
