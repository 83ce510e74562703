"""The profiles that worker processes know: for files which kill their reader, and for films."""

from __future__ import annotations

from pathlib import Path

from rindle_django import ImageRecipe, Profile
from rindle_django.profiles import MB
from tests.jobs.perils import DEADLY_COMMENT, die
from tests.transcoding.clips import REEL, SLOW

PERILOUS = {"thumb": ImageRecipe(width=50)}


class FragileScanner:
    """Dies, with its whole process, of files that hold a certain comment."""

    def scan(self, path: Path) -> str | None:
        if DEADLY_COMMENT in path.read_bytes():
            die()
        return None


class Perilous(Profile):
    name = "perilous"
    variants = PERILOUS
    scanner = FragileScanner()


class Reel(Profile):
    name = "reel"
    content_types = ("video/mp4",)
    max_bytes = 20 * MB
    variants = REEL


class Slow(Reel):
    name = "slow"
    variants = SLOW
