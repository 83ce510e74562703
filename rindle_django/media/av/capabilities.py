"""What the FFmpeg in use is able to do, asked once of each program."""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from rindle_django.errors import Misconfigured
from rindle_django.media.av.failures import INSTALL
from rindle_django.media.av.ffmpeg import find_ffmpeg
from rindle_django.media.av.guest import environment

LEAST_VERSION = 6
_SECONDS = 30.0
_VERSION = re.compile(r"^ffmpeg version (\S+)")
_NUMBER = re.compile(r"n?(\d+)\.\d+")
_ENCODER = re.compile(r"^ [VAS][F.][S.][X.][B.][D.] (\S+)", re.MULTILINE)
_FILTER = re.compile(r"^ [TSC.|]{2,3} (\S+) +\S+->\S+", re.MULTILINE)


def version() -> str:
    """As FFmpeg tells it, like "7.1.2" or "n9.0.2-17-g2a571b6068"."""
    found = _VERSION.match(_told("-version"))
    return found[1] if found else ""


def major_version() -> int | None:
    """None for a build that has no number, which is built from the newest source."""
    found = _NUMBER.match(version())
    return int(found[1]) if found else None


def encoders() -> frozenset[str]:
    return frozenset(_ENCODER.findall(_told("-encoders")))


def filters() -> frozenset[str]:
    return frozenset(_FILTER.findall(_told("-filters")))


def has_filter(name: str) -> bool:
    return name in filters()


def _told(question: str) -> str:
    program = find_ffmpeg()
    return _answer(program, program.stat().st_mtime_ns, question)


@lru_cache(maxsize=32)
def _answer(program: Path, _changed: int, question: str) -> str:
    try:
        return subprocess.run(  # noqa: S603
            [str(program), "-nostdin", "-hide_banner", question],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            env=environment(Path(tempfile.gettempdir())),
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError) as error:
        hint = f"{program.name} does not run here; {INSTALL}"
        raise Misconfigured("transcoder_missing", hint=hint) from error
