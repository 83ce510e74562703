"""What a decoder library has to offer, and which of them this machine has.

Runs in the decoder process: nothing here may be imported where jobs or requests are served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from rindle_django.errors import Misconfigured
from rindle_django.media.geometry import Box, Placement, Size
from rindle_django.media.limits import ImageHeader
from rindle_django.profiles.recipes import ImageRecipe

Picture = TypeVar("Picture")

# The formats whose further pages we read; of others (AVIF, HEIC, APNG, MPO) only the first counts.
ANIMATED_TYPES = frozenset({"image/gif", "image/webp"})


@dataclass
class Animation(Generic[Picture]):
    frames: list[Picture]
    delays: list[int]  # milliseconds, one for each frame
    loop: int  # 0: for ever


class ImageBackend(Protocol[Picture]):
    """A decoder library. A picture is upright, in memory, 8 bits a channel, grey or sRGB."""

    name: str
    version: str

    def admits(self, data: bytes) -> bool:
        """Whether it would decode a file of a type that it does not list."""

    def decodes(self) -> frozenset[str]:
        """The MIME types it can decode here."""

    def header(self, path: Path, mime: str) -> ImageHeader:
        """What the header says. Decodes no pixels."""

    def load(self, path: Path, mime: str, size: Size, *, keep_icc: bool) -> Picture:
        """The first page at exactly ``size``, read no larger than that needs."""

    def load_frames(self, path: Path, mime: str, size: Size) -> Animation[Picture]:
        """Every page at exactly ``size``."""

    def rescale(self, picture: Picture, size: Size) -> Picture: ...

    def cut(self, picture: Picture, box: Box) -> Picture: ...

    def interesting(self, picture: Picture, placement: Placement, gravity: str) -> Box:
        """The part worth keeping, by ``attention`` or ``entropy``."""

    def glimpse(self, picture: Picture, most: int) -> tuple[int, int, bytes]:
        """The mean colours of the picture's parts, at most so many on a side: how many across and
        down, and their red, green, blue and alpha."""

    def save(self, picture: Picture, recipe: ImageRecipe, target: Path) -> None:
        """Write the picture without metadata; its profile only if the recipe keeps it."""

    def save_animation(
        self, animation: Animation[Picture], recipe: ImageRecipe, target: Path
    ) -> None: ...


def shrinkage(size: Size, most: int) -> tuple[int, int]:
    """By which whole numbers to divide width and height so that neither is more than ``most``."""
    factor = -(-max(size) // most)
    return min(factor, size[0]), min(factor, size[1])


# In order of preference. Import errors are OSError where libvips itself is missing.
_MODULES: Mapping[str, str] = {"vips": "Vips", "pillow": "Pillow"}
_loaded: dict[str, ImageBackend[Any]] = {}


def available() -> dict[str, ImageBackend[Any]]:
    """The backends that can be imported, the preferred one first."""
    return {backend.name: backend for backend in _found()}


def _found() -> Iterator[ImageBackend[Any]]:
    for name in _MODULES:
        with suppress(Misconfigured):
            yield backend_named(name)


def backend_named(name: str | None) -> ImageBackend[Any]:
    """The backend of that name; for None the first that can be imported.

    Raises Misconfigured("extra_missing").
    """
    if name is None:
        return next(_found())  # the others need not be loaded for it
    if name not in _loaded:
        try:
            module = import_module(f"rindle_django.media.backends.{name}")
        except (ImportError, OSError) as error:
            raise Misconfigured(
                "extra_missing",
                feature=f"The image backend {name!r}",
                package="a decoder library that cannot be loaded",
                install="rindle-django[vips]",
            ) from error
        make: Callable[[], ImageBackend[Any]] = getattr(module, _MODULES[name])
        _loaded[name] = make()
    return _loaded[name]
