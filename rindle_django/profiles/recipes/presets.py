"""Recipes with a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rindle_django.profiles.recipes.audio import AudioRecipe, WaveformRecipe
from rindle_django.profiles.recipes.base import Recipe
from rindle_django.profiles.recipes.frames import PosterRecipe, PreviewRecipe, StoryboardRecipe
from rindle_django.profiles.recipes.video import HLSRecipe, VideoRecipe

PRESETS: Mapping[str, Recipe] = {
    "web_480p": VideoRecipe(resolution=480),
    "web_720p": VideoRecipe(resolution=720),
    "web_1080p": VideoRecipe(resolution=1080),
    "vp9_720p": VideoRecipe(resolution=720, codec="vp9"),
    "av1_720p": VideoRecipe(resolution=720, codec="av1"),
    "hls": HLSRecipe(),
    "poster": PosterRecipe(),
    "storyboard": StoryboardRecipe(),
    "preview": PreviewRecipe(),
    "m4a_128k": AudioRecipe(format="m4a"),
    "mp3_128k": AudioRecipe(format="mp3"),
    "opus_96k": AudioRecipe(format="opus", bitrate=96),
    "podcast": AudioRecipe(format="mp3", channels=2, loudness=-16.0, passes=2),
    "waveform": WaveformRecipe(),
}


def preset(name: str, **changes: Any) -> Any:
    """The recipe of this name, with ``changes`` to its fields.

    Raises ValueError for a name that there is not, TypeError for a field that there is not: there
    is no way to hand options to FFmpeg.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    return replace(PRESETS[name], **changes, preset=name)
