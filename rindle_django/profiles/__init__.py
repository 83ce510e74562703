"""What a project declares: profiles, their variants, and how they are delivered.

Profiles are loaded when they are first asked for: they bring the settings and thus Django along,
which a decoder has no use for when it reads a recipe.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rindle_django.profiles.recipes import (
    PRESETS,
    AudioRecipe,
    HLSRecipe,
    ImageRecipe,
    PosterRecipe,
    PreviewRecipe,
    Recipe,
    StoryboardRecipe,
    VideoRecipe,
    WaveformRecipe,
    preset,
)

if TYPE_CHECKING:
    from rindle_django.profiles.base import (
        GB,
        KB,
        MB,
        Authorizer,
        Delivery,
        Profile,
        Scanner,
        chosen,
        clashes,
        get_profile,
        profile_of_row,
        register,
        registered,
        unregister,
    )

__all__ = [
    "GB",
    "KB",
    "MB",
    "PRESETS",
    "AudioRecipe",
    "Authorizer",
    "Delivery",
    "HLSRecipe",
    "ImageRecipe",
    "PosterRecipe",
    "PreviewRecipe",
    "Profile",
    "Recipe",
    "Scanner",
    "StoryboardRecipe",
    "VideoRecipe",
    "WaveformRecipe",
    "chosen",
    "clashes",
    "get_profile",
    "preset",
    "profile_of_row",
    "register",
    "registered",
    "unregister",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.base"), name)
    return found
