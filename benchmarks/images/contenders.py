"""How others make the three outputs: each a function of a photo and a folder to write into.

They do what their documentation shows first, with the same sizes, format and quality.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.images.outputs import QUALITY, THUMB, WIDTHS

Make = Callable[[Path, Path], None]


def vips_each() -> Make:
    """libvips, called once for each output: it shrinks while it loads."""
    import pyvips

    def make(photo: Path, folder: Path) -> None:
        thumb = pyvips.Image.thumbnail(str(photo), THUMB, height=THUMB, crop="centre")
        _vips_save(thumb, folder / f"{photo.stem}-thumb.jpg")
        for width in WIDTHS:
            fitted = pyvips.Image.thumbnail(str(photo), width, height=width, size="down")
            _vips_save(fitted, folder / f"{photo.stem}-{width}.jpg")

    return make


def vips_chained() -> Make:
    """libvips, decoding once: the largest output first, the others from it."""
    import pyvips

    def make(photo: Path, folder: Path) -> None:
        side = max(WIDTHS)
        largest = pyvips.Image.thumbnail(str(photo), side, height=side, size="down").copy_memory()
        _vips_save(largest, folder / f"{photo.stem}-{side}.jpg")
        for width in sorted(WIDTHS)[:-1]:
            smaller = largest.thumbnail_image(width, height=width, size="down")
            _vips_save(smaller, folder / f"{photo.stem}-{width}.jpg")
        thumb = largest.thumbnail_image(THUMB, height=THUMB, crop="centre")
        _vips_save(thumb, folder / f"{photo.stem}-thumb.jpg")

    return make


def _vips_save(image: Any, path: Path) -> None:
    image.jpegsave(str(path), Q=QUALITY, keep="none")


def pillow() -> Make:
    """Pillow, decoding once, at a scale that JPEG offers cheaply."""
    from PIL import Image, ImageOps

    def make(photo: Path, folder: Path) -> None:
        with Image.open(photo) as image:
            side = max(WIDTHS)
            image.draft("RGB", (side, side))
            picture = ImageOps.exif_transpose(image)
        for width in sorted(WIDTHS, reverse=True):
            picture.thumbnail((width, width), Image.Resampling.LANCZOS)
            picture.save(folder / f"{photo.stem}-{width}.jpg", quality=QUALITY)
        ImageOps.fit(picture, (THUMB, THUMB)).save(
            folder / f"{photo.stem}-thumb.jpg", quality=QUALITY
        )

    return make


def easy_thumbnails() -> Make:
    from easy_thumbnails.files import get_thumbnailer

    def make(photo: Path, _folder: Path) -> None:
        # Relative to MEDIA_ROOT, where the photos are.
        thumbnailer = get_thumbnailer(_storage(), relative_name=photo.name)
        for options in ({"size": (THUMB, THUMB), "crop": True}, *_boxes("size")):
            thumbnailer.get_thumbnail({**options, "quality": QUALITY})

    return make


def sorl_thumbnail() -> Make:
    from sorl.thumbnail import get_thumbnail

    def make(photo: Path, _folder: Path) -> None:
        get_thumbnail(photo.name, f"{THUMB}x{THUMB}", crop="center", quality=QUALITY)
        for width in WIDTHS:
            get_thumbnail(photo.name, f"{width}x{width}", quality=QUALITY, upscale=False)

    return make


def imagekit() -> Make:
    from imagekit import ImageSpec
    from imagekit.cachefiles import ImageCacheFile
    from pilkit.processors import ResizeToFill, ResizeToFit

    def spec(*steps: Any) -> type[ImageSpec]:
        class Spec(ImageSpec):  # type: ignore[misc]
            processors = list(steps)
            format = "JPEG"
            options = {"quality": QUALITY}

        return Spec

    specs = [
        spec(ResizeToFill(THUMB, THUMB)),
        *(spec(ResizeToFit(width, width, upscale=False)) for width in WIDTHS),
    ]

    def make(photo: Path, _folder: Path) -> None:
        for each in specs:
            with photo.open("rb") as stream:
                ImageCacheFile(each(source=stream)).generate(force=True)

    return make


def django_pictures() -> Make:
    """Widths are what it knows, so the two boxes are given by width, and the thumb as a ratio."""
    from pictures.models import PillowPicture
    from PIL import Image

    def make(photo: Path, _folder: Path) -> None:
        storage = _storage()
        with Image.open(photo) as opened:
            image = PillowPicture.pre_process(opened)
        for ratio, width in (("1/1", THUMB), *((None, width) for width in WIDTHS)):
            PillowPicture(photo.name, "JPEG", ratio, storage, width).save(image)

    return make


def _boxes(name: str) -> list[dict[str, Any]]:
    return [{name: (width, width)} for width in WIDTHS]


def _storage() -> Any:
    from django.core.files.storage import default_storage

    return default_storage


CONTENDERS: Mapping[str, Callable[[], Make]] = {
    "vips-each": vips_each,
    "vips-chained": vips_chained,
    "pillow": pillow,
    "easy-thumbnails": easy_thumbnails,
    "sorl-thumbnail": sorl_thumbnail,
    "django-imagekit": imagekit,
    "django-pictures": django_pictures,
}
PEERS = ("easy-thumbnails", "sorl-thumbnail", "django-imagekit", "django-pictures")
