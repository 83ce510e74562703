"""Files that clients send: a few hundred bytes each, all of one length, so that only their bytes
tell them apart."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field

from PIL import Image

LENGTH = 400


@dataclass(frozen=True)
class File:
    """``sound``: whether promotion has to accept it under the name ``photo.png``; ``renders``:
    whether variants can be made of it. Of a torn file only the header is good."""

    name: str
    content: bytes = field(repr=False)
    sound: bool
    renders: bool = True

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def _png(shade: int) -> bytes:
    buffer = io.BytesIO()
    gradient = Image.linear_gradient("L").resize((12, 9))
    gradient.point(lambda value: (value + shade) % 256).save(buffer, "PNG")
    return buffer.getvalue().ljust(LENGTH, b"\0")


def _gif() -> bytes:
    buffer = io.BytesIO()
    Image.new("P", (4, 4)).save(buffer, "GIF")
    return buffer.getvalue().ljust(LENGTH, b"\0")[:LENGTH]


FILES = (
    File("grey", _png(0), sound=True),
    File("light", _png(90), sound=True),
    File("dark", _png(180), sound=True),
    File("gif", _gif(), sound=False),
    File("text", b"not a picture ".ljust(LENGTH, b"."), sound=False),
    File("torn", _png(30)[:60].ljust(LENGTH, b"\0"), sound=True, renders=False),
)
SOUND = tuple(each for each in FILES if each.sound and each.renders)
LONG = File("long", _png(0) + b"more", sound=False)
assert len({len(each.content) for each in FILES}) == 1
assert len({each.sha256 for each in FILES}) == len(FILES)
