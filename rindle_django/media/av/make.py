"""Making a variant of an audio or video file: the room's front door.

Nothing of the source is decoded in this process: FFmpeg and the decoder, both confined, do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from rindle_django.errors import ContentRefused
from rindle_django.media.av.bounds import Bounds
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.room import check_room
from rindle_django.media.av.work import Work
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import Recipe

# By the kind of recipe: the module of this package, and its function.
MAKERS: Mapping[str, tuple[str, str]] = {
    "video": ("video", "make_video"),
    "hls": ("hls", "make_hls"),
    "audio": ("sound", "make_audio"),
    "waveform": ("waveform", "make_waveform"),
    "poster": ("poster", "make_poster"),
    "storyboard": ("storyboard", "make_storyboard"),
    "preview": ("preview", "make_preview"),
}


def _unheard(_percent: int) -> None:
    return


def make(
    source: Path,
    mime: str,
    facts: MediaFacts,
    recipe: Recipe,
    target: Path,
    *,
    on_progress: Callable[[int], None] = _unheard,
) -> Rendered:
    """Write what ``recipe`` makes of the file to ``target``, and further files of it, if there are,
    beside it. ``on_progress`` hears whole percents, each once and never less than before.

    Raises ContentRefused, Misconfigured, TransientFailure, or Interrupted when the work has become
    unwanted; then there is neither a target nor a part, and no process is left.
    """
    _check_content(facts, recipe)
    work = Work(
        source=source,
        mime=mime,
        facts=facts,
        target=target,
        bounds=Bounds.for_duration(facts.duration_ms),
        on_progress=_Course(on_progress).tell,
    )
    kept: tuple[Path, ...] = ()
    try:
        check_room(source, work.folder)
        rendered = _maker(recipe)(work, recipe)
        work.on_progress(100)
        kept = (target, *(part.path for part in rendered.parts))
    finally:
        work.clean(*kept)
    return replace(rendered, cpu_seconds=rendered.cpu_seconds or round(sum(work.spent), 3))


def _check_content(facts: MediaFacts, recipe: Recipe) -> None:
    if recipe.needs_audio and not facts.has_audio:
        raise ContentRefused("audio_missing")
    if not recipe.needs_audio and not facts.has_video:
        raise ContentRefused("video_missing")


def _maker(recipe: Recipe) -> Callable[[Work, Any], Rendered]:
    module, name = MAKERS[recipe.kind]
    maker: Callable[[Work, Any], Rendered] = getattr(
        import_module(f"rindle_django.media.av.{module}"), name
    )
    return maker


class _Course:
    """Percents as they may be shown: whole, none twice, and none after a greater one."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._furthest = tell, -1

    def tell(self, percent: int) -> None:
        percent = max(0, min(100, percent))
        if percent > self._furthest:
            self._furthest = percent
            self._tell(percent)
