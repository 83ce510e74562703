"""Sound alone: of an audio file or a video, and as loud as is asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from rindle_django.errors import ContentRefused
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.ffmpeg import to
from rindle_django.media.av.filters import FIRST_AUDIO, IN_STEP, STRIPPED, chained
from rindle_django.media.av.outputs import verified
from rindle_django.media.av.work import Work
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import AudioRecipe


@dataclass(frozen=True)
class Encoding:
    """How one format is written: in FFmpeg's words, and in those that players are told."""

    arguments: tuple[str, ...]
    codecs: str


_ENCODINGS: Mapping[str, Encoding] = {
    "m4a": Encoding(("-c:a", "aac", "-f", "ipod", "-movflags", "+faststart"), "mp4a.40.2"),
    "mp3": Encoding(("-c:a", "libmp3lame", "-f", "mp3"), "mp3"),
    "opus": Encoding(("-c:a", "libopus", "-f", "ogg"), "opus"),
}
# Everything plays these two rates. Opus has only the second.
_CD_RATES = (11_025, 22_050, 44_100)
_CD_RATE, _RATE = 44_100, 48_000
# What loudnorm says when it measures, by the name under which it wants to hear of it; and from
# where to where it listens: noise may well be louder.
_MEASURES: Mapping[str, tuple[str, float, float]] = {
    "measured_I": ("input_i", -99, 0),
    "measured_TP": ("input_tp", -99, 99),
    "measured_LRA": ("input_lra", 0, 99),
    "measured_thresh": ("input_thresh", -99, 0),
    "offset": ("target_offset", -99, 99),
}
# EBU R128 hears nothing below.
_SILENCE = -70.0
_LEAST_RANGE, _MOST_RANGE = 11.0, 50.0
# What is shorter, loudnorm takes as a whole: of silence it makes what is no number.
_ADAPTS_FROM = 10.0


def make_audio(work: Work, recipe: AudioRecipe) -> Rendered:
    """Raises ContentRefused("audio_missing"), ContentRefused("output_mismatch"), and what FFmpeg's
    run raises."""
    require_audio(work)
    loudness, begin = _loudness(work, recipe)
    encoding = _ENCODINGS[recipe.format]
    work.run(
        (
            *("-map", FIRST_AUDIO, "-vn", *STRIPPED, "-af", chained(IN_STEP, loudness)),
            *("-ac", str(min(recipe.channels or 2, work.facts.channels or 2))),
            *("-ar", str(_sample_rate(work, recipe)), "-b:a", f"{recipe.bitrate}k"),
            *(*encoding.arguments, to(work.target)),
        ),
        percents=(begin, 100),
    )
    made = verified(
        work.target,
        recipe.content_type,
        video=False,
        audio=True,
        duration_ms=None if work.facts.has_video else work.facts.duration_ms,
    )
    return Rendered(
        width=None,
        height=None,
        pages=None,
        byte_size=work.target.stat().st_size,
        content_type=recipe.content_type,
        duration_ms=made.duration_ms,
        details={"codecs": encoding.codecs, "bit_rate": _bit_rate(work, made)},
    )


def require_audio(work: Work) -> None:
    """Raises ContentRefused("audio_missing")."""
    if not work.facts.has_audio:
        raise ContentRefused("audio_missing")


def _bit_rate(work: Work, made: MediaFacts) -> int | None:
    return work.target.stat().st_size * 8000 // made.duration_ms if made.duration_ms else None


def _sample_rate(work: Work, recipe: AudioRecipe) -> int:
    """What was given, where everything plays it; filters may work at other rates."""
    keeps = recipe.format != "opus" and work.facts.sample_rate in _CD_RATES
    return _CD_RATE if keeps else _RATE


def _loudness(work: Work, recipe: AudioRecipe) -> tuple[str, int]:
    """The filter that reaches the recipe's loudness, none if it asks for none or there is nothing
    to hear; and the percents of the work that went into it."""
    if recipe.loudness is None:
        return "", 0
    goal = f"loudnorm=I={recipe.loudness}:TP={recipe.true_peak}"
    if recipe.passes == 1 and (work.seconds or 0) >= _ADAPTS_FROM:
        return f"{goal}:LRA={_LEAST_RANGE}", 0
    measured = _measured(work, f"{goal}:LRA={_LEAST_RANGE}:print_format=json")
    if measured is None:
        return "", 50
    # A range of at least what there is: so the level alone is changed, and not the dynamics.
    span = min(_MOST_RANGE, max(_LEAST_RANGE, measured["measured_LRA"]))
    known = ":".join(f"{name}={value}" for name, value in measured.items())
    return f"{goal}:LRA={span}:linear=true:{known}", 50


def _measured(work: Work, loudnorm: str) -> dict[str, float] | None:
    arguments = (
        "-map",
        FIRST_AUDIO,
        "-vn",
        "-sn",
        "-dn",
        "-af",
        chained(IN_STEP, loudnorm),
        "-f",
        "null",
        "-",
    )
    return measures(work.run(arguments, percents=(0, 50)).stderr_tail)


def measures(told: str) -> dict[str, float] | None:
    """What loudnorm measured, as it wants to hear it again; None if there was nothing to hear."""
    begin, end = told.rfind("{"), told.rfind("}")
    try:
        content = json.loads(told[begin : end + 1])
        found = {name: float(content[key]) for name, (key, _, _) in _MEASURES.items()}
    except (ValueError, KeyError, TypeError):
        return None
    if not all(map(math.isfinite, found.values())) or found["measured_I"] <= _SILENCE:
        return None
    return {
        name: min(most, max(least, found[name])) for name, (_, least, most) in _MEASURES.items()
    }
