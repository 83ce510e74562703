"""Films and what is made of them: rows and a few bytes, without running the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rindle_django import (
    AudioRecipe,
    Delivery,
    HLSRecipe,
    PosterRecipe,
    Profile,
    StoryboardRecipe,
    VideoRecipe,
    ledger,
)
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.states import ASSET, VARIANT
from rindle_django.storage import adapter_for
from rindle_django.storage.base import CHUNK
from tests.kit import declared
from tests.rows import path_to

SECOND = 1000
RECIPES = {
    "hls": HLSRecipe(),
    "large": VideoRecipe(resolution=1080),
    "middle": VideoRecipe(resolution=720),
    "small": VideoRecipe(resolution=480),
    "modern": VideoRecipe(resolution=1080, codec="av1"),
    "sound": AudioRecipe(),
    "lesser": AudioRecipe(format="opus", bitrate=96),
    "poster": PosterRecipe(),
    "storyboard": StoryboardRecipe(),
}
SIZES = {"large": (1920, 1080), "middle": (1280, 720), "small": (854, 480), "modern": (1920, 1080)}
EXTENSIONS = {"video/mp4": ".mp4", "video/webm": ".webm", "image/jpeg": ".jpg"}


@contextmanager
def cinema(**options: Any) -> Iterator[type[Profile]]:
    """The profile "film" for as long as the block lasts."""
    delivery = options.pop("delivery", Delivery())
    with declared("film", variants=RECIPES, delivery=delivery, **options) as profile:
        yield profile


def film(
    *,
    kind: str = "video",
    content_type: str = "video/mp4",
    state: str = "ready",
    content: bytes | None = b"film",
    duration_ms: int | None = 90 * SECOND,
    storage: str = "default",
    **fields: Any,
) -> Asset:
    """An asset of profile "film"; ``content`` is its original, None: it has none."""
    asset = Asset.objects.create(
        profile="film",
        storage=storage,
        max_attempts=3,
        kind=kind,
        content_type=content_type,
        filename="a film.mov",
        duration_ms=duration_ms,
        **fields,
    )
    if content is not None:
        original = kept(asset, content, content_type, purpose="original")
        Asset.objects.filter(pk=asset.pk).update(original=original)
    for step in path_to(ASSET, state):
        Asset.objects.filter(pk=asset.pk).update(state=step)
    return Asset.objects.get(pk=asset.pk)


def made(asset: Asset, name: str, state: str = "ready", content: bytes = b"output") -> Variant:
    """The variant ``name`` in ``state``, with an output."""
    recipe = RECIPES[name]
    return published(asset, name, kept(asset, content, recipe.content_type), state=state)


def published(
    asset: Asset, name: str, output: StoredObject | None, *, state: str = "ready"
) -> Variant:
    recipe = RECIPES[name]
    width, height = SIZES.get(name, (None, None))
    variant = Variant.objects.create(
        asset=asset,
        name=name,
        kind=recipe.kind,
        recipe_digest="d",
        published_digest="d" if output else "",
        content_type=recipe.content_type,
        duration_ms=asset.duration_ms,
        width=width,
        height=height,
        byte_size=output.byte_size if output else None,
        object=output,
        max_attempts=5,
    )
    for step in path_to(VARIANT, state):
        Variant.objects.filter(pk=variant.pk).update(state=step)
    variant.refresh_from_db()
    return variant


def expected(
    asset: Asset,
    content_type: str,
    *,
    purpose: str = "variant",
    part_of: StoredObject | None = None,
    extension: str = "",
) -> StoredObject:
    """A name that is written down, as it is before its bytes."""
    extension = extension or EXTENSIONS.get(content_type, ".bin")
    return ledger.expect(
        asset,
        purpose,
        settles_in=0,
        extension=extension,
        content_type=content_type,
        part_of=part_of,
    )


def filled(stored: StoredObject, content: bytes) -> StoredObject:
    chunks = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]
    adapter_for(stored.storage).put_stream(
        stored.key, chunks, length=None, content_type=stored.content_type, limit=len(content)
    )
    assert ledger.confirm(stored, byte_size=len(content), content_type=stored.content_type)
    stored.refresh_from_db()
    return stored


def kept(asset: Asset, content: bytes, content_type: str, purpose: str = "variant") -> StoredObject:
    return filled(expected(asset, content_type, purpose=purpose), content)


def name_of(stored: StoredObject) -> str:
    return stored.key.rsplit("/", 1)[-1]


# --- outputs of several files ------------------------------------------------------------------

PLAYLIST = "application/vnd.apple.mpegurl"
MASTER = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS

#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=320x240,CODECS="avc1.42c01e"
{playlist}
"""
MEDIA = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="{film}",BYTERANGE="4@0"
#EXTINF:2.000000,
#EXT-X-BYTERANGE:6@4
{film}
#EXTINF:1.000000,
#EXT-X-BYTERANGE:2@10
{film}
#EXT-X-ENDLIST
"""
CUES = """WEBVTT

00:00.000 --> 00:02.000
{sheet}#xywh=0,0,160,90

00:02.000 --> 00:04.000
{sheet}#xywh=160,0,160,90
"""


def stream(asset: Asset, *, master: str = MASTER, media: str = MEDIA) -> dict[str, StoredObject]:
    """A ready HLS variant: its main text, the text of its one rendition, and that one's bytes."""
    main = expected(asset, PLAYLIST, extension=".m3u8")
    playlist = expected(asset, PLAYLIST, part_of=main, extension=".m3u8")
    bytes_ = expected(asset, "video/mp4", part_of=main)
    names = {"playlist": name_of(playlist), "film": name_of(bytes_)}
    filled(bytes_, b"initabcdefgh")
    filled(playlist, media.format(**names).encode())
    filled(main, master.format(**names).encode())
    published(asset, "hls", main)
    return {"main": main, "playlist": playlist, "film": bytes_}


def storyboard(asset: Asset) -> dict[str, StoredObject]:
    main = expected(asset, "text/vtt", extension=".vtt")
    sheet = expected(asset, "image/jpeg", part_of=main)
    filled(sheet, b"sheet")
    filled(main, CUES.format(sheet=name_of(sheet)).encode())
    published(asset, "storyboard", main)
    return {"main": main, "sheet": sheet}
