"""Which of an asset's files to play: the best that is there now. Playback never waits for a better
one, and is not stopped by one that could not be made (W4.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rindle_django import events
from rindle_django.delivery.issue import (
    Source,
    Terms,
    authorised,
    issue,
    may_be_shown,
    original_of,
    output_of,
    require_verified,
    variants_of,
)
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import adapter_name
from rindle_django.models import Asset
from rindle_django.profiles import Profile

PlaybackKind = Literal["progressive", "hls"]
Preference = int | PlaybackKind

PLAYED_KINDS = frozenset({"audio", "video"})
# A smaller picture is better than one that a browser cannot decode.
PLAYED_EVERYWHERE = frozenset({"video/mp4", "audio/mpeg", "audio/mp4"})


@dataclass(frozen=True)
class Playback:
    """What a player needs: ``url``, which is also its text; ``kind`` "progressive" for a file or
    "hls" for a stream; ``mime`` for ``<source type>``."""

    url: str
    kind: PlaybackKind
    mime: str

    def __str__(self) -> str:
        return self.url


def streaming_url(
    asset: Asset,
    *,
    actor: Any = None,
    ttl: int | None = None,
    prefer: Preference | None = None,
) -> Playback:
    """What to play of an audio or video asset: its stream, else the best file, else the original.

    ``prefer`` is "progressive" to have a file rather than a stream, or the most that the shorter
    side of its picture shall have, in pixels; where there is nothing of the kind, what there is is
    given. ``ttl`` is as of ``url``, and the URL lives for the length of what is played on top of
    it. Costs one query; none if ``original`` and ``variants__object`` were fetched with the asset.
    Raises RequestRefused: "not_allowed", "not_deliverable", "not_playable", "request_invalid".
    """
    profile = authorised(asset, actor)
    require_verified(asset)
    if asset.kind not in PLAYED_KINDS:
        raise RequestRefused("not_playable", kind=asset.kind)
    source = next(_by_preference(profile, asset, _checked(prefer)), None) or original_of(asset)
    kind: PlaybackKind = "hls" if _is_stream(source) else "progressive"
    playback = Playback(
        issue(profile, source, Terms(actor=actor, ttl=ttl)), kind, source.content_type
    )
    _tell(profile, source, playback)
    return playback


def _checked(prefer: Preference | None) -> Preference | None:
    number = isinstance(prefer, int) and not isinstance(prefer, bool) and prefer > 0
    if prefer is None or number or prefer in ("progressive", "hls"):
        return prefer
    raise RequestRefused(
        "request_invalid", why="prefer must be 'progressive', 'hls' or a number of pixels"
    )


def _by_preference(
    profile: type[Profile], asset: Asset, prefer: Preference | None
) -> Iterator[Source]:
    """What can be played besides the original, the best first; an original that browsers play is
    better than a stream where a file is preferred."""
    outputs = [output_of(profile, asset, variant) for variant in variants_of(asset)]
    shown = [source for source in outputs if source is not None]
    streams = [source for source in shown if _is_stream(source)]
    files = [source for source in shown if source.variant and source.variant.kind == asset.kind]
    most = prefer if isinstance(prefer, int) else None
    if prefer in (None, "hls"):
        yield from streams
    yield from _fitting(files, most)
    if asset.original is not None and may_be_shown(asset.content_type):
        yield original_of(asset)
    yield from streams


def _fitting(files: Sequence[Source], most: int | None) -> Iterator[Source]:
    """The largest picture first; after them those that are too large, the smallest first."""
    fits = [most is None or _resolution(source) <= most for source in files]
    fitting = [source for source, fit in zip(files, fits, strict=True) if fit]
    larger = [source for source, fit in zip(files, fits, strict=True) if not fit]
    yield from sorted(fitting, key=_rank)
    yield from sorted(larger, key=lambda source: (not _everywhere(source), _resolution(source)))


def _rank(source: Source) -> tuple[bool, int, int]:
    size = source.variant.byte_size if source.variant else None
    return not _everywhere(source), -_resolution(source), -(size or 0)


def _everywhere(source: Source) -> bool:
    return source.content_type in PLAYED_EVERYWHERE


def _resolution(source: Source) -> int:
    """The shorter side, as in "720p"; 0 for sound."""
    variant = source.variant
    return min(variant.width or 0, variant.height or 0) if variant else 0


def _is_stream(source: Source) -> bool:
    return source.variant is not None and source.variant.kind == "hls"


def _tell(profile: type[Profile], source: Source, playback: Playback) -> None:
    stored, variant = source.stored, source.variant
    metadata = {
        "profile": profile.name,
        "adapter": adapter_name(stored.storage),
        "mode": "public" if profile.delivery.public else "private",
        "kind": playback.kind,
        "mime": playback.mime,
        "asset_id": str(stored.asset_id),
    }
    if variant is not None:
        metadata |= {"variant_id": str(variant.pk), "variant_name": variant.name}
    events.emit("rindle.delivery.streaming.resolved", metadata)
