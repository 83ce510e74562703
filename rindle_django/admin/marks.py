"""Small marks on pages: states, pictures, times and sizes."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from rindle_django.admin.visit import link_to, viewer
from rindle_django.delivery import url, variant_url
from rindle_django.errors import RindleError
from rindle_django.models import Asset

NOTHING = "–"
MOODS = {
    "good": {"ready", "completed", "present", "available", "succeeded", "ok"},
    "bad": {"failed", "degraded", "quarantined", "missing", "lost", "error"},
    "busy": {
        "validating",
        "analyzing",
        "promoting",
        "processing",
        "transcoding",
        "queued",
        "verifying",
        "uploading",
        "running",
    },
    "odd": {"stale", "cancelled", "retried", "warn", "doomed"},
}


def badge(state: str) -> SafeString:
    """A state, coloured by whether it is good, bad, odd or on its way; the word says it too."""
    mood = next((mood for mood, states in MOODS.items() if state in states), "")
    return format_html('<span class="rindle-state" data-mood="{}">{}</span>', mood, state)


def rows_of(rows: Iterable[tuple[object, ...]], columns: int) -> SafeString | str:
    """A small table inside a field."""
    line = "<tr>" + "<td>{}</td>" * columns + "</tr>"
    body = format_html_join("", line, rows)
    return format_html('<table class="rindle-list">{}</table>', body) if body else NOTHING


def thumbnail(asset: Asset, name: str | None = None) -> SafeString | str:
    """A small picture through a signed URL; a dash when there is none to show to this user."""
    chosen = name or smallest(asset)
    if chosen is None:
        return NOTHING
    try:
        source = variant_url(asset, chosen, actor=viewer())
    except RindleError:
        return NOTHING
    return format_html('<img class="rindle-thumb" src="{}" alt="" loading="lazy">', source)


def preview(asset: Asset) -> SafeString | str:
    """The largest picture that a page has room for, with a name for those who cannot see it."""
    chosen = largest(asset)
    if chosen is None:
        return ""
    try:
        source = variant_url(asset, chosen, actor=viewer())
    except RindleError:
        return ""
    text = asset.filename or asset.pk
    return format_html('<img class="rindle-preview" src="{}" alt="{}">', source, text)


def original_link(asset: Asset) -> SafeString | str:
    try:
        return format_html('<a href="{}">{}</a>', url(asset, actor=viewer()), asset.filename)
    except RindleError as error:
        return str(error)


def link_to_asset(asset_id: UUID | str) -> SafeString:
    """A link to an asset of which the id is all that is known; it may be gone."""
    return link_to(Asset(pk=asset_id), asset_id)


def size(count: int | None) -> str:
    return NOTHING if count is None else filesizeformat(count)


def dimensions(width: int | None, height: int | None) -> str:
    return f"{width} × {height}" if width else NOTHING


def duration(seconds: float | None) -> str:
    """As a person would say it: in the largest unit that leaves something before the point."""
    if seconds is None:
        return NOTHING
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def smallest(asset: Asset) -> str | None:
    shown = _pictures(asset)
    return min(shown)[1] if shown else None


def largest(asset: Asset, limit: int = 1000) -> str | None:
    """The largest that is not much larger than the place it is shown at, or else the smallest."""
    shown = _pictures(asset, by_width=True)
    fitting = [each for each in shown if each[0] <= limit]
    if fitting:
        return max(fitting)[1]
    return min(shown)[1] if shown else None


def _pictures(asset: Asset, by_width: bool = False) -> list[tuple[int, str]]:
    return [
        ((each.width if by_width else each.byte_size) or 0, each.name)
        for each in asset.variants.all()
        if each.servable and each.kind == "image"
    ]
