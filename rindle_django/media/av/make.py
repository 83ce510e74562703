"""Stands in until FFmpeg is run as it should be."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import imageio_ffmpeg

from rindle_django.interruption import checkpoint
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.rendering import Part, Rendered
from rindle_django.profiles import Recipe


def make(
    source: Path,
    mime: str,
    facts: MediaFacts,
    recipe: Recipe,
    target: Path,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Rendered:
    made = target.with_name("made.mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-v", "error", "-i", str(source)]
    with subprocess.Popen([*command, "-c:v", "libx264", str(made)]) as process:
        try:
            percent = 0
            while process.poll() is None:
                checkpoint()
                percent = min(99, percent + 1)
                on_progress(percent)
                time.sleep(0.05)
        finally:
            process.kill()
    parts: tuple[Part, ...] = ()
    if recipe.kind == "hls":
        parts = tuple(
            Part(i := uuid4(), target.with_name(f"{i}{suffix}"), mime)
            for suffix, mime in (
                (".m3u8", "application/vnd.apple.mpegurl"),
                (".mp4", "video/mp4"),
            )
        )
        parts[0].path.write_text(parts[1].path.name)
        made.rename(parts[1].path)
        target.write_text(parts[0].path.name)
    else:
        made.rename(target)
    return Rendered(
        None, None, None, target.stat().st_size, recipe.content_type, 1.0, 1000, {}, parts
    )
