"""Decoding with libvips: the fast backend. Lives in the decoder process only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Before the import: libvips reads it when it starts, and pyvips never sets it by itself (S1).
os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"

import pyvips

from rindle_django.media.backends import ANIMATED_TYPES, Animation, heic, shrinkage
from rindle_django.media.colour import is_srgb
from rindle_django.media.geometry import Box, Placement, Size
from rindle_django.media.limits import ImageHeader
from rindle_django.profiles.recipes import ImageRecipe

if not pyvips.at_least_libvips(8, 13):
    # pyvips would quietly block nothing (S1).
    raise ImportError("libvips 8.13 or later is needed: older ones cannot close their loaders")

Picture = Any  # pyvips is not typed

# Truncated files are accepted by default, as half a picture (S8).
STRICT = {"fail_on": "error"}

# libvips class to unblock, loader to call. No other loader exists as far as this process goes.
_LOADERS: Mapping[str, tuple[str, str]] = {
    "image/jpeg": ("VipsForeignLoadJpeg", "jpegload_source"),
    "image/png": ("VipsForeignLoadPng", "pngload_source"),
    "image/gif": ("VipsForeignLoadNsgif", "gifload_source"),
    "image/webp": ("VipsForeignLoadWebp", "webpload_source"),
    "image/avif": ("VipsForeignLoadHeif", "heifload_source"),
}
# A JPEG is read at an eighth, a quarter or a half, which leaves out most of the arithmetic. What is
# left to the resampling is enough for it to be sharp, and no larger: libvips itself would leave
# twice as much, and read most photos whole. Against those, SSIM is 0.99.
_JPEG_SHRINKS, _LEFT_TO_RESAMPLE = (8, 4, 2), 1.1


class Vips:
    """One family of loaders is open at a time, for as long as a file of its type is read (S1)."""

    name = "vips"

    def __init__(self) -> None:
        pyvips.block_untrusted_set(True)
        pyvips.operation_block_set("VipsForeignLoad", True)
        # A reused path would give the previous file's pixels: another user's image (S6).
        pyvips.cache_set_max(0)

    @property
    def version(self) -> str:
        return ".".join(str(pyvips.version(part)) for part in range(3))

    def admits(self, data: bytes) -> bool:
        try:
            pyvips.Image.new_from_buffer(data, "").avg()
        except pyvips.Error:
            return False
        return True

    def decodes(self) -> frozenset[str]:
        known = {mime for mime, (_, name) in _LOADERS.items() if _exists(name)}
        return frozenset(known | ({"image/heic"} if heic.available() else set()))

    def header(self, path: Path, mime: str) -> ImageHeader:
        if mime == "image/heic":
            with heic.open_heic(path) as image:
                return ImageHeader(*image.size, 1, image.has_transparency_data, 1)
        with _unblocked(mime):
            image = _open(path, mime)
            return _described(image, mime)

    def load(self, path: Path, mime: str, size: Size, *, keep_icc: bool) -> Picture:
        if mime == "image/heic":
            return _scaled(_from_heic(path), size, keep_icc=keep_icc)
        with _unblocked(mime):
            image = _open(path, mime)
            if mime == "image/jpeg":
                shrink = _jpeg_shrink(image, size)
                image = _open(path, mime, shrink=shrink) if shrink > 1 else image
            # The loader of HEIF can skip work, too, but would show an embedded thumbnail, which
            # need not be of the same picture.
            if mime != "image/webp":
                return _scaled(image, size, keep_icc=keep_icc)
            source = pyvips.Source.new_from_file(str(path))
            colour = _colour(image, keep_icc=keep_icc)
            # thumbnail_source takes fail_on and ignores it (libvips 8.18): the loader itself has
            # to be told, or a cut-off file becomes a picture half grey (S8).
            thumbnail = pyvips.Image.thumbnail_source(
                source,
                size[0],
                height=size[1],
                size="force",
                option_string="fail_on=error",
                **colour,
            )
            return _finished(thumbnail, keep_icc=keep_icc and not colour)

    def load_frames(self, path: Path, mime: str, size: Size) -> Animation[Picture]:
        with _unblocked(mime):
            roll = _open(path, mime, n=-1)
            height = _field(roll, "page-height", roll.height)
            # Page by page, so that scaling does not smear one frame's edge into the next.
            frames = [
                _scaled(roll.crop(0, top, roll.width, height), size, keep_icc=False)
                for top in range(0, roll.height, height)
            ]
            delays = list(_field(roll, "delay", []))[: len(frames)]
            delays += [100] * (len(frames) - len(delays))
            return Animation(frames, delays, _field(roll, "loop", 0))

    def rescale(self, picture: Picture, size: Size) -> Picture:
        return _finished(picture.thumbnail_image(size[0], height=size[1], size="force"))

    def cut(self, picture: Picture, box: Box) -> Picture:
        return picture.crop(box.left, box.top, box.width, box.height)

    def interesting(self, picture: Picture, placement: Placement, gravity: str) -> Box:
        found = picture.smartcrop(*placement.cut, interesting=gravity)
        return Box(-found.xoffset, -found.yoffset, *placement.cut)

    def glimpse(self, picture: Picture, most: int) -> tuple[int, int, bytes]:
        small = picture.shrink(*shrinkage((picture.width, picture.height), most))
        coloured = small if small.interpretation == "srgb" else small.colourspace("srgb")
        whole = coloured if coloured.hasalpha() else coloured.addalpha()
        return whole.width, whole.height, bytes(whole.write_to_memory())

    def save(self, picture: Picture, recipe: ImageRecipe, target: Path) -> None:
        _SAVERS[recipe.format](picture, recipe, str(target))

    def save_animation(
        self, animation: Animation[Picture], recipe: ImageRecipe, target: Path
    ) -> None:
        frames = [frame.colourspace("srgb") for frame in animation.frames]
        bands = max(frame.bands for frame in frames)
        frames = [frame if frame.bands == bands else frame.addalpha() for frame in frames]
        roll = pyvips.Image.arrayjoin(frames, across=1).copy()
        roll.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
        roll.set_type(pyvips.GValue.array_int_type, "delay", animation.delays)
        roll.set_type(pyvips.GValue.gint_type, "loop", animation.loop)
        _save_webp(roll, recipe, str(target))


@contextmanager
def _unblocked(mime: str) -> Iterator[None]:
    family = _LOADERS[mime][0]
    pyvips.operation_block_set(family, False)
    try:
        yield
    finally:
        pyvips.operation_block_set(family, True)


def _open(path: Path, mime: str, **options: object) -> Picture:
    # A source, not a name: in a name, "x.jpg[shrink=8]" is obeyed (S7).
    source = pyvips.Source.new_from_file(str(path))
    load = getattr(pyvips.Image, _LOADERS[mime][1])
    return load(source, access="sequential", **STRICT, **options)


def _described(image: Picture, mime: str) -> ImageHeader:
    pages = _field(image, "n-pages", 1) if mime in ANIMATED_TYPES else 1
    orientation = _field(image, "orientation", 1)
    width, height = image.width, _field(image, "page-height", image.height)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return ImageHeader(width, height, pages, image.hasalpha(), orientation)


def _jpeg_shrink(image: Picture, size: Size) -> int:
    """By how much to read a JPEG smaller that is to be of ``size`` in the end."""
    header = _described(image, "image/jpeg")
    factor = min(header.width / size[0], header.height / size[1])
    return next((each for each in _JPEG_SHRINKS if factor >= each * _LEFT_TO_RESAMPLE), 1)


def _field(image: Picture, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _from_heic(path: Path) -> Picture:
    with heic.open_heic(path) as opened:
        plain = opened if opened.mode in ("L", "RGB", "RGBA") else opened.convert("RGB")
        image = pyvips.Image.new_from_memory(
            plain.tobytes(), *plain.size, len(plain.getbands()), "uchar"
        ).copy(interpretation="b-w" if plain.mode == "L" else "srgb")
        profile = opened.info.get("icc_profile")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _colour(image: Picture, *, keep_icc: bool) -> dict[str, str]:
    """How colours get to sRGB. CMYK goes there in any case: browsers show it wrongly."""
    if image.interpretation == "cmyk":
        return {"output_profile": "srgb", "input_profile": "cmyk"}
    # Without a profile it is sRGB already, and converting it would take as long as all the rest.
    profile = _field(image, "icc-profile-data", b"")
    convert = profile and not keep_icc and not is_srgb(bytes(profile))
    return {"output_profile": "srgb"} if convert else {}


def _scaled(image: Picture, size: Size, *, keep_icc: bool) -> Picture:
    colour = _colour(image, keep_icc=keep_icc)
    thumbnail = image.thumbnail_image(size[0], height=size[1], size="force", **colour)
    return _finished(thumbnail, keep_icc=keep_icc and not colour)


def _finished(image: Picture, *, keep_icc: bool = False) -> Picture:
    """Computed now and once: a sequential source cannot be read twice."""
    if not keep_icc:
        image = image.copy()
        image.remove("icc-profile-data")
    if image.interpretation not in ("srgb", "b-w"):
        image = image.colourspace("srgb")
    if image.format != "uchar":
        image = image.cast("uchar")
    return image.copy_memory()


def _keep(recipe: ImageRecipe) -> str:
    return "icc" if recipe.keep_icc else "none"  # never EXIF, XMP, IPTC or comments (S9)


def _save_jpeg(picture: Picture, recipe: ImageRecipe, target: str) -> None:
    if picture.hasalpha():
        background = [int(recipe.background[at : at + 2], 16) for at in (1, 3, 5)]
        picture = picture.colourspace("srgb").flatten(background=background)
    # Progressive takes four times as long as plain, and optimized twice, for 3 to 6 % of the bytes.
    picture.jpegsave(target, Q=recipe.effective_quality, keep=_keep(recipe))


def _save_png(picture: Picture, recipe: ImageRecipe, target: str) -> None:
    quality = recipe.effective_quality
    picture.pngsave(target, palette=quality < 100, Q=quality, keep=_keep(recipe))


def _save_webp(picture: Picture, recipe: ImageRecipe, target: str) -> None:
    picture.webpsave(target, Q=recipe.effective_quality, keep=_keep(recipe))


def _save_avif(picture: Picture, recipe: ImageRecipe, target: str) -> None:
    # Effort 4 takes five times as long as 2, for files that are 2 % smaller.
    picture.heifsave(
        target, Q=recipe.effective_quality, compression="av1", effort=2, keep=_keep(recipe)
    )


_SAVERS: Mapping[str, Callable[[Picture, ImageRecipe, str], None]] = {
    "jpeg": _save_jpeg,
    "png": _save_png,
    "webp": _save_webp,
    "avif": _save_avif,
}


def _exists(operation: str) -> bool:
    return bool(pyvips.type_find("VipsOperation", operation))
