"""``<picture>``: a source for each format, the most modern first, each with all the widths.

A ``<source>`` says what a browser has to be able to show. Where a width is not there in that
format, it names it in the next older one: what shows AVIF shows WebP and JPEG too, and would
otherwise have no choice of width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.templatetags.static import static

from rindle_django.conf import config
from rindle_django.delivery.issue import Source, may_be_shown
from rindle_django.markup.attributes import Attributes, Values, accepted
from rindle_django.markup.manners import complain
from rindle_django.markup.placeholder import Placeholder, inline_style
from rindle_django.markup.viewing import Viewing

# From the most modern to what every browser shows.
FORMATS = ("image/avif", "image/webp")
KINDS = ("image", "poster")
BLANK = "rindle/blank.svg"


@dataclass(frozen=True)
class Picture:
    """``sources`` and ``img`` are attributes; ``pending``: there is nothing to show yet."""

    sources: tuple[Attributes, ...]
    img: Attributes
    pending: bool = False


@dataclass(frozen=True)
class _Candidate:
    source: Source
    width: int | None
    height: int | None

    @property
    def format(self) -> int:
        """Its place in ``FORMATS``, after which come those that need no mention."""
        mime = self.source.content_type
        return FORMATS.index(mime) if mime in FORMATS else len(FORMATS)


def picture(
    viewing: Viewing,
    names: Sequence[str],
    *,
    alt: str | None = None,
    sizes: str | None = None,
    original: bool | None = None,
    placeholder: Placeholder = True,
    attributes: Values,
) -> Picture:
    """What to write of the variants ``names``, or of all that keep the image's proportions.

    ``original`` says whether the uploaded file stands in while none is ready: None has it do so
    up to ``RINDLE["SHOWN_ORIGINAL_BYTES"]``. Its URLs live as ``Viewing`` says.
    """
    if alt is None:
        complain('An image needs alt="what it shows", or alt="" if it only decorates.')
    candidates = _candidates(viewing, names) or _original(viewing, original)
    levels = _levels(candidates)
    sources = tuple(
        Attributes({"type": FORMATS[form], **_srcset(viewing, level, sizes)})
        for form, level in levels[:-1]
    )
    last = levels[-1][1] if levels else []
    shown: dict[str, Any] = _src(viewing, last) | _srcset(viewing, last, sizes, single=False)
    shown |= _box(viewing, candidates) | {"alt": alt or ""} | _loading(attributes)
    shown |= _placeholder(viewing, placeholder, pending=not levels) | accepted(attributes)
    return Picture(sources, Attributes(shown), pending=not levels)


def _candidates(viewing: Viewing, names: Sequence[str]) -> list[_Candidate]:
    found = viewing.named(names, kinds=KINDS)
    candidates = [
        _Candidate(source, source.variant.width, source.variant.height)
        for source in found
        if source.variant is not None and source.content_type.startswith("image/")
    ]
    return _of_one_shape(candidates)


def _of_one_shape(candidates: list[_Candidate]) -> list[_Candidate]:
    """Those with the proportions of the largest: a browser takes them for the same picture."""
    largest = _largest(candidates)
    if largest is None or not (largest.width and largest.height):
        return candidates[:1]  # without a width there is nothing to choose by
    ratio = largest.height / largest.width
    return [
        each
        for each in candidates
        if each.width and each.height and abs(each.height - each.width * ratio) <= 1
    ]


def _original(viewing: Viewing, wanted: bool | None) -> list[_Candidate]:
    """The uploaded file, if browsers show it and it is not too large to be sent in passing."""
    source, asset = viewing.original, viewing.asset
    if source is None or wanted is False or not _is_shown(source):
        return []
    if wanted is None and (asset.byte_size or 0) > config().SHOWN_ORIGINAL_BYTES:
        return []
    return [_Candidate(source, asset.width, asset.height)]


def _is_shown(source: Source) -> bool:
    return source.content_type.startswith("image/") and may_be_shown(source.content_type)


def _levels(candidates: Sequence[_Candidate]) -> list[tuple[int, list[_Candidate]]]:
    """Each format there is, with the best file of each width for who can show that format."""
    formats = sorted({each.format for each in candidates})
    return [
        (form, _by_width(each for each in candidates if each.format >= form)) for form in formats
    ]


def _by_width(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    chosen: dict[int, _Candidate] = {}
    for each in sorted(candidates, key=lambda candidate: candidate.format):
        chosen.setdefault(each.width or 0, each)
    return [chosen[width] for width in sorted(chosen)]


def _srcset(
    viewing: Viewing, level: Sequence[_Candidate], sizes: str | None, *, single: bool = True
) -> dict[str, str]:
    """Of one file alone, the URL; ``single`` says whether even that needs a srcset."""
    if len(level) < 2:
        return {"srcset": _in_set(viewing.url(level[0].source))} if single and level else {}
    urls = [f"{_in_set(viewing.url(each.source))} {each.width}w" for each in level]
    return {"srcset": ", ".join(urls), "sizes": sizes or "100vw"}


def _in_set(url: str) -> str:
    """A URL that a list of them may hold: spaces and a comma at the end divide it."""
    plain = url.replace(" ", "%20")
    return plain[:-1] + "%2C" if plain.endswith(",") else plain


def _src(viewing: Viewing, level: Sequence[_Candidate]) -> dict[str, str]:
    return {"src": viewing.url(level[-1].source) if level else static(BLANK)}


def _box(viewing: Viewing, candidates: Sequence[_Candidate]) -> dict[str, int | None]:
    """The size of the largest, so that the page keeps its place before it is there."""
    if largest := _largest(candidates):
        return {"width": largest.width, "height": largest.height}
    return {"width": viewing.asset.width, "height": viewing.asset.height}


def _loading(given: Values) -> dict[str, str | None]:
    """What is urgent is not put off."""
    urgent = str(given.get("fetchpriority")) == "high"
    return {"loading": None if urgent else "lazy", "decoding": "async"}


def _placeholder(viewing: Viewing, wanted: Placeholder, *, pending: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"data-rindle-pending": pending}
    if wanted is False or not viewing.asset.placeholder:
        return found
    if wanted == "inline":
        # Behind what is transparent it would stay to be seen.
        return found if viewing.asset.has_alpha else found | inline_style(viewing.asset.placeholder)
    return found | {"data-thumbhash": viewing.asset.placeholder}


def _largest(candidates: Sequence[_Candidate]) -> _Candidate | None:
    return max(candidates, key=lambda each: each.width or 0, default=None)
