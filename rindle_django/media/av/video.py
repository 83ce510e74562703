"""A video that browsers play: H.264 and AAC in MP4, or VP9 or AV1 and Opus in WebM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rindle_django.media.av import filters
from rindle_django.media.av.codecs import codecs_of
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.ffmpeg import to
from rindle_django.media.av.outputs import verified
from rindle_django.media.av.work import Work
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import VideoRecipe

# How far a player has to decode before the place that somebody jumped to.
_SECONDS_BETWEEN_KEYFRAMES = 4
_EFFORT: Mapping[str, Mapping[str, str]] = {
    "h264": {"fast": "veryfast", "medium": "medium", "slow": "slow"},
    "vp9": {"fast": "5", "medium": "3", "slow": "1"},
    "av1": {"fast": "10", "medium": "8", "slow": "5"},
}


def make_video(work: Work, recipe: VideoRecipe) -> Rendered:
    work.run(arguments_of(work, recipe))
    found = verified(
        work.target,
        recipe.content_type,
        video=True,
        audio=_is_heard(work.facts, recipe),
        duration_ms=work.facts.duration_ms,
        size=filters.fitted(work.facts, recipe.resolution),
    )
    return _rendered(work, recipe, found)


def arguments_of(work: Work, recipe: VideoRecipe) -> list[str]:
    """All that FFmpeg is told behind its input."""
    return [
        *("-map", filters.FIRST_VIDEO, *_sound(work.facts, recipe)),
        *filters.STRIPPED,
        *("-vf", _frames(work.facts, recipe)),
        *_encoder(work, recipe),
        *_container(recipe),
        to(work.target),
    ]


def _is_heard(facts: MediaFacts, recipe: VideoRecipe) -> bool:
    return recipe.audio and facts.has_audio


def _frames(facts: MediaFacts, recipe: VideoRecipe) -> str:
    """Those that are left out need not be scaled."""
    size = filters.fitted(facts, recipe.resolution)
    return filters.chained(
        filters.rate_filter(facts, recipe.max_frame_rate), filters.picture(facts, size)
    )


def _sound(facts: MediaFacts, recipe: VideoRecipe) -> list[str]:
    if not _is_heard(facts, recipe):
        return ["-an"]
    codec = "aac" if recipe.codec == "h264" else "opus"
    arguments = filters.audio_arguments(facts, codec, recipe.audio_bitrate)
    return ["-map", filters.FIRST_AUDIO, "-af", filters.IN_STEP, *arguments]


def _encoder(work: Work, recipe: VideoRecipe) -> list[str]:
    rate = filters.frame_rate(work.facts, recipe.max_frame_rate)
    between = max(1, round(rate * _SECONDS_BETWEEN_KEYFRAMES))
    return [
        *_ENCODERS[recipe.codec](recipe),
        *("-crf", str(recipe.effective_crf), "-g", str(between)),
        *("-threads", str(work.bounds.threads), "-fps_mode", "vfr"),
        *("-max_muxing_queue_size", "4096"),
    ]


def _h264(recipe: VideoRecipe) -> list[str]:
    return [
        *("-c:v", "libx264", "-preset", _EFFORT["h264"][recipe.effort], "-profile:v", "high"),
        *_at_most(recipe),
    ]


def _vp9(recipe: VideoRecipe) -> list[str]:
    return [
        *("-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", _EFFORT["vp9"][recipe.effort]),
        # Its constant quality asks for a rate: none, or the one that it may reach.
        *("-row-mt", "1", "-b:v", f"{recipe.max_bitrate}k" if recipe.max_bitrate else "0"),
    ]


def _av1(recipe: VideoRecipe) -> list[str]:
    return [
        *("-c:v", "libsvtav1", "-preset", _EFFORT["av1"][recipe.effort]),
        *_at_most(recipe),
    ]


def _at_most(recipe: VideoRecipe) -> list[str]:
    if recipe.max_bitrate is None:
        return []
    return ["-maxrate", f"{recipe.max_bitrate}k", "-bufsize", f"{2 * recipe.max_bitrate}k"]


_ENCODERS: Mapping[str, Callable[[VideoRecipe], list[str]]] = {
    "h264": _h264,
    "vp9": _vp9,
    "av1": _av1,
}


def _container(recipe: VideoRecipe) -> list[str]:
    if recipe.codec == "h264":
        return ["-movflags", "+faststart", "-f", "mp4"]  # it plays before all of it is there
    return ["-f", "webm"]


def _rendered(work: Work, recipe: VideoRecipe, found: MediaFacts) -> Rendered:
    size = work.target.stat().st_size
    details: dict[str, object] = {"codecs": codecs_of(work.target, found)}
    if found.duration_ms:
        details["bit_rate"] = size * 8000 // found.duration_ms
    if found.frame_rate:
        details["frame_rate"] = found.frame_rate
    return Rendered(
        width=found.width,
        height=found.height,
        pages=None,
        byte_size=size,
        content_type=recipe.content_type,
        duration_ms=found.duration_ms,
        details=details,
    )
