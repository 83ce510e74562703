"""Adaptive streams: what the playlists say is what is in the files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from rindle_django.errors import ContentRefused
from rindle_django.media.av import playlists
from rindle_django.media.av.hls import resolutions
from rindle_django.media.av.playlists import Rendition, Segment
from rindle_django.media.rendering import Part, Rendered
from rindle_django.profiles import HLSRecipe, preset
from tests.av import clips
from tests.av.making import made, tracks

LADDER = HLSRecipe(resolutions=(240, 200, 160), segment_seconds=1)


def attributes(line: str) -> dict[str, str]:
    pairs = re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line.partition(":")[2])
    return {name: value.strip('"') for name, value in pairs}


def lines_of(target: Path) -> list[tuple[dict[str, str], str]]:
    """Each rendition of a master playlist: its attributes, and the name of its playlist."""
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    told = lines[3::2]
    assert all(line.startswith("#EXT-X-STREAM-INF:") for line in told)
    return [(attributes(line), name) for line, name in zip(told, lines[4::2], strict=True)]


def files(rendered: Rendered) -> list[tuple[Part, Part]]:
    """The playlist and the media file of each rendition."""
    return list(zip(rendered.parts[::2], rendered.parts[1::2], strict=True))


def decoded_frames(playlist: Path, stream: str = "v:0") -> list[tuple[float, int]]:
    """Time and size of all frames that a player (here: FFmpeg's own) gets out of a playlist."""
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-xerror"),
            *("-i", str(playlist), "-map", f"0:{stream}", "-f", "framecrc", "-"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    unit = re.search(r"#tb 0: (\d+)/(\d+)", done.stdout)
    assert unit is not None
    base = int(unit[1]) / int(unit[2])
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return [(int(row[2]) * base, int(row[4])) for row in rows]


def key_frames(media: Path) -> list[float]:
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "info", "-skip_frame", "nokey"),
            *("-i", str(media), "-map", "0:v:0", "-vf", "showinfo", "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(time) for time in re.findall(r"pts_time:([\d.]+)", done.stderr)]


def test_the_master_tells_what_the_renditions_are(tmp_path):
    rendered = made(clips.video(), LADDER, tmp_path / "master.m3u8")
    told = lines_of(tmp_path / "master.m3u8")
    assert [each["RESOLUTION"] for each, _ in told] == ["266x200", "320x240", "214x160"]
    by_name = {playlist.path.name: media for playlist, media in files(rendered)}
    for each, name in told:
        (video,), (audio,) = (tracks(by_name[name].path, kind) for kind in ("Video", "Audio"))
        assert each["RESOLUTION"] == f"{video['width']}x{video['height']}"
        assert (video["format"], audio["format"]) == ("AVC", "AAC")
        assert re.fullmatch(r"avc1\.6400[0-9a-f]{2},mp4a\.40\.2", each["CODECS"])
        assert each["FRAME-RATE"] == "25.000"
        assert int(each["BANDWIDTH"]) >= int(each["AVERAGE-BANDWIDTH"]) > 50_000


def test_details_are_those_of_the_master(tmp_path):
    rendered = made(clips.video(), LADDER, tmp_path / "master.m3u8")
    told = {name: each for each, name in lines_of(tmp_path / "master.m3u8")}
    for (playlist, _), details in zip(files(rendered), rendered.details["renditions"], strict=True):
        each = told[playlist.path.name]
        assert each["RESOLUTION"] == f"{details['width']}x{details['height']}"
        assert each["BANDWIDTH"] == str(details["bandwidth"])
        assert each["CODECS"] == details["codecs"]
    assert (rendered.width, rendered.height) == (320, 240)


def test_parts_are_named_as_they_will_be_stored(tmp_path):
    rendered = made(clips.video(), LADDER, tmp_path / "master.m3u8")
    for playlist, media in files(rendered):
        assert playlist.path.name == f"{playlist.id}.m3u8"
        assert playlist.content_type == "application/vnd.apple.mpegurl"
        assert media.path.name == f"{media.id}.mp4"
        assert media.content_type == "video/mp4"
        names = set(re.findall(r"[\w-]+\.mp4", playlist.path.read_text()))
        assert names == {media.path.name}


@pytest.mark.parametrize(
    "clip",
    [clips.video, clips.phone_video, clips.screen_recording, clips.vfr, clips.hlg, clips.webm],
    ids=["usual", "portrait", "silent and odd", "variable rate", "HDR", "WebM"],
)
def test_every_rendition_plays_to_its_end(tmp_path, clip):
    rendered = made(clip(), LADDER, tmp_path / "master.m3u8")
    assert rendered.duration_ms is not None
    for playlist, media in files(rendered):
        text = playlist.path.read_text()
        told = [float(each) for each in re.findall(r"#EXTINF:([\d.]+),", text)]
        assert sum(told) == pytest.approx(rendered.duration_ms / 1000, abs=0.15)
        frames = decoded_frames(playlist.path)
        assert frames[-1][0] == pytest.approx(sum(told), abs=0.15)
        (video,) = tracks(media.path, "Video")
        assert {size for _, size in frames} == {video["width"] * video["height"] * 3 // 2}
        assert text.rstrip().endswith("#EXT-X-ENDLIST")


def test_the_master_itself_plays_all_of_them(tmp_path):
    made(clips.video(), LADDER, tmp_path / "master.m3u8")
    counts = {
        len(decoded_frames(tmp_path / "master.m3u8", f"v:{number}"))
        for number in range(len(LADDER.resolutions))
    }
    assert counts == {50}


def test_all_renditions_are_cut_at_the_same_times(tmp_path):
    source = tmp_path / "scenes.mp4"
    changing = [
        word
        for colour in ("red", "white", "black", "blue", "green")
        for word in ("-f", "lavfi", "-i", f"color={colour}:size=320x240:rate=24:duration=0.7")
    ]
    joined = ["-filter_complex", "[0][1][2][3][4]concat=n=5:v=1[v]", "-map", "[v]"]
    clips.ffmpeg(*changing, *joined, *clips.H264, into=source)
    rendered = made(source, LADDER, tmp_path / "master.m3u8")
    times = [key_frames(media.path) for _, media in files(rendered)]
    assert times[0] == pytest.approx([0, 1, 2, 3], abs=0.05)
    assert times[0] == times[1] == times[2]
    told = [re.findall(r"#EXTINF:([\d.]+),", each.path.read_text()) for each, _ in files(rendered)]
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 4


def test_segments_lie_in_their_file_from_end_to_end(tmp_path):
    rendered = made(clips.video(), LADDER, tmp_path / "master.m3u8")
    for playlist, media in files(rendered):
        text, content = playlist.path.read_text(), media.path.read_bytes()
        ranges = [(int(a), int(b)) for a, b in re.findall(r'BYTERANGE[=:]"?(\d+)@(\d+)', text)]
        assert [content[start + 4 : start + 8] for _, start in ranges[1:]] == [
            content[ranges[1][1] + 4 : ranges[1][1] + 8]
        ] * (len(ranges) - 1)
        assert b"moov" in content[: ranges[0][0]]
        assert sum(length for length, _ in ranges) == len(content)


@pytest.mark.parametrize(
    ("shorter", "kept"),
    [(2160, [1080, 720, 480]), (1080, [1080, 720, 480]), (1079, [720, 480]), (480, [480])],
)
def test_renditions_above_the_source_are_left_out__W3_14(shorter, kept):
    assert resolutions(HLSRecipe(), shorter) == kept


def test_the_smallest_is_kept_and_not_enlarged__W3_14(tmp_path):
    rendered = made(clips.video(), preset("hls"), tmp_path / "master.m3u8")
    ((each, _),) = lines_of(tmp_path / "master.m3u8")
    assert each["RESOLUTION"] == "320x240"
    assert len(rendered.parts) == 2


def test_portrait_stays_portrait__W3_10(tmp_path):
    made(clips.phone_video(), LADDER, tmp_path / "master.m3u8")
    told = {each["RESOLUTION"] for each, _ in lines_of(tmp_path / "master.m3u8")}
    assert told == {"240x320", "200x266", "160x214"}


def test_a_silent_video_makes_a_silent_stream__W3_6(tmp_path):
    rendered = made(clips.screen_recording(), LADDER, tmp_path / "master.m3u8")
    assert all("mp4a" not in each["CODECS"] for each, _ in lines_of(tmp_path / "master.m3u8"))
    assert not any(tracks(media.path, "Audio") for _, media in files(rendered))


def test_hdr_becomes_what_every_screen_shows(tmp_path):
    rendered = made(clips.hlg(), LADDER, tmp_path / "master.m3u8")
    for _, media in files(rendered):
        (video,) = tracks(media.path, "Video")
        assert video["bit_depth"] == 8
        assert video.get("transfer_characteristics") == "BT.709"


def test_sound_that_goes_on_after_the_pictures_is_told_of(tmp_path):
    source = tmp_path / "longer_sound.mp4"
    clips.ffmpeg(*clips.picture(2), *clips.sound(4), *clips.H264, *clips.AAC, into=source)
    rendered = made(source, LADDER, tmp_path / "master.m3u8")
    for playlist, _ in files(rendered):
        text = playlist.path.read_text()
        told = [float(each) for each in re.findall(r"#EXTINF:([\d.]+),", text)]
        assert sum(told) == pytest.approx(4, abs=0.1)
        (target,) = re.findall(r"TARGETDURATION:(\d+)", text)
        assert int(target) >= max(map(round, told))
        assert decoded_frames(playlist.path, "a:0")[-1][0] == pytest.approx(4, abs=0.1)


def test_a_damaged_film_ends__W3_5(tmp_path):
    """FFmpeg waited for itself when several outputs read the sound of a damaged file."""
    for attempt in range(3):
        rendered = made(clips.damaged(), LADDER, tmp_path / f"{attempt}.m3u8")
        assert rendered.duration_ms == pytest.approx(2000, abs=100)


def test_titles_and_places_are_left_out__W3_3_S9(tmp_path):
    for clip in (clips.phone_video(), clips.located_video()):
        rendered = made(clip, LADDER, tmp_path / f"{clip.stem}.m3u8")
        for path in (tmp_path / f"{clip.stem}.m3u8", *(part.path for part in rendered.parts)):
            content = path.read_bytes()
            assert not [word for word in (b"48.8577", b"Apple", b"garden") if word in content]


def test_sound_alone_makes_no_stream(tmp_path):
    with pytest.raises(ContentRefused) as refused:
        made(clips.podcast(), LADDER, tmp_path / "master.m3u8")
    assert refused.value.code == "video_missing"


def test_progress_only_rises_to_the_end(tmp_path):
    told: list[int] = []
    made(clips.video(), LADDER, tmp_path / "master.m3u8", told.append)
    assert told == sorted(set(told))
    assert told[-1] == 100


# --- playlists -----------------------------------------------------------------------------------

HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="a.mp4",BYTERANGE="10@0"\n'
FIRST = "#EXTINF:2.0,\n#EXT-X-BYTERANGE:20@10\na.mp4\n"
SECOND = "#EXTINF:1.5,\n#EXT-X-BYTERANGE:30@30\na.mp4\n"


@pytest.fixture
def media(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(60))
    return path


def test_a_playlist_is_read(media):
    assert playlists.segments(HEAD + FIRST + SECOND, media) == [
        Segment(2.0, 20, 10),
        Segment(1.5, 30, 30),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        FIRST + SECOND,
        HEAD + FIRST,
        HEAD + FIRST + SECOND.replace("30@30", "30@29"),
        HEAD + FIRST + SECOND.replace("30@30", "29@31"),
        HEAD + FIRST + SECOND.replace("30@30", "31@30"),
        HEAD + FIRST + SECOND.replace("a.mp4", "b.mp4"),
        HEAD.replace("a.mp4", "../a.mp4") + FIRST + SECOND,
        HEAD + FIRST + SECOND.replace("#EXT-X-BYTERANGE:30@30\n", ""),
    ],
)
def test_a_playlist_of_anything_else_is_refused(media, text):
    with pytest.raises(ContentRefused) as refused:
        playlists.segments(text, media)
    assert refused.value.code == "output_mismatch"


def test_a_playlist_is_lengthened_at_its_end(media):
    longer = playlists.lengthened(HEAD + FIRST + SECOND, 3.0)
    assert [each.seconds for each in playlists.segments(longer, media)] == [2.0, 4.5]
    assert "#EXT-X-TARGETDURATION:4" in longer


def test_bandwidth_is_that_of_the_heaviest_segment():
    parts = [Segment(2, 1000, 0), Segment(2, 3000, 1000), Segment(0.1, 900, 4000)]
    peak, average = playlists.bandwidths(parts)
    assert (peak, average) == (12_000, round(4900 * 8 / 4.1))


def rendition(bandwidth: int, **changes: Any) -> Rendition:
    values = {
        "playlist": f"{bandwidth}.m3u8",
        "width": 2,
        "height": 2,
        "frame_rate": None,
        "codecs": "avc1.64001f",
        "bandwidth": bandwidth,
        "average_bandwidth": bandwidth,
    }
    return Rendition(**{**values, **changes})


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ([1], [1]),
        ([1, 2], [1, 2]),
        ([1, 2, 3], [2, 3, 1]),
        ([4, 1, 3, 2], [2, 4, 3, 1]),
    ],
)
def test_players_begin_in_the_middle(given, order):
    text = playlists.master([rendition(each) for each in given])
    assert re.findall(r"^(\d+)\.m3u8$", text, re.MULTILINE) == list(map(str, order))
