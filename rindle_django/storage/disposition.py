"""The Content-Disposition header: whether a file is shown or saved, and under which name.

The name is whatever a person called the file, so it is data of the worst kind: it must come
through whole in any script (W4.10) and never break out of the header (RFC 6266, RFC 8187).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote

MAX_NAME_BYTES = 200
FALLBACK_NAME = "download"

# Marks that turn the reading direction: with them "exe.gpj" is shown as "jpg.exe" and vice versa.
_DIRECTION_MARKS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_PATH_CHARACTERS = str.maketrans({"/": "_", "\\": "_"})
_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187, section 3.2.1, besides letters and digits
# Some browsers decode percent signs inside quotes; Python's own reader of mail headers takes angle
# brackets around a name for quotes, too.
_UNSAFE_IN_QUOTES = frozenset('"\\%<>')


# The variants of an asset have one name, and a page of them is shown again and again.
@lru_cache(maxsize=1024)
def content_disposition(filename: str | None, *, attachment: bool) -> str:
    """The value of the header; without a usable ``filename`` it names none.

    An ASCII stand-in is sent first for those who cannot read the extended form, then the name
    itself, if the stand-in is not it.
    """
    kind = "attachment" if attachment else "inline"
    name = safe_name(filename or "")
    if not name:
        return kind
    ascii_name = _ascii(name)
    header = f'{kind}; filename="{ascii_name}"'
    if ascii_name == name:
        return header
    return f"{header}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def safe_name(filename: str) -> str:
    """``filename`` without path, control and direction characters, at most 200 bytes of UTF-8."""
    seen = "".join(
        character
        for character in filename
        if character not in _DIRECTION_MARKS and unicodedata.category(character) not in _UNSEEN
    )
    # Only now: what was taken out may have stood between a letter and its accent.
    whole = unicodedata.normalize("NFC", seen)
    return _trimmed(_shortened(_trimmed(whole.translate(_PATH_CHARACTERS))))


def _trimmed(name: str) -> str:
    """Windows drops trailing dots and spaces; a leading dot hides the file, ".." leaves the
    folder; and readers of the header drop spaces of every sort."""
    return re.sub(r"^[\s.]+|[\s.]+$", "", name)


def _shortened(name: str) -> str:
    """``name`` cut before its extension, at a character's boundary."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = MAX_NAME_BYTES - len(f"{dot}{extension}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + extension


def _ascii(name: str) -> str:
    plain = "".join(
        character if character.isascii() and character not in _UNSAFE_IN_QUOTES else "_"
        for character in name
    )
    stem, dot, extension = plain.rpartition(".") if "." in plain else (plain, "", "")
    return plain if stem.strip("_ ") else f"{FALLBACK_NAME}{dot}{extension}"
