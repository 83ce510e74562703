"""What a variant shall look like: recipes, their rules and their digests."""

from rindle_django.profiles.recipes.audio import AudioRecipe, WaveformRecipe
from rindle_django.profiles.recipes.base import PIPELINE_VERSION, Recipe
from rindle_django.profiles.recipes.frames import PosterRecipe, PreviewRecipe, StoryboardRecipe
from rindle_django.profiles.recipes.image import (
    CONTENT_TYPES,
    DEFAULT_QUALITY,
    Format,
    Gravity,
    ImageRecipe,
    Mode,
)
from rindle_django.profiles.recipes.presets import PRESETS, preset
from rindle_django.profiles.recipes.video import HLSRecipe, VideoRecipe

__all__ = [
    "CONTENT_TYPES",
    "DEFAULT_QUALITY",
    "PIPELINE_VERSION",
    "PRESETS",
    "AudioRecipe",
    "Format",
    "Gravity",
    "HLSRecipe",
    "ImageRecipe",
    "Mode",
    "PosterRecipe",
    "PreviewRecipe",
    "Recipe",
    "StoryboardRecipe",
    "VideoRecipe",
    "WaveformRecipe",
    "preset",
]
