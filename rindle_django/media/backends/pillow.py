"""Decoding with Pillow: where libvips cannot be had. Lives in the decoder process only."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL
from PIL import Image, ImageCms, ImageOps, features

from rindle_django.media.backends import ANIMATED_TYPES, Animation, heic, shrinkage
from rindle_django.media.backends.interest import most_interesting
from rindle_django.media.colour import is_srgb
from rindle_django.media.geometry import Box, Placement, Size
from rindle_django.media.limits import ImageHeader
from rindle_django.profiles.recipes import ImageRecipe

Picture = Image.Image

_FORMATS: Mapping[str, tuple[str, str | None]] = {
    "image/jpeg": ("JPEG", "jpg"),
    "image/png": ("PNG", "zlib"),
    "image/gif": ("GIF", None),
    "image/webp": ("WEBP", "webp"),
    "image/avif": ("AVIF", "avif"),
}
_ORIENTATION = 0x0112


class Pillow:
    name = "pillow"
    version = PIL.__version__

    def __init__(self) -> None:
        # Limits are checked on the header, by our own figures: Pillow's would warn, then raise.
        Image.MAX_IMAGE_PIXELS = None

    def admits(self, data: bytes) -> bool:
        """Each file is opened as the type that it was found to be, and as no other."""
        try:
            with Image.open(io.BytesIO(data), formats=[name for name, _ in _FORMATS.values()]):
                return True
        except PIL.UnidentifiedImageError:
            return False

    def decodes(self) -> frozenset[str]:
        known = {
            mime for mime, (_, need) in _FORMATS.items() if need is None or features.check(need)
        }
        return frozenset(known | ({"image/heic"} if heic.available() else set()))

    def header(self, path: Path, mime: str) -> ImageHeader:
        with _open(path, mime) as image:
            pages = getattr(image, "n_frames", 1) if mime in ANIMATED_TYPES else 1
            orientation = _orientation(image)
            width, height = image.size if orientation < 5 else image.size[::-1]
            return ImageHeader(width, height, pages, image.has_transparency_data, orientation)

    def load(self, path: Path, mime: str, size: Size, *, keep_icc: bool) -> Picture:
        with _open(path, mime) as image:
            orientation = _orientation(image)
            wanted = size if orientation < 5 else size[::-1]
            # JPEGs are read at a half, quarter or eighth; twice what is wanted keeps them sharp.
            image.draft(image.mode, (wanted[0] * 2, wanted[1] * 2))
            image.load()
            scaled = _in_srgb(self.rescale(_eight_bit(image), wanted), image, keep_icc=keep_icc)
            return _upright(scaled, orientation)

    def load_frames(self, path: Path, mime: str, size: Size) -> Animation[Picture]:
        with _open(path, mime) as image:
            animation: Animation[Picture] = Animation([], [], int(image.info.get("loop", 1)))
            for page in range(getattr(image, "n_frames", 1)):
                image.seek(page)
                image.load()
                frame = self.rescale(image.convert("RGBA"), size)
                animation.frames.append(_in_srgb(frame, image, keep_icc=False))
                animation.delays.append(int(image.info.get("duration", 100)))
            return animation

    def rescale(self, picture: Picture, size: Size) -> Picture:
        return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)

    def cut(self, picture: Picture, box: Box) -> Picture:
        return picture.crop((box.left, box.top, box.left + box.width, box.top + box.height))

    def interesting(self, picture: Picture, placement: Placement, gravity: str) -> Box:
        return most_interesting(picture, placement, colourful=gravity == "attention")

    def glimpse(self, picture: Picture, most: int) -> tuple[int, int, bytes]:
        small = picture.reduce(shrinkage(picture.size, most))
        return (*small.size, small.convert("RGBA").tobytes())

    def save(self, picture: Picture, recipe: ImageRecipe, target: Path) -> None:
        profile = picture.info.get("icc_profile")
        extra = {"icc_profile": profile} if profile and recipe.keep_icc else {}
        if recipe.format == "jpeg":
            picture = _flattened(picture, recipe.background)
        elif recipe.format == "png" and recipe.effective_quality < 100:
            picture = _with_fewer_colours(picture, recipe.effective_quality)
        picture = picture.copy()
        picture.info = {}  # savers fall back on it for comments, XMP and EXIF (S9)
        with target.open("wb") as stream:
            picture.save(stream, **_options(recipe), **extra)

    def save_animation(
        self, animation: Animation[Picture], recipe: ImageRecipe, target: Path
    ) -> None:
        first, *others = animation.frames
        first.info = {}
        with target.open("wb") as stream:
            first.save(
                stream,
                **_options(recipe),
                save_all=True,
                append_images=others,
                duration=animation.delays,
                loop=animation.loop,
            )


@contextmanager
def _open(path: Path, mime: str) -> Iterator[Image.Image]:
    opened = (
        heic.open_heic(path)
        if mime == "image/heic"
        else Image.open(path, formats=[_FORMATS[mime][0]])
    )
    with opened as image:
        yield image


def _orientation(image: Image.Image) -> int:
    """From the header alone: getexif() of a PNG decodes all of it, bomb or not (S4)."""
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    found = exif.get(_ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _upright(picture: Picture, orientation: int) -> Picture:
    if orientation == 1:
        return picture
    picture.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(picture)


def _eight_bit(image: Image.Image) -> Picture:
    """In a mode that scales well: palettes blend badly, 16 bits would be clipped by convert()."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        return image.convert("RGBA") if "transparency" in image.info else image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _in_srgb(picture: Picture, source: Image.Image, *, keep_icc: bool) -> Picture:
    """Colours as sRGB. CMYK goes there in any case: browsers show it wrongly."""
    profile = source.info.get("icc_profile")
    kept = profile if keep_icc and picture.mode != "CMYK" else None
    if profile and not kept and not (picture.mode in ("RGB", "RGBA") and is_srgb(profile)):
        picture = _converted(picture, profile)
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGB")
    picture.info = {"icc_profile": kept} if kept else {}
    return picture


def _converted(picture: Picture, profile: bytes) -> Picture:
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        converted = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode=mode,
        )
    except (ImageCms.PyCMSError, OSError):
        return picture  # a broken profile, or one for other colours than the image's
    return converted or picture


def _flattened(picture: Picture, background: str) -> Picture:
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, background)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _with_fewer_colours(picture: Picture, quality: int) -> Picture:
    return picture.convert("RGBA").quantize(
        max(2, 256 * quality // 100), method=Image.Quantize.FASTOCTREE
    )


def _options(recipe: ImageRecipe) -> dict[str, Any]:
    quality: dict[str, Any] = {"quality": recipe.effective_quality}
    options: dict[str, dict[str, Any]] = {
        "jpeg": quality,
        "png": {},
        "webp": quality,
        "avif": quality | {"speed": 8, "max_threads": 1},
    }
    return options[recipe.format] | {"format": recipe.format}
