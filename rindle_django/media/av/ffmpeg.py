"""The ffmpeg program: where it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rindle_django.conf import config
from rindle_django.errors import Misconfigured

INSTALL = "install it: pip install 'rindle-django[av]', or your system's ffmpeg package"


def find_ffmpeg() -> Path:
    """The setting's, the one that imageio-ffmpeg brings, or the one in PATH.

    Raises Misconfigured("transcoder_missing").
    """
    chosen = config().FFMPEG
    if chosen is not None:
        if not os.access(chosen, os.X_OK):
            hint = f"RINDLE['FFMPEG'] is {chosen!r}, which is no program"
            raise Misconfigured("transcoder_missing", hint=hint)
        return Path(chosen)
    found = _brought() or shutil.which("ffmpeg")
    if found is None:
        raise Misconfigured("transcoder_missing", hint=INSTALL)
    return Path(found)


def _brought() -> str | None:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None
