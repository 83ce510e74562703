"""The profile that worker processes know for files which kill their reader."""

from __future__ import annotations

from pathlib import Path

from rindle_django import ImageRecipe, Profile
from tests.jobs.perils import DEADLY_COMMENT, die

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
