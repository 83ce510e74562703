"""What a file is, judged by its first bytes and nothing else.

The leading magic decides: a JPEG with a ZIP behind it is a JPEG (S8). Nothing is parsed deeper
than a type needs, and no name or declared type is consulted.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rindle_django.media.types import canonical

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_AIFF = {b"AIFF", b"AIFC"}

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AUDIO_BRANDS = {b"M4A ", b"M4B "}
_MP4_BRANDS = {
    *(b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9"),
    *(b"mp41", b"mp42", b"avc1", b"dash", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"f4v "),
    *(b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3ge6", b"3ge7", b"3gg6", b"3g2a", b"3g2b", b"3g2c"),
}
_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide"}

_BLANK = " \t\r\n\f"
_HTML_ROOT = re.compile(
    r"<(html|head|script|body|iframe|title|style|table|div|a|b|br|p|h1|font|meta|link)[\s/>]",
    re.IGNORECASE,
)
_SVG_ROOT = re.compile(r"<(\w+:)?svg[\s/>]", re.IGNORECASE)


def sniff(head: bytes) -> str | None:
    """The MIME type of a file that begins with ``head`` (64 KiB are plenty); None: unknown."""
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    for look in _LOOKS:
        if found := look(head):
            return canonical(found)
    return None


def _riff(head: bytes) -> str | None:
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def _aiff(head: bytes) -> str | None:
    return "audio/aiff" if head.startswith(b"FORM") and head[8:12] in _AIFF else None


def _iso_media(head: bytes) -> str | None:
    """MP4, QuickTime, AVIF and HEIC share a container; its brands tell which it is."""
    if head[4:8] != b"ftyp":
        return "video/quicktime" if head[4:8] in _QUICKTIME_BOXES else None
    size = int.from_bytes(head[:4], "big")
    box = head[8 : min(size, 512)]
    # The minor version sits between the major brand and those it is compatible with.
    brands = [box[at : at + 4] for at in range(0, len(box) - 3, 4) if at != 4]
    return _by_brands(brands, head) if brands else None


def _by_brands(brands: list[bytes], head: bytes) -> str | None:
    if brands[0] == b"qt  ":
        return "video/quicktime"
    if brands[0] in _AUDIO_BRANDS:
        return "audio/mp4"
    # Phones write the general brand "mif1" first, so all of them count.
    for mime, known in (("image/avif", _AVIF_BRANDS), ("image/heic", _HEIC_BRANDS)):
        if not known.isdisjoint(brands):
            return mime
    if _MP4_BRANDS.isdisjoint(brands):
        return None
    return "audio/mp4" if _only_sound(head) else "video/mp4"


def _only_sound(head: bytes) -> bool:
    """Whether the tracks, where they stand at the beginning, are sound without pictures (X12)."""
    handlers = set(re.findall(rb"hdlr.{8}(vide|soun)", head, re.DOTALL))
    return handlers == {b"soun"}


def _matroska(head: bytes) -> str | None:
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    form = "webm" if b"webm" in head[:64] else "x-matroska" if b"matroska" in head[:64] else None
    # The tracks' codecs by their full element: two letters alone are anywhere in a file.
    codecs = set(re.findall(rb"\x86[\x80-\xa0]([AV])_", head))
    return form and f"{'audio' if codecs == {b'A'} else 'video'}/{form}"


def _ogg(head: bytes) -> str | None:
    if not head.startswith(b"OggS"):
        return None
    return "video/ogg" if b"\x80theora" in head[:512] else "audio/ogg"


def _tagged(head: bytes) -> str | None:
    """Behind an ID3 tag: usually MP3, but any stream of sound may have one."""
    if not head.startswith(b"ID3"):
        return None
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    behind = head[10 + length :]
    return _adts(behind) or ("audio/flac" if behind.startswith(b"fLaC") else "audio/mpeg")


def _adts(head: bytes) -> str | None:
    """Bare AAC: two frames in a row, as the sync bits alone are too common to believe."""
    first = head[:7]
    if not _begins_adts(first):
        return None
    length = (first[3] & 3) << 11 | first[4] << 3 | first[5] >> 5
    return "audio/aac" if length > 7 and _begins_adts(head[length : length + 7]) else None


def _begins_adts(frame: bytes) -> bool:
    return (
        len(frame) == 7
        and frame[0] == 0xFF
        and frame[1] & 0xF6 == 0xF0
        and frame[2] >> 2 & 0xF < 13
    )


def _mp3(head: bytes) -> str | None:
    """A bare MPEG layer III frame: eleven sync bits alone are too common to believe."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return "audio/mpeg" if version != 1 and bitrate not in (0, 15) and rate != 3 else None


def _markup(head: bytes) -> str | None:
    text = _text(head)
    declared_xml = text.startswith("<?xml")
    root = _after_prologue(text)
    if _SVG_ROOT.match(root):
        return "image/svg+xml"
    if _HTML_ROOT.match(root) or re.search(r"<!doctype\s+html", text[:1024], re.IGNORECASE):
        return "text/html"
    return "application/xml" if declared_xml else None


def _text(head: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(encoding, "replace").lstrip(_BLANK)
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip(_BLANK)


def _after_prologue(text: str) -> str:
    """``text`` from its first element on, past declarations and comments.

    Each is looked for once, from where the last ended: a head full of comments costs no more.
    """
    at = 0
    while (end := _prologue_end(text, at)) is not None:
        at = end
        while at < len(text) and text[at] in _BLANK:
            at += 1
    return text[at : at + 64]


def _prologue_end(text: str, at: int) -> int | None:
    for opening, closing in (("<!--", "-->"), ("<?", "?>"), ("<!", ">")):
        if text.startswith(opening, at):
            if opening == "<!" and "[" in text[at : text.find(">", at)]:
                closing = "]>"  # a DOCTYPE with declarations of its own
            found = text.find(closing, at + len(opening))
            return None if found < 0 else found + len(closing)
    return None


_LOOKS: tuple[Callable[[bytes], str | None], ...] = (
    _riff,
    _aiff,
    _iso_media,
    _matroska,
    _ogg,
    _tagged,
    _adts,
    _mp3,
    _markup,
)
