"""Audio and video clips to test with, made by FFmpeg: each is made once a session, when it is first
asked for. Small and short; the hostile ones are in ``tests.av.hostile``."""

from __future__ import annotations

import atexit
import math
import re
import struct
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import imageio_ffmpeg

Maker = Callable[[Path], None]

WHERE = "+48.8577+002.2950+035.000/"  # the place that a phone writes into its videos
SIZE = "320x240"


def ffmpeg(*arguments: object, into: Path) -> None:
    """Run FFmpeg as the makers of files do: without any care."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-y"]
    done = subprocess.run(
        [*command, *map(str, arguments), str(into)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@cache
def folder() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="rindle-clips-")
    atexit.register(kept.cleanup)
    return Path(kept.name)


def _clip(extension: str) -> Callable[[Maker], Callable[[], Path]]:
    """Make a maker of a file into a function that gives its path, and makes it at the first call"""

    def keep(make: Maker) -> Callable[[], Path]:
        @cache
        def path() -> Path:
            made = folder() / f"{make.__name__}{extension}"
            make(made)
            return made

        path.__doc__ = make.__doc__
        return path

    return keep


def picture(seconds: float = 2, size: str = SIZE, rate: float = 25) -> list[object]:
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]


def sound(seconds: float = 2, channels: int = 2) -> list[object]:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    tone = f"sine=frequency=440:sample_rate=48000:duration={seconds}"
    return ["-f", "lavfi", "-i", f"{tone},aformat=channel_layouts={layout}"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac", "-b:a", "64k"]


# --- video -----------------------------------------------------------------------------------


@_clip(".mp4")
def video(into: Path) -> None:
    """Two seconds of 320x240 at 25 frames with stereo sound, ready to be streamed."""
    ffmpeg(*picture(), *sound(), *H264, *AAC, "-movflags", "+faststart", into=into)


@_clip(".mov")
def phone_video(into: Path) -> None:
    """Held upright: stored 320x240, shown 240x320; says where and with what it was taken."""
    level = into.with_name("phone_level.mov")
    ffmpeg(*picture(), *sound(channels=1), *H264, *AAC, into=level)
    places = ["-metadata", f"com.apple.quicktime.location.ISO6709={WHERE}"]
    makers = ["-metadata", "com.apple.quicktime.make=Apple", "-metadata", "title=Our garden"]
    ffmpeg(
        *("-display_rotation:v:0", -90, "-i", level, "-map", 0, "-c", "copy"),
        *(*places, *makers, "-movflags", "use_metadata_tags"),
        into=into,
    )


@_clip(".mp4")
def located_video(into: Path) -> None:
    """With a place in ``©xyz``, as Android phones write it, and a chapter."""
    chapters = into.with_suffix(".txt")
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nSTART=0\nEND=1000000000\ntitle=Our garden\n")
    ffmpeg(
        *(*picture(), *sound(), "-i", chapters, "-map", 0, "-map", 1, "-map_metadata", 2),
        *(*H264, *AAC, "-metadata", f"location={WHERE}", "-f", "mov"),
        into=into,
    )
    into.write_bytes(into.read_bytes().replace(b"qt  ", b"isom"))


@_clip(".mp4")
def screen_recording(into: Path) -> None:
    """Silent, and of odd size: 319x241, which 4:2:0 cannot hold."""
    odd = "format=yuv444p,crop=319:241:0:0:exact=1"
    ffmpeg(
        *(*picture(size="320x242", rate=30), "-vf", odd),
        *("-c:v", "libx264", "-preset", "ultrafast"),
        into=into,
    )


@_clip(".mp4")
def silent_audio(into: Path) -> None:
    """A sound track in which nothing is heard."""
    silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo:d=2"]
    ffmpeg(*picture(), *silence, *H264, *AAC, "-t", 2, into=into)


@_clip(".mp4")
def vfr(into: Path) -> None:
    """Frames at uneven times, as screen recorders and phones write them."""
    uneven = "select='not(mod(n\\,7))+between(mod(n\\,20)\\,0\\,4)'"
    ffmpeg(*picture(rate=30), *H264, "-vf", uneven, "-fps_mode", "vfr", into=into)


@_clip(".webm")
def hdr(into: Path) -> None:
    """Ten bits, BT.2020 and the PQ transfer curve, VP9 profile 2."""
    colours = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    ffmpeg(
        *(*picture(seconds=1, rate=10), "-vf", f"format=yuv420p10le,{colours}"),
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, "-b:v", "300k"),
        into=into,
    )


@_clip(".mp4")
def hlg(into: Path) -> None:
    """What newer phones take by default: HEVC, ten bits, hybrid log-gamma."""
    colours = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc"
    ffmpeg(
        *(*picture(seconds=1, rate=10), *sound(1), "-vf", f"format=yuv420p10le,{colours}"),
        *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"),
        *("-tag:v", "hvc1", *AAC),
        into=into,
    )


@_clip(".mp4")
def anamorphic(into: Path) -> None:
    """Stored 240x240, shown 320x240: its pixels are 4:3."""
    ffmpeg(*picture(size="240x240"), *H264, "-vf", "setsar=4/3", into=into)


@_clip(".webm")
def webm(into: Path) -> None:
    vp9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, "-b:v", "200k"]
    ffmpeg(*picture(1), *sound(1), *vp9, "-c:a", "libopus", into=into)


@_clip(".webm")
def recorded_in_browser(into: Path) -> None:
    """As MediaRecorder writes it: a stream, without a duration or an index."""
    vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", 8, "-b:v", "200k"]
    ffmpeg(*picture(1), *sound(1), *vp8, "-c:a", "libopus", "-live", 1, into=into)


@_clip(".mkv")
def mkv(into: Path) -> None:
    ffmpeg(*picture(), *sound(channels=6), *H264, *AAC, into=into)


@_clip(".mov")
def mov(into: Path) -> None:
    ffmpeg(*picture(), *sound(), *H264, *AAC, into=into)


@_clip(".avi")
def avi(into: Path) -> None:
    ffmpeg(*picture(), *sound(), "-c:v", "mpeg4", "-c:a", "libmp3lame", into=into)


@_clip(".3gp")
def three_gp(into: Path) -> None:
    ffmpeg(*picture(size="176x144", rate=15), *sound(channels=1), *H264, *AAC, into=into)


@_clip(".ogv")
def ogv(into: Path) -> None:
    ffmpeg(*picture(1), *sound(1), "-c:v", "libtheora", "-c:a", "libvorbis", into=into)


@_clip(".mp4")
def fragmented(into: Path) -> None:
    """As browsers and streaming software record: no sample table in front, only fragments."""
    flags = "frag_keyframe+empty_moov+default_base_moof"
    ffmpeg(*picture(), *sound(), *H264, "-g", 25, *AAC, "-movflags", flags, into=into)


@_clip(".mov")
def with_data_track(into: Path) -> None:
    """A time code track beside picture and sound, as cameras write it."""
    ffmpeg(*picture(), *sound(), *H264, *AAC, "-timecode", "01:00:00:00", into=into)


@_clip(".mkv")
def with_subtitles(into: Path) -> None:
    words = into.with_suffix(".srt")
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    ffmpeg(*picture(), *sound(), "-i", words, *H264, *AAC, "-c:s", "srt", into=into)


@_clip(".mkv")
def many_streams(into: Path) -> None:
    """Forty sound tracks behind one picture."""
    tracks = [each for _ in range(40) for each in ("-map", "1:a")]
    ffmpeg(*picture(1), *sound(1, 1), "-map", "0:v", *tracks, *H264, *AAC, into=into)


@_clip(".mp4")
def long_video(into: Path) -> None:
    """Ten minutes at one frame a second, in a few kilobytes."""
    ffmpeg(*picture(600, "64x48", 1), *H264, into=into)


# --- sound -----------------------------------------------------------------------------------


@_clip(".jpg")
def cover(into: Path) -> None:
    ffmpeg(*picture(1), "-frames:v", 1, into=into)


@_clip(".mp3")
def podcast(into: Path) -> None:
    """With a cover picture, which is no video (W3.10)."""
    attached = ["-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic"]
    tags = ["-metadata", "title=Episode 1", "-id3v2_version", 3]
    ffmpeg(*sound(), "-i", cover(), *attached, "-c:a", "libmp3lame", *tags, into=into)


@_clip(".m4a")
def m4a_with_cover(into: Path) -> None:
    attached = ["-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic"]
    ffmpeg(*sound(), "-i", cover(), *attached, *AAC, into=into)


@_clip(".mp3")
def mp3(into: Path) -> None:
    ffmpeg(*sound(), "-c:a", "libmp3lame", into=into)


@_clip(".m4a")
def m4a(into: Path) -> None:
    ffmpeg(*sound(), *AAC, into=into)


@_clip(".mp4")
def sound_in_mp4(into: Path) -> None:
    """Named as a video, and nothing to see in it."""
    ffmpeg(*sound(), *AAC, into=into)


@_clip(".ogg")
def ogg(into: Path) -> None:
    ffmpeg(*sound(), "-c:a", "libvorbis", into=into)


@_clip(".opus")
def opus(into: Path) -> None:
    ffmpeg(*sound(), "-c:a", "libopus", into=into)


@_clip(".webm")
def sound_in_webm(into: Path) -> None:
    ffmpeg(*sound(), "-c:a", "libopus", into=into)


@_clip(".flac")
def flac(into: Path) -> None:
    ffmpeg(*sound(), "-c:a", "flac", into=into)


@_clip(".wav")
def wav(into: Path) -> None:
    ffmpeg(*sound(), into=into)


@_clip(".aac")
def aac(into: Path) -> None:
    """Bare ADTS frames: no container, so no duration is written anywhere."""
    ffmpeg(*sound(), *AAC, into=into)


@_clip(".aiff")
def aiff(into: Path) -> None:
    ffmpeg(*sound(), into=into)


# --- broken, and yet common ------------------------------------------------------------------


@_clip(".mp4")
def damaged(into: Path) -> None:
    """Plays, with many complaints: some bytes of its pictures are wrong."""
    content = bytearray(video().read_bytes())
    begin = content.index(b"mdat") + 64
    for at in range(begin, len(content) - 64, 997):
        content[at] ^= 0xFF
    into.write_bytes(content)


@_clip(".mp4")
def without_index(into: Path) -> None:
    """The upload, or the recorder, broke off before the ``moov`` box was written."""
    content = mov().read_bytes().replace(b"qt  ", b"isom", 1)
    into.write_bytes(content[: content.rindex(b"moov") - 4])


@_clip(".mp4")
def cut_short(into: Path) -> None:
    """Its index is in front and promises more than the file has."""
    content = video().read_bytes()
    into.write_bytes(content[: len(content) * 6 // 10])


@_clip(".mp4")
def zero_duration(into: Path) -> None:
    """All its durations say nothing has any length."""
    into.write_bytes(_without_durations(video().read_bytes()))


@_clip(".mkv")
def claims_two_days(into: Path) -> None:
    """Two seconds that say they are 169,022."""
    into.write_bytes(_with_matroska_duration(mkv().read_bytes(), 169_022_000.0))


@_clip(".mkv")
def endless(into: Path) -> None:
    """How long it is is not a number."""
    into.write_bytes(_with_matroska_duration(mkv().read_bytes(), math.nan))


@_clip(".mp4")
def without_samples(into: Path) -> None:
    """A file with an index and no stream in it."""
    content = bytearray(video().read_bytes())
    content[:] = content.replace(b"trak", b"free")
    into.write_bytes(content)


def _without_durations(content: bytes) -> bytes:
    """An MP4 whose headers and sample table have no length at all."""
    changed = bytearray(content)
    for box, at, length in ((b"mvhd", 20, 4), (b"mdhd", 20, 4), (b"tkhd", 24, 4)):
        for found in re.finditer(box, content):
            begin = found.start() + at
            changed[begin : begin + length] = bytes(length)
    for found in re.finditer(b"stts", content):
        (entries,) = struct.unpack_from(">I", content, found.start() + 8)
        for number in range(entries):
            struct.pack_into(">I", changed, found.start() + 16 + 8 * number, 0)
    return bytes(changed)


def _with_matroska_duration(content: bytes, milliseconds: float) -> bytes:
    at = content.index(b"\x44\x89\x88") + 3
    return content[:at] + struct.pack(">d", milliseconds) + content[at + 8 :]
