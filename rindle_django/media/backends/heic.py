"""HEIC by way of pillow-heif: the libvips of PyPI reads its headers but has no HEVC decoder."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rindle_django.errors import Misconfigured
from rindle_django.media.types import REMEDIES

if TYPE_CHECKING:
    from PIL import Image


def available() -> bool:
    try:
        import pillow_heif  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def open_heic(path: Path) -> Image.Image:
    """The primary image, decoded lazily, turned upright by the library as the format demands."""
    if not available():
        raise Misconfigured("decoder_missing", mime="image/heic", hint=REMEDIES["image/heic"])
    from PIL import Image

    _register()
    return Image.open(path, formats=["HEIF"])


@cache
def _register() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
