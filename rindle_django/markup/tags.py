"""The three tags, whatever language the template is in: options in, HTML out, no surprises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from rindle_django.errors import RindleError
from rindle_django.markup.manners import NOTHING, complain, left_out
from rindle_django.markup.picture import Picture, picture
from rindle_django.markup.player import Player, audio, video
from rindle_django.markup.viewing import ASK_THE_REQUEST, Viewing, asset_of

TAGS: Mapping[str, Callable[..., Picture | Player]] = {
    "picture": picture,
    "video": video,
    "audio": audio,
}
# What each tag has besides attributes of the element.
OPTIONS: Mapping[str, frozenset[str]] = {
    "picture": frozenset({"alt", "sizes", "original", "placeholder"}),
    "video": frozenset({"poster", "storyboard", "tracks", "placeholder"}),
    "audio": frozenset({"tracks"}),
}
# Attributes that are a word alone, so that a template may write them as one.
FLAGS = frozenset({"autoplay", "controls", "hidden", "loop", "muted", "playsinline"})

Writer = Callable[[str, Mapping[str, Any]], str]
"""Renders the template of a name with these variables."""


def html(
    tag: str,
    given: Any,
    names: Sequence[str],
    options: Mapping[str, Any],
    *,
    request: Any,
    write: Writer,
) -> SafeString:
    """What stands in the page for ``given``: nothing for None, and for what may not be seen."""
    asset = asset_of(given)
    if asset is None:
        return NOTHING
    own = {name: value for name, value in options.items() if name in OPTIONS[tag]}
    others = {name: value for name, value in options.items() if name not in OPTIONS[tag]}
    try:
        viewing = Viewing(
            asset,
            request=request,
            actor=others.pop("actor", ASK_THE_REQUEST),
            ttl=_seconds(others.pop("ttl", None)),
        )
        data = TAGS[tag](viewing, names, attributes=others, **own)
    except RindleError as error:
        return left_out(tag, error)
    # What the template writes of it is escaped by the data itself.
    return mark_safe(write(template_of(tag), {tag: data}).strip())  # noqa: S308


def template_of(tag: str) -> str:
    return f"rindle/{tag}.html"


def built_in(tag: str) -> str:
    """Our own template, which reads the same in both of Django's template languages."""
    return (Path(__file__).parents[1] / "templates" / template_of(tag)).read_text()


def _seconds(ttl: Any) -> int | None:
    if ttl is None or (isinstance(ttl, int) and not isinstance(ttl, bool) and ttl > 0):
        return ttl
    complain(f"ttl is a number of seconds, not {ttl!r}.")
    return None
