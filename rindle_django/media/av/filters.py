"""The pieces of FFmpeg's command lines that several kinds of output have in common.

Sizes are computed here and not by FFmpeg: so that they are known before, and the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from rindle_django.errors import ContentRefused
from rindle_django.media.av.capabilities import has_filter
from rindle_django.media.av.facts import MediaFacts

# Nothing of the source goes along but what is played: no place, no names, no chapters (W3.3, S9).
# Every stream has tags of its own, which "-map_metadata -1" leaves alone.
STRIPPED = (
    *("-map_metadata", "-1", "-map_metadata:s:v", "-1", "-map_metadata:s:a", "-1"),
    *("-map_chapters", "-1", "-sn", "-dn", "-fflags", "+bitexact"),
)
# The first video that is no cover picture (W3.10), and the first sound.
FIRST_VIDEO, FIRST_AUDIO = "0:V:0", "0:a:0"

# Browsers and recorders change the rate as they go; players and encoders want one.
_USUAL_RATES = (30.0, 60.0)
_RATE_SLACK = 1.1
_MOST_SAMPLE_RATE = 48_000
_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "x2rgb", "x2bgr", "xyz")
_BT709 = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
# Of interlaced frames, which camcorders and television leave behind; others it lets pass.
_WHOLE_FRAMES = "bwdif=mode=send_frame:deint=interlaced"
_AUDIO_CODECS: Mapping[str, str] = {"aac": "aac", "opus": "libopus", "mp3": "libmp3lame"}


def fitted(facts: MediaFacts, shorter: int) -> tuple[int, int]:
    """Width and height of which the shorter is at most ``shorter``: even, as the codecs ask, in the
    shape of the source, and never larger than it (W3.14). Raises ContentRefused."""
    if not facts.width or not facts.height:
        raise ContentRefused("video_missing")
    scale = min(Fraction(1), Fraction(shorter // 2 * 2, min(facts.width, facts.height)))
    return _even(facts.width, scale), _even(facts.height, scale)


def within_width(facts: MediaFacts, width: int) -> tuple[int, int]:
    """Width and height, even, at most ``width`` wide and never larger than the source."""
    if not facts.width or not facts.height:
        raise ContentRefused("video_missing")
    scale = min(Fraction(1), Fraction(width // 2 * 2, facts.width))
    return _even(facts.width, scale), _even(facts.height, scale)


def _even(length: int, scale: Fraction) -> int:
    """The nearest even number, that is not larger than the source."""
    return max(2, min(round(length * scale / 2) * 2, length // 2 * 2))


def picture(facts: MediaFacts, size: tuple[int, int], *, pixels: str = "yuv420p") -> str:
    """The filters that turn frames of the source into frames of ``size``: upright, which FFmpeg
    sees to by itself, with square pixels, in the colours of a usual screen."""
    scale = f"scale={size[0]}:{size[1]}:flags=bicubic"
    if facts.pixel_format.startswith("yuv"):
        scale = f"{_WHOLE_FRAMES},{scale}"
    if facts.hdr and has_filter("zscale") and has_filter("tonemap"):
        return ",".join((scale, "setsar=1", _tone_mapped(), f"format={pixels}", _BT709))
    if facts.pixel_format.startswith(_RGB):
        matrix = f"{scale}:out_color_matrix=bt709:out_range=tv"
        return ",".join((matrix, "setsar=1", f"format={pixels}", _BT709))
    return ",".join((f"{scale}:out_range=tv", "setsar=1", f"format={pixels}"))


def _tone_mapped() -> str:
    """From the brightness of HDR to that of other screens. What is HDR is in BT.2020, whether the
    file says so or forgets it."""
    return ",".join(
        (
            "setparams=color_primaries=bt2020:colorspace=bt2020nc",
            "zscale=transfer=linear:npl=100",
            "format=gbrpf32le",
            "zscale=primaries=bt709",
            "tonemap=tonemap=hable:desat=0",
            "zscale=transfer=bt709:matrix=bt709:range=tv",
        )
    )


def frame_rate(facts: MediaFacts, most: float) -> float:
    """Frames a second of the output: the source's, evened out, and at most ``most``."""
    rate = facts.frame_rate or _USUAL_RATES[0]
    if facts.variable_frame_rate:
        rate = next((each for each in _USUAL_RATES if rate <= each * _RATE_SLACK), _USUAL_RATES[-1])
    return min(rate, most)


def rate_filter(facts: MediaFacts, most: float) -> str:
    """``fps=…`` where the source's own rate cannot be kept, or nothing."""
    rate = frame_rate(facts, most)
    if rate == facts.frame_rate and not facts.variable_frame_rate:
        return ""
    return f"fps={Fraction(rate).limit_denominator(1001)}"


def chained(*filters: str) -> str:
    return ",".join(each for each in filters if each)


def audio_arguments(facts: MediaFacts, codec: str, bitrate: int) -> list[str]:
    """Encoder options for sound that starts with the picture and has no holes: mono or stereo, at
    a rate that everything plays. ``codec`` is "aac", "opus" or "mp3", ``bitrate`` in kbit/s."""
    arguments = ["-c:a", _AUDIO_CODECS[codec], "-b:a", f"{bitrate}k"]
    if (facts.channels or 3) > 2:
        arguments += ["-ac", "2"]
    if codec == "opus" or (facts.sample_rate or _MOST_SAMPLE_RATE + 1) > _MOST_SAMPLE_RATE:
        arguments += ["-ar", str(_MOST_SAMPLE_RATE)]
    return arguments


# In step with the picture: holes become silence.
IN_STEP = "aresample=async=1:first_pts=0"
