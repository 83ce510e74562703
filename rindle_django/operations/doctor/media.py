"""Audio and video: whether this process can look into them, and make what profiles want of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rindle_django.conf import config
from rindle_django.errors import Misconfigured
from rindle_django.media.av import capabilities
from rindle_django.media.av.ffmpeg import find_ffmpeg
from rindle_django.media.av.needs import needs_transcoder, takes_media
from rindle_django.media.av.probe import library_versions
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.operations.reading import ENOUGH, said, select
from rindle_django.processing.limits import media_limits_of
from rindle_django.profiles import registered
from rindle_django.profiles.recipes import AudioRecipe, HLSRecipe, Recipe, VideoRecipe
from rindle_django.states import VERIFIED_ASSET_STATES

INSTALL = "pip install 'rindle-django[av]' brings one that can do all of it."

# The encoders and filters of FFmpeg that a recipe stands or falls with.
_OF_VIDEO: Mapping[str, frozenset[str]] = {
    "h264": frozenset({"libx264", "aac"}),
    "vp9": frozenset({"libvpx-vp9", "libopus"}),
    "av1": frozenset({"libsvtav1", "libopus"}),
}
_OF_AUDIO: Mapping[str, frozenset[str]] = {
    "m4a": frozenset({"aac"}),
    "mp3": frozenset({"libmp3lame"}),
    "opus": frozenset({"libopus"}),
}
_ENCODERS: Mapping[type[Recipe], Callable[[Any], frozenset[str]]] = {
    VideoRecipe: lambda recipe: _OF_VIDEO.get(recipe.codec, frozenset()),
    HLSRecipe: lambda _: _OF_VIDEO["h264"],
    AudioRecipe: lambda recipe: _OF_AUDIO.get(recipe.format, frozenset()),
}

# What promotion writes down of each file; older rows, and changed ones, may lack it.
_UNMEASURED = f"""
SELECT count(*) FROM (
    SELECT FROM rindle_asset
    WHERE state IN ({", ".join(f"'{state}'" for state in sorted(VERIFIED_ASSET_STATES))})
      AND (kind IN ('audio', 'video')
           AND (has_video IS NULL OR has_audio IS NULL OR kind <> split_part(content_type, '/', 1))
           OR kind = 'image' AND (has_video IS NOT NULL OR has_audio IS NOT NULL))
    LIMIT %s + 1) found
"""  # noqa: S608
_TONE_MAPPING = frozenset({"zscale", "tonemap"})


def libraries() -> Iterator[Observation]:
    taking = [profile for profile in registered() if takes_media(profile)]
    if not taking:
        yield ok("No profile takes audio or video.")
        return
    try:
        versions = library_versions(media_limits_of(taking[0]))
    except Misconfigured as fault:
        yield error(
            f"Audio and video cannot be looked into, but {_said(taking)} take them: {fault}",
            "pip install 'rindle-django[av]'; until then such uploads are refused.",
        )
        return
    yield ok(", ".join(f"{name} {version}" for name, version in versions.items()) + ".")


def ffmpeg() -> Iterator[Observation]:
    making = [profile for profile in registered() if needs_transcoder(profile)]
    if not making:
        yield ok("No profile needs FFmpeg.")
        return
    try:
        program, version = find_ffmpeg(), capabilities.version()
    except Misconfigured as fault:
        yield error(f"{fault} {_said(making)} need it.", INSTALL)
        return
    major = capabilities.major_version()
    if major is not None and major < capabilities.LEAST_VERSION:
        yield error(
            f"FFmpeg {version} at {program} is too old.",
            f"Version {capabilities.LEAST_VERSION} or later is needed; {INSTALL}",
        )
        return
    chosen = "RINDLE['FFMPEG']" if config().FFMPEG else "found"
    yield ok(f"FFmpeg {version} at {program}, {chosen}.")


def encoders() -> Iterator[Observation]:
    wanted = _wanted()
    if not wanted:
        yield ok("No recipe needs an encoder of FFmpeg.")
        return
    try:
        there, filters = capabilities.encoders(), capabilities.filters()
    except Misconfigured as fault:
        yield error(str(fault), INSTALL)
        return
    for encoder in sorted(set(wanted) - there - filters):
        yield error(
            f"This FFmpeg has no {encoder}, but {', '.join(sorted(wanted[encoder])[:5])} want it.",
            INSTALL,
        )
    if not filters >= _TONE_MAPPING:
        yield warn(
            f"This FFmpeg lacks {', '.join(sorted(_TONE_MAPPING - filters))}: videos of high "
            "dynamic range come out pale.",
            INSTALL,
        )


def unmeasured() -> Iterator[Observation]:
    ((rows,),) = select(_UNMEASURED, [ENOUGH])
    if rows:
        yield warn(
            f"{said(rows, 'asset')} whose kind contradicts the type, or of whose sound and moving "
            "pictures nothing is known.",
            "Run rindle_backfill_metadata --all --no-dry-run, or rindle_repair reprobe <asset>.",
        )


def _wanted() -> dict[str, list[str]]:
    """Variants by the encoders that they need."""
    wanted: dict[str, list[str]] = {}
    for profile in registered():
        for name, recipe in profile.variants.items():
            needs = _ENCODERS.get(type(recipe))
            for encoder in needs(recipe) if needs else ():
                wanted.setdefault(encoder, []).append(f"{profile.name}.{name}")
            if isinstance(recipe, AudioRecipe) and recipe.loudness is not None:
                wanted.setdefault("loudnorm", []).append(f"{profile.name}.{name}")
    return wanted


def _said(profiles: list[Any]) -> str:
    return ", ".join(sorted(profile.name for profile in profiles)[:5])
