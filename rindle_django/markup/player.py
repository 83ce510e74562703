"""``<video>`` and ``<audio>``: an element without ``src`` and a list of sources, of which a browser
plays the first that it can. A ``src`` would have it ignore the list (W5.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rindle_django.delivery.issue import Source, may_be_shown
from rindle_django.markup.attributes import Attributes, Values, accepted
from rindle_django.markup.manners import complain
from rindle_django.markup.viewing import Viewing

STREAM = "hls"
# Of sounds: smaller ones of the same quality first.
_SOUNDS = ("audio/ogg", "audio/mp4", "audio/mpeg")
_CODECS = ("av01", "vp09")
_URL = re.compile(r"/|https?://")


@dataclass(frozen=True)
class Player:
    """The element's ``attributes``, and those of its ``<source>`` and ``<track>`` children."""

    attributes: Attributes
    sources: tuple[Attributes, ...]
    tracks: tuple[Attributes, ...] = ()


def video(
    viewing: Viewing,
    names: Sequence[str],
    *,
    poster: str | bool | None = None,
    storyboard: str | bool | None = None,
    tracks: Iterable[Values] = (),
    placeholder: bool = True,
    attributes: Values,
) -> Player:
    """What to write of the variants ``names``, or of all that are videos or streams.

    ``poster`` names a variant or is a URL; None takes the first poster that is ready, False none.
    ``storyboard`` names one, or True takes the first, for players that show it on their timeline;
    ``tracks`` are the attributes of further ``<track>`` elements.
    """
    found = viewing.named(names, kinds=("video", STREAM))
    streams = [each for each in found if _kind(each) == STREAM]
    files = sorted((each for each in found if _kind(each) != STREAM), key=_by_quality)
    sources = [_source(viewing, stream) for stream in streams]
    sources += [
        _source(viewing, file, media=media)
        for file, media in zip(files, _media(files), strict=True)
    ]
    given = {"controls": True, "preload": "metadata", "playsinline": True}
    given |= _size(viewing, files) | {"poster": _poster(viewing, poster)}
    if placeholder and viewing.asset.placeholder:
        given["data-thumbhash"] = viewing.asset.placeholder
    return Player(
        Attributes(given | accepted(attributes)),
        (*sources, *_original(viewing, files)),
        (*_storyboard(viewing, storyboard), *_tracks(tracks)),
    )


def audio(
    viewing: Viewing, names: Sequence[str], *, tracks: Iterable[Values] = (), attributes: Values
) -> Player:
    """What to write of the variants ``names``, or of all that are sounds."""
    files = sorted(viewing.named(names, kinds=("audio",)), key=_by_sound)
    sources = [_source(viewing, file) for file in files]
    given = {"controls": True, "preload": "metadata"} | accepted(attributes)
    return Player(Attributes(given), (*sources, *_original(viewing, files)), tuple(_tracks(tracks)))


# --- sources -----------------------------------------------------------------------------------


def _source(viewing: Viewing, source: Source, *, media: str | None = None) -> Attributes:
    return Attributes({"src": viewing.url(source), "type": _type(source), "media": media})


def _type(source: Source) -> str:
    """With its codecs, so that a browser need not fetch it to know."""
    codecs = _details(source).get("codecs")
    return f'{source.content_type}; codecs="{codecs}"' if codecs else source.content_type


def _original(viewing: Viewing, files: Sequence[Source]) -> list[Attributes]:
    """The uploaded file, where there is none that every browser could try (W4.5, W5.3).

    Of what is no type of the web, nothing is said of the type: a QuickTime file often plays, but
    no browser would try one that is called so.
    """
    source = viewing.original
    if files or source is None:
        return []
    mime = source.content_type if may_be_shown(source.content_type) else None
    return [Attributes({"src": viewing.url(source), "type": mime})]


def _by_quality(source: Source) -> tuple[int, int]:
    """The largest first; of one size, the one that says it in fewest bytes."""
    codec = str(_details(source).get("codecs") or "")[:4]
    return -_resolution(source), _CODECS.index(codec) if codec in _CODECS else len(_CODECS)


def _by_sound(source: Source) -> int:
    mime = source.content_type
    return _SOUNDS.index(mime) if mime in _SOUNDS else len(_SOUNDS)


def _media(files: Sequence[Source]) -> list[str | None]:
    """What a screen must have for a file to be worth its bytes: more pixels than the next smaller
    one. Browsers that do not look at it take the first, and so the largest."""
    widths = [_width(each) for each in files]
    return [
        _wider_than(max((other for other in widths if other < width), default=0))
        for width in widths
    ]


def _wider_than(pixels: int) -> str | None:
    if not pixels:
        return None
    dense = f"(min-resolution: 2dppx) and (min-width: {pixels // 2 + 1}px)"
    return f"(min-width: {pixels + 1}px), {dense}"


# --- what is around them -----------------------------------------------------------------------


def _poster(viewing: Viewing, wanted: str | bool | None) -> str | None:
    if wanted is False:
        return None
    if isinstance(wanted, str) and wanted:
        if _URL.match(wanted):
            return wanted
        found = viewing.named([wanted], kinds=())
    else:
        found = viewing.of_kinds("poster")
    return viewing.url(found[0]) if found else None


def _size(viewing: Viewing, files: Sequence[Source]) -> dict[str, int | None]:
    """Of what plays, so that the page keeps its place before it does."""
    for source in files[:1]:
        if source.variant is not None and source.variant.width:
            return {"width": source.variant.width, "height": source.variant.height}
    return {"width": viewing.asset.width, "height": viewing.asset.height}


def _storyboard(viewing: Viewing, wanted: str | bool | None) -> list[Attributes]:
    if not wanted:
        return []
    found = viewing.named([] if wanted is True else [wanted], kinds=("storyboard",))
    return [
        Attributes({"kind": "metadata", "label": "storyboard", "src": viewing.url(each)})
        for each in found[:1]
    ]


def _tracks(tracks: Any) -> list[Attributes]:
    if not isinstance(tracks, Iterable):
        complain(f"tracks is a list of mappings, not {tracks!r}.")
        return []
    return [each for track in tracks if (each := _track(track)) is not None]


def _track(track: Values) -> Attributes | None:
    if not isinstance(track, Mapping) or not _URL.match(str(track.get("src", ""))):
        complain("A track is a mapping of attributes, among them src with a path or a URL.")
        return None
    others = {name: value for name, value in track.items() if name != "src"}
    return Attributes({"src": track["src"]} | accepted(others))


def _kind(source: Source) -> str:
    return source.variant.kind if source.variant is not None else ""


def _details(source: Source) -> Mapping[str, Any]:
    return source.variant.details if source.variant is not None else {}


def _width(source: Source) -> int:
    return (source.variant.width if source.variant is not None else None) or 0


def _resolution(source: Source) -> int:
    variant = source.variant
    return min(variant.width or 0, variant.height or 0) if variant is not None else 0
