"""What it costs to make a video by the library, over the bare command line of FFmpeg.

    python -m benchmarks.transcode
    python -m benchmarks.transcode --whole

Both run with the same arguments on the same clip, by turns, so that a busy machine disturbs both;
what one pair differs by is the overhead: starting confined, listening, verifying the output. With
``--whole`` it is that of a job: claimed, fetched, made, stored and published.

As a part of the benchmark it takes the options of all parts, and tells the overhead by pair;
otherwise it exits with 1 if the median overhead is more than it may be.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ground import add_place, django_up
from benchmarks.parts import SCALES, Options, hand_in
from benchmarks.targets import TARGETS

if TYPE_CHECKING:
    from rindle_django.media.av.work import Work

MIME = "video/mp4"
OVERHEAD = TARGETS["transcode.overhead"]
# Something that is prepared each time, and then measured.
Job = Callable[[], Callable[[], None]]


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and of processors."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Pair:
    bare: Took
    ours: Took

    @property
    def wall(self) -> float:
        return self.ours.wall / self.bare.wall - 1

    @property
    def cpu(self) -> float:
        return self.ours.cpu / self.bare.cpu - 1


def clip(folder: Path, seconds: int) -> Path:
    """720p at 30 frames a second, with sound, of something that moves."""
    from rindle_django.media.av.ffmpeg import find_ffmpeg

    path = folder / "clip.mp4"
    picture = f"testsrc2=size=1280x720:rate=30:duration={seconds},noise=alls=8:allf=t"
    tone = f"sine=frequency=440:sample_rate=48000:duration={seconds}"
    subprocess.run(
        [
            *(str(find_ffmpeg()), "-v", "error", "-y", "-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", tone, "-c:v", "libx264", "-preset", "ultrafast"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
        ],
        check=True,
    )
    return path


def took(action: Callable[[], object]) -> Took:
    began, used = time.perf_counter(), _cpu()
    action()
    return Took(time.perf_counter() - began, _cpu() - used)


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def bare(work: Work, recipe: Any) -> None:
    """The same arguments and the same politeness, and nothing else."""
    from rindle_django.media.av.ffmpeg import find_ffmpeg
    from rindle_django.media.av.video import arguments_of

    threads = str(work.bounds.threads)
    subprocess.run(
        [
            *("nice", "-n", "5", str(find_ffmpeg()), "-nostdin", "-v", "error", "-y"),
            *("-filter_threads", threads, "-threads", threads, "-i", str(work.source)),
            *arguments_of(work, recipe),
        ],
        check=True,
        env=os.environ | {"SVT_LOG": "1"},
    )


def by_make(work: Work, recipe: Any) -> None:
    from rindle_django.media.av.make import make

    made = make(work.source, work.mime, work.facts, recipe, work.target)
    assert made.byte_size


def work_on(source: Path) -> Work:
    from rindle_django.media.av.bounds import Bounds
    from rindle_django.media.av.probe import probe_media
    from rindle_django.media.av.work import Work

    facts = probe_media(source, MIME)
    return Work(
        source=source,
        mime=MIME,
        facts=facts,
        target=source.with_name("target"),
        bounds=Bounds.for_duration(facts.duration_ms),
        on_progress=lambda _percent: None,
    )


@contextmanager
def jobs_of(source: Path, recipe: Any) -> Iterator[Job]:
    """Gives, each time, what the job of a video does whose asset has just been promoted."""
    from django.conf import settings
    from django.test import override_settings

    from rindle_django import Profile
    from rindle_django.profiles import unregister

    class Film(Profile):
        name = "film"
        content_types = (MIME,)
        max_bytes = 1 << 30
        variants = {"web": recipe}

    files = "django.core.files.storage.FileSystemStorage"
    place = {"BACKEND": files, "OPTIONS": {"location": source.parent / "media"}}
    with override_settings(STORAGES={**settings.STORAGES, "default": place}):
        yield lambda: _promoted(Film, source)
    unregister(Film)


def _promoted(profile: Any, source: Path) -> Callable[[], None]:
    from rindle_django import upload
    from rindle_django.models import Variant
    from rindle_django.processing import process_variant
    from rindle_django.promotion import promote

    with source.open("rb") as stream:
        asset = upload(profile, stream, filename="film.mp4")
    promote(str(asset.pk))

    def work() -> None:
        process_variant(str(asset.pk), "web")
        variant = Variant.objects.get(asset=asset, name="web")
        assert variant.state == "ready", (variant.state, variant.reason)

    return work


def measure(options: argparse.Namespace, folder: Path) -> list[Pair]:
    from rindle_django.profiles.recipes import VideoRecipe

    recipe = VideoRecipe(effort=options.effort, codec=options.codec)
    work = work_on(clip(folder, options.seconds))
    if not options.whole:
        return pairs(options.pairs, work, recipe, lambda: lambda: by_make(work, recipe))
    with jobs_of(work.source, recipe) as job:
        return pairs(options.pairs, work, recipe, job)


def pairs(count: int, work: Work, recipe: Any, ours: Job) -> list[Pair]:
    found = []
    for number in range(1, count + 1):
        job = ours()
        found.append(last := Pair(took(lambda: bare(work, recipe)), took(job)))
        print(
            f"pair {number}: bare {last.bare.wall:6.2f} s ({last.bare.cpu:6.2f} of processors), "
            f"ours {last.ours.wall:6.2f} s ({last.ours.cpu:6.2f}): "
            f"{last.wall:+.1%} ({last.cpu:+.1%})",
            flush=True,
        )
    return found


def report(found: list[Pair]) -> bool:
    wall = statistics.median(each.wall for each in found)
    cpu = statistics.median(each.cpu for each in found)
    met = OVERHEAD.met_by(wall * 100)
    print(
        f"median: bare {statistics.median(each.bare.wall for each in found):.2f} s, "
        f"ours {statistics.median(each.ours.wall for each in found):.2f} s; "
        f"overhead {wall:+.1%} on the clock, {cpu:+.1%} of processors; "
        f"allowed {OVERHEAD.limit} % on the clock: {'ok' if met else 'TOO SLOW'}"
    )
    return met


def hand_in_pairs(options: argparse.Namespace, found: list[Pair]) -> None:
    hand_in(
        Options(smoke=options.scale == "smoke", out=options.out),
        {OVERHEAD.key: [each.wall * 100 for each in found]},
        {
            "overhead in time of processors, %": statistics.median(each.cpu for each in found)
            * 100,
            "bare ffmpeg, s": statistics.median(each.bare.wall for each in found),
            "ours, s": statistics.median(each.ours.wall for each in found),
            "clip, s": float(options.seconds),
        },
    )


def main() -> int:
    options = _parse()
    with django_up(options), tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    if options.scale:
        hand_in_pairs(options, found)
        return 0
    return 0 if report(found) else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_place(parser)
    parser.add_argument("--seconds", type=int, help="Length of the clip.")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--effort", choices=("fast", "medium", "slow"))
    parser.add_argument("--codec", default="h264", choices=("h264", "vp9", "av1"))
    parser.add_argument("--whole", action="store_true", help="A whole job, on a database.")
    parser.add_argument("--scale", choices=SCALES, help="As a part of the benchmark.")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    smoke = options.scale == "smoke"
    options.seconds = options.seconds or (8 if smoke else 60)
    options.pairs = options.pairs or {"smoke": 1, "full": 3}.get(options.scale, 4)
    options.effort = options.effort or "fast"
    return options


if __name__ == "__main__":
    sys.exit(main())
