"""The bounds within which a profile's files are decoded."""

from __future__ import annotations

from rindle_django.conf import config
from rindle_django.media.av.limits import MediaLimits
from rindle_django.media.limits import Limits
from rindle_django.profiles import Profile


def limits_of(profile: type[Profile]) -> Limits:
    return Limits(
        max_pixels=profile.pixel_limit(),
        memory_bytes=config().DECODER_MEMORY,
        cpu_seconds=config().DECODER_SECONDS,
        wall_seconds=config().DECODER_SECONDS,
    )


def media_limits_of(profile: type[Profile]) -> MediaLimits:
    return MediaLimits(
        max_duration=profile.duration_limit(),
        max_pixels=profile.pixel_limit(),
        memory_bytes=config().DECODER_MEMORY,
        cpu_seconds=config().DECODER_SECONDS,
        wall_seconds=config().DECODER_SECONDS,
    )
