"""Short films, made by FFmpeg once a session, and what profiles make of them."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from rindle_django import AudioRecipe, HLSRecipe, PosterRecipe, VideoRecipe
from rindle_django.models import Asset
from rindle_django.profiles import Recipe
from rindle_django.testing import drain_jobs
from tests.kit import arrive, fresh

REEL: dict[str, Recipe] = {
    "play": VideoRecipe(resolution=144, effort="fast", preset="web_144p"),
    "poster": PosterRecipe(width=64, height=64),
    "sound": AudioRecipe(bitrate=32),
    "stream": HLSRecipe(resolutions=(144,), effort="fast", segment_seconds=1),
}
# Takes many seconds to make of the long clip.
SLOW: dict[str, Recipe] = {"slow": VideoRecipe(codec="av1", effort="slow")}
STREAM = {"stream": REEL["stream"]}
PLAY = {"play": REEL["play"]}


@cache
def clip(seconds: float = 1, size: str = "160x144", rate: int = 10, *, sound: bool = True) -> bytes:
    """An MP4 in which something moves, with a tone."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    tone = ["-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:a", "aac"] if sound else []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.mp4"
        encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, *tone, *encoder]
        subprocess.run([*command, str(target)], check=True, stdin=subprocess.DEVNULL)
        return target.read_bytes()


def long_clip() -> bytes:
    return clip(8, "320x240", 30)


def filmed(profile: str = "reel", content: bytes | None = None, *, actor: Any = None) -> Asset:
    """A film that is promoted, with its variants queued."""
    asset = arrive(
        content or clip(),
        profile=profile,
        filename="film.mp4",
        content_type="video/mp4",
        actor=actor,
    )
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    assert fresh(asset).state == "transcoding", fresh(asset).reason
    return fresh(asset)
