"""Our own files, and how each of them has to end: its state and, where there is one, the reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.av import clips
from tests.matrix.ending import How

PHOTOS = Path(__file__).resolve().parents[2] / "example_project" / "photos"
READY: How = ("ready", "")

CLIPS: Mapping[Callable[[], Path], How] = {
    **dict.fromkeys(
        (
            *(clips.video, clips.phone_video, clips.located_video, clips.screen_recording),
            *(clips.silent_audio, clips.vfr, clips.hdr, clips.hlg, clips.anamorphic, clips.webm),
            *(clips.recorded_in_browser, clips.mkv, clips.mov, clips.avi, clips.three_gp),
            *(clips.ogv, clips.camcorder, clips.transport, clips.mpeg, clips.flv, clips.wmv),
            *(clips.fragmented, clips.with_data_track, clips.with_subtitles, clips.slow),
            *(clips.single_frame, clips.large, clips.long_video, clips.podcast, clips.mp3),
            *(clips.m4a_with_cover, clips.m4a, clips.sound_in_mp4, clips.ogg, clips.opus),
            *(clips.sound_in_webm, clips.flac, clips.wav, clips.aac, clips.aiff, clips.wma),
            *(clips.damaged, clips.claims_two_days, clips.endless),
        ),
        READY,
    ),
    # Its pictures can be shown, but nothing in it lasts.
    clips.zero_duration: ("degraded", "output_mismatch,transcode_failed"),
    clips.many_streams: ("quarantined", "tracks_exceeded"),
    clips.without_index: ("quarantined", "media_truncated"),
    clips.cut_short: ("quarantined", "media_truncated"),
    clips.without_samples: ("quarantined", "nothing_to_play"),
}
DISGUISED = (
    "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
)
WRITTEN: Mapping[str, tuple[bytes, How]] = {
    "playlist.mp4": (DISGUISED.encode(), ("quarantined", "type_unknown")),
    "concat.mkv": (b"ffconcat version 1.0\nfile /etc/passwd\n", ("quarantined", "type_unknown")),
    "page.mp3": (b"<html><script>alert(1)</script>", ("quarantined", "mime_not_allowed")),
    "noise.mp4": (bytes(range(7, 256)) * 64, ("quarantined", "type_unknown")),
    "front-alone.mp4": (
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomavc1" + bytes(4000),
        ("quarantined", "media_unreadable"),
    ),
}
BROKEN_PHOTOS: Mapping[str, How] = {
    "a-letter.jpg": ("quarantined", "type_unknown"),
    "bomb.png": ("quarantined", "side_exceeded"),
    "cut-short.jpg": ("degraded", "image_truncated"),
}


def collect(folder: Path) -> dict[str, How]:
    """Put all of them into ``folder``; how each has to end, by its name."""
    expected: dict[str, How] = {}
    for make, how in CLIPS.items():
        shutil.copy(make(), folder)
        expected[make().name] = how
    for name, (content, how) in WRITTEN.items():
        (folder / name).write_bytes(content)
        expected[name] = how
    for photo in sorted(PHOTOS.iterdir()):
        if photo.is_file() and photo.suffix not in (".py", ".md"):
            shutil.copy(photo, folder)
            expected[photo.name] = READY
    for name, how in BROKEN_PHOTOS.items():
        shutil.copy(PHOTOS / "broken" / name, folder)
        expected[name] = how
    return expected
