"""Real image files for the tests, written with Pillow, or byte by byte where Pillow would not."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

pillow_heif.register_heif_opener()

RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 180, 20), (20, 20, 230), (230, 220, 20)
SUFFIX = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
SUFFIX |= {"image/avif": "AVIF", "image/gif": "GIF", "image/heic": "HEIF"}
TYPES = tuple(SUFFIX)


def quarters(width: int = 400, height: int = 200, mode: str = "RGB") -> Image.Image:
    """Red and green above, blue and yellow below: shows turning, stretching and cutting."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    small = Image.effect_noise((max(1, width // 4), max(1, height // 4)), 60).convert("RGB")
    return small.resize((width, height), Image.Resampling.BICUBIC)


def save(path: Path, image: Image.Image, mime: str = "image/jpeg", **options: object) -> Path:
    if mime in ("image/jpeg", "image/webp", "image/avif", "image/heic"):
        options.setdefault("quality", 92)
    image.save(path, SUFFIX[mime], **options)
    return path


def oriented(path: Path, orientation: int, size: tuple[int, int] = (400, 200)) -> Path:
    """As a phone writes it: the pixels lie on their side and a tag says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(path, quarters(*size), exif=exif)


def with_secrets(path: Path, mime: str = "image/jpeg") -> Path:
    """GPS position, description, XMP, comment and text chunks, each with a canary in it."""
    exif = Image.Exif()
    exif[0x010E] = "CANARY-description"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    extra: dict[str, object] = {"exif": exif}
    if mime == "image/jpeg":
        extra |= {"comment": b"CANARY-comment", "xmp": b"<x>CANARY-xmp</x>"}
    elif mime == "image/webp":
        extra |= {"xmp": b"<x>CANARY-xmp</x>"}
    elif mime == "image/png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "CANARY-text")
        text.add_itxt("XML:com.adobe.xmp", "CANARY-xmp")
        extra |= {"pnginfo": text}
    return save(path, quarters(), mime, **extra)


def translucent(path: Path, mime: str = "image/png") -> Path:
    """Left half solid red, right half wholly transparent (over black)."""
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 100, 100))
    return save(path, image, mime, **({} if mime == "image/png" else {"lossless": True}))


def animation(path: Path, mime: str, frames: int = 4) -> Path:
    colours = [RED, GREEN, BLUE, YELLOW]
    pages = [Image.new("RGB", (120, 80), colours[at % 4]) for at in range(frames)]
    options: dict[str, object] = {"lossless": True} if mime == "image/webp" else {}
    pages[0].save(
        path,
        SUFFIX[mime],
        save_all=True,
        append_images=pages[1:],
        duration=[100 + 50 * at for at in range(frames)],
        loop=0,
        **options,
    )
    return path


def cmyk(path: Path) -> Path:
    """Quarters as a printer would have them, in an Adobe (inverted) CMYK JPEG."""
    return save(path, quarters(mode="CMYK"))


def with_profile(path: Path, image: Image.Image | None = None) -> tuple[Path, bytes]:
    """A picture whose profile says that its red is green and its green red."""
    profile = swapped_profile()
    return save(path, image or quarters(), icc_profile=profile), profile


def swapped_profile() -> bytes:
    """sRGB with the colorants of red and green exchanged."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return plain.replace(b"rXYZ", b"tmp_").replace(b"gXYZ", b"rXYZ").replace(b"tmp_", b"gXYZ")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb(path: Path, width: int, height: int, *, honest: bool = False) -> Path:
    """A PNG whose header promises much and whose file is small."""
    row = zlib.compress(bytes((width + 7) // 8 + 1) * (height if honest else 100), 9)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", row)
        + chunk(b"IEND", b"")
    )
    return path


def sixteen_bit_png(path: Path) -> Path:
    """A grey ramp of 16 bits: 0 at the left, 65535 at the right."""
    width, height = 256, 64
    ramp = b"".join(struct.pack(">H", at * 257) for at in range(width))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress((b"\x00" + ramp) * height))
        + chunk(b"IEND", b"")
    )
    return path


def endless_gif(path: Path, frames: int) -> Path:
    """A GIF of so many one-pixel frames, a few bytes each."""
    still = io.BytesIO()
    Image.new("P", (1, 1)).save(still, "GIF")
    frame = b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    path.write_bytes(still.getvalue()[:-1] + frame * frames + b"\x3b")
    return path


def cut_short(source: Path, target: Path, share: float = 0.6) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def looks_like(found: object, wanted: tuple[int, int, int], within: int = 40) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= within for a, b in zip(found[:3], wanted, strict=True))
