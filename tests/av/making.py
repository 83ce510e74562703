"""What the tests of every kind of output have in common: make it, and look at it independently."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pymediainfo import MediaInfo

from rindle_django.media.av import ffmpeg
from rindle_django.media.av.make import make
from rindle_django.media.av.probe import probe_media
from rindle_django.media.rendering import Rendered
from rindle_django.profiles import Recipe
from tests.av import clips

_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".3gp": "video/3gpp",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
}


def made(
    source: Path, recipe: Recipe, target: Path, on_progress: Callable[[int], None] | None = None
) -> Rendered:
    """What ``recipe`` makes of a clip, whose facts are found out first, as promotion does."""
    mime = _TYPES[source.suffix]
    before = set(target.parent.iterdir())
    told = {} if on_progress is None else {"on_progress": on_progress}
    rendered = make(source, mime, probe_media(source, mime), recipe, target, **told)
    assert target.stat().st_size == rendered.byte_size
    assert rendered.content_type == recipe.content_type
    assert rendered.cpu_seconds is not None
    written = set(target.parent.iterdir()) - before
    assert written == {target, *(part.path for part in rendered.parts)} - before
    return rendered


def tracks(path: Path, kind: str = "General") -> list[dict[str, Any]]:
    """What MediaInfo, which shares no code with FFmpeg, finds of a kind of track."""
    parsed = MediaInfo.parse(path)
    assert isinstance(parsed, MediaInfo)
    return [each.to_data() for each in parsed.tracks if each.track_type == kind]


@cache
def one_key_frame() -> Path:
    """A minute with a key frame at its beginning and nowhere else."""
    path = clips.folder() / "one_key_frame.mp4"
    clips.ffmpeg(*clips.picture(60, "64x48"), *clips.H264, "-g", 9999, into=path)
    return path


@contextmanager
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many frames each run of FFmpeg decodes, as it says itself in the end."""
    counts: list[int] = []
    run = ffmpeg.run

    def counted(arguments: Any, **options: Any) -> ffmpeg.Finished:
        finished = run(["-loglevel", "level+verbose", *arguments], **options)
        counts.extend(map(int, re.findall(r"(\d+) frames decoded", finished.stderr_tail)))
        return finished

    monkeypatch.setattr(ffmpeg, "run", counted)
    yield counts
