"""How much a file may ask of its decoder: checked on its header, then enforced by the kernel."""

from __future__ import annotations

from dataclasses import dataclass

from rindle_django.errors import ContentRefused

MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the process that looks at a file may use up for one answer."""

    memory_bytes: int = 1536 * MEGABYTE
    cpu_seconds: int = 30
    wall_seconds: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Limits(Budget):
    """Bounds of one image. Seconds and ``memory_bytes`` bound each output, not the batch.

    ``memory_bytes`` is address space, of which an idle decoder already maps 50 MB. Measured at
    50 megapixels: JPEG 0.3 GB (progressive too), PNG 0.5, WebP 0.9, AVIF 1.0; the rest is room
    for machines with more cores. A JPEG of 100 megapixels takes 0.5 GB.
    """

    max_pixels: int = 50_000_000
    max_side: int = 20_000
    max_pages: int = 300
    max_total_pixels: int = 200_000_000


@dataclass(frozen=True)
class ImageHeader:
    """What an image says of itself. Width and height are those of one page, after orientation."""

    width: int
    height: int
    pages: int
    has_alpha: bool
    orientation: int


def check_header(header: ImageHeader, limits: Limits) -> None:
    """Refuse, before anything is decoded, what would not fit (S4). Raises ContentRefused."""
    side, pixels = max(header.width, header.height), header.width * header.height
    if side > limits.max_side:
        raise ContentRefused("side_exceeded", side=side, limit=limits.max_side)
    if pixels > limits.max_pixels:
        raise ContentRefused("pixels_exceeded", pixels=pixels, limit=limits.max_pixels)
    if header.pages > limits.max_pages:
        raise ContentRefused("pages_exceeded", pages=header.pages, limit=limits.max_pages)
    if header.pages > 1 and pixels * header.pages > limits.max_total_pixels:
        raise ContentRefused(
            "pixels_exceeded", pixels=pixels * header.pages, limit=limits.max_total_pixels
        )
