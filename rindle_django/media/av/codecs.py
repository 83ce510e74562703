"""The codecs of an output as RFC 6381 writes them, by which a browser knows whether it can play it
before it asks for it.

Reads only what this package has written itself, and only its beginning.
"""

from __future__ import annotations

from pathlib import Path

from rindle_django.media.av.facts import MediaFacts

# Where our MP4 and WebM files say how they are encoded: in the head, which comes first.
_HEAD = 256 << 10
_EBML_CODEC_PRIVATE = b"\x63\xa2"
# https://www.webmproject.org/vp9/levels: the most luma samples a second, and in one picture.
_VP9_LEVELS = (
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
)
_VP9_MOST = 52
_AUDIO = {"aac": "mp4a.40.2", "opus": "opus", "mp3": "mp3"}


def codecs_of(path: Path, facts: MediaFacts) -> str:
    """Of the file at ``path``, in which ``facts`` were found: "avc1.64001f,mp4a.40.2"."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    video = _VIDEO[facts.video_codec](head, facts) if facts.video_codec in _VIDEO else ""
    audio = _AUDIO.get(facts.audio_codec, "")
    return ",".join(each for each in (video, audio) if each)


def _h264(head: bytes, _facts: MediaFacts) -> str:
    """Profile, what it is compatible with, and level: three bytes of the decoder's set-up."""
    at = head.find(b"avcC")
    return f"avc1.{head[at + 5 : at + 8].hex()}" if at >= 0 else ""


def _vp9(_head: bytes, facts: MediaFacts) -> str:
    samples = (facts.width or 0) * (facts.height or 0)
    rate = samples * (facts.frame_rate or 30)
    fitting = (level for level, most, size in _VP9_LEVELS if rate <= most and samples <= size)
    return f"vp09.00.{next(fitting, _VP9_MOST):02d}.08"


def _av1(head: bytes, _facts: MediaFacts) -> str:
    setup = _codec_private(head, b"\x81")
    if len(setup) < 3:
        return ""
    profile, level = setup[1] >> 5, setup[1] & 0x1F
    tier = "H" if setup[2] & 0x80 else "M"
    depth = 8 if not setup[2] & 0x40 else 12 if setup[2] & 0x20 else 10
    return f"av01.{profile}.{level:02d}{tier}.{depth:02d}"


def _codec_private(head: bytes, begins: bytes) -> bytes:
    """The set-up of the first WebM track whose set-up ``begins`` like this."""
    at = head.find(_EBML_CODEC_PRIVATE)
    while at >= 0:
        start = at + len(_EBML_CODEC_PRIVATE)
        width = 9 - head[start].bit_length()  # the length of a length is in its leading zeros
        data = head[start + width : start + width + 4]
        if data.startswith(begins):
            return data
        at = head.find(_EBML_CODEC_PRIVATE, at + 1)
    return b""


_VIDEO = {"h264": _h264, "vp9": _vp9, "av1": _av1}
