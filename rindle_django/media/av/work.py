"""What a maker of variants is given: one source, and where to write what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from rindle_django.media.av import ffmpeg
from rindle_django.media.av.bounds import Bounds
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.guest import Hear
from rindle_django.media.rendering import Part
from rindle_django.media.types import extension_for


@dataclass(frozen=True, kw_only=True)
class Work:
    """One source and one output. All that is made for it is asked of ``part`` and ``scratch``, so
    that it can be removed if the work fails."""

    source: Path
    mime: str
    facts: MediaFacts
    target: Path
    bounds: Bounds
    on_progress: Callable[[int], None]
    made: list[Path] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)  # CPU seconds of each run

    @property
    def folder(self) -> Path:
        return self.target.parent

    @property
    def seconds(self) -> float | None:
        """How long the source plays, as far as anybody knows."""
        return self.facts.duration_ms / 1000 if self.facts.duration_ms else None

    def part(self, content_type: str) -> Part:
        """A further file of the output, to be written where its ``path`` says."""
        name = uuid4()
        path = self.target.with_name(f"{name}{extension_for(content_type)}")
        self.made.append(path)
        return Part(name, path, content_type)

    def scratch(self, extension: str) -> Path:
        """A file that is needed on the way alone."""
        path = self.target.with_name(f"{uuid4()}{extension}")
        self.made.append(path)
        return path

    def run(
        self,
        arguments: Sequence[str],
        *,
        before: Sequence[str] = (),
        more: Sequence[Sequence[str]] = (),
        percents: tuple[int, int] | None = (0, 100),
        seconds: float | None = None,
        on_output: Hear | None = None,
    ) -> ffmpeg.Finished:
        """FFmpeg on the source. Its course is told as ``percents`` of the whole, from where to
        where, ``seconds`` being what it will write: as long as the source, unless told."""
        finished = ffmpeg.run(
            arguments,
            source=self.source,
            mime=self.mime,
            folder=self.folder,
            bounds=self.bounds,
            before=before,
            more=more,
            on_progress=self._course(percents, seconds or self.seconds),
            on_output=on_output,
        )
        self.spent.append(finished.cpu_seconds)
        return finished

    def _course(
        self, percents: tuple[int, int] | None, seconds: float | None
    ) -> Callable[[float], None] | None:
        if not percents or not seconds:
            return None
        start, end = percents

        def tell(done: float) -> None:
            self.on_progress(start + int((end - start) * min(1.0, done / seconds)))

        return tell

    def clean(self, *kept: Path) -> None:
        """Remove all that was made, but what is ``kept``."""
        for path in (self.target, *self.made):
            if path not in kept:
                path.unlink(missing_ok=True)
