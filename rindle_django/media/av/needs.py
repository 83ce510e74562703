"""What has to be installed for audio and video. Answered without loading any of it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from rindle_django.errors import Misconfigured
from rindle_django.media.types import MEDIA_TYPES, canonical

if TYPE_CHECKING:
    from rindle_django.profiles import Profile

INSTALL = "install PyAV: pip install 'rindle-django[av]'"
KINDS = frozenset({"audio", "video"})


def is_media(mime: str) -> bool:
    """Whether files of this type are looked into for sound and moving pictures."""
    known = MEDIA_TYPES.get(canonical(mime))
    return known is not None and known.kind in KINDS


def inspectable(mime: str) -> str | None:
    """None if audio and video of this type can be looked into here, else what to do about it."""
    if not is_media(mime):
        return f"{mime} is neither audio nor video"
    return None if find_spec("av") is not None else INSTALL


def cannot_look_into(mime: str, why: str) -> Misconfigured:
    """For a PyAV that is there and cannot be loaded."""
    return Misconfigured("decoder_missing", mime=mime, hint=f"{INSTALL} ({why[:200]})")


def takes_media(profile: type[Profile]) -> bool:
    return any(is_media(each) for each in profile.content_types)


def needs_transcoder(profile: type[Profile]) -> bool:
    """Whether something is to be made of the profile's files that FFmpeg has to make."""
    return any(recipe.kind != "image" for recipe in profile.variants.values())
