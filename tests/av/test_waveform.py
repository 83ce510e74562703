"""Waveforms: the numbers are those of the sound, and their memory is bounded."""

from __future__ import annotations

import json
import math
import tracemalloc
import wave
from array import array
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from rindle_django.errors import ContentRefused
from rindle_django.media.av.peaks import Peaks
from rindle_django.profiles import WaveformRecipe, preset
from tests.av import clips
from tests.av.making import made


def steps(into: Path, levels: list[float], seconds: float = 0.5, rate: int = 16_000) -> Path:
    """A WAV that is as loud as each of ``levels`` in turn."""
    with wave.open(str(into), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for level in levels:
            count = int(seconds * rate)
            tone = (level * 32767 * math.sin(2 * math.pi * 250 * n / rate) for n in range(count))
            file.writeframes(array("h", map(int, tone)).tobytes())
    return into


def drawn(source: Path, tmp_path: Path, **recipe: Any) -> dict[str, Any]:
    made(source, WaveformRecipe(**recipe), tmp_path / "wave.json")
    content: dict[str, Any] = json.loads((tmp_path / "wave.json").read_text())
    return content


def opacity(image: Image.Image, x: int, y: int) -> object:
    return image.getchannel("A").getpixel((x, y))


def test_the_json_is_frozen(tmp_path):
    """Players are written against it."""
    content = drawn(clips.video(), tmp_path, points=50)
    assert list(content) == ["version", "sample_rate", "duration_ms", "points"]
    assert (content["version"], content["sample_rate"]) == (1, 16_000)
    assert content["duration_ms"] == pytest.approx(2000, abs=60)
    assert len(content["points"]) == 50
    assert all(-1 <= low <= high <= 1 for low, high in content["points"])


def test_points_follow_the_sound_over_its_whole_length(tmp_path):
    levels = [0.1, 0.9, 0.0, 0.5]
    points = drawn(steps(tmp_path / "s.wav", levels), tmp_path, points=40)["points"]
    for number, level in enumerate(levels):
        middle = points[number * 10 + 2 : number * 10 + 8]
        assert all(high == pytest.approx(level, abs=0.03) for _, high in middle), number
        assert all(low == pytest.approx(-level, abs=0.03) for low, _ in middle), number


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("points", [10, 1000])
def test_a_short_clip_fills_all_points__W3_13(tmp_path, seconds, points):
    content = drawn(steps(tmp_path / "s.wav", [0.8], seconds), tmp_path, points=points)
    assert len(content["points"]) == points
    last = content["points"][-points // 5 :]
    assert max(max(abs(low), abs(high)) for low, high in last) > 0.05


def test_a_video_has_one_too(tmp_path):
    content = drawn(clips.mkv(), tmp_path, points=10)
    assert max(high for _, high in content["points"]) > 0.05


def test_silence_is_flat(tmp_path):
    assert set(map(tuple, drawn(clips.silent_audio(), tmp_path)["points"])) == {(0.0, 0.0)}


def test_a_silent_video_has_none(tmp_path):
    with pytest.raises(ContentRefused) as refused:
        made(clips.screen_recording(), preset("waveform"), tmp_path / "wave.json")
    assert refused.value.code == "audio_missing"


def test_samples_that_are_no_numbers_are_not_heard__W3_13(tmp_path):
    source = tmp_path / "nan.wav"
    samples = array("f", [0.5, -0.5] * 8000)
    for at in range(4000, 4100):
        samples[at] = (math.nan, math.inf, -math.inf)[at % 3]
    data = samples.tobytes()
    rate, size = (16_000).to_bytes(4, "little"), len(data).to_bytes(4, "little")
    head = b"\x10\0\0\0\x03\0\x01\0" + rate + (64_000).to_bytes(4, "little") + b"\x04\0\x20\0"
    riff = (len(data) + 36).to_bytes(4, "little")
    source.write_bytes(b"RIFF" + riff + b"WAVEfmt " + head + b"data" + size + data)
    content = drawn(source, tmp_path, points=100)
    assert all(-1 <= low <= high <= 1 for low, high in content["points"])
    assert content["points"][10] == [-0.5, 0.5]
    assert content["points"][90] == [-0.5, 0.5]


def test_the_picture_is_drawn_in_its_colour_on_nothing(tmp_path):
    source = steps(tmp_path / "s.wav", [0.0, 1.0])
    recipe = WaveformRecipe(format="png", width=200, height=60, color="#ff0080", points=50)
    rendered = made(source, recipe, tmp_path / "wave.png")
    assert (rendered.width, rendered.height) == (200, 60)
    with Image.open(tmp_path / "wave.png") as image:
        assert (image.format, image.size, image.mode) == ("PNG", (200, 60), "RGBA")
        shown = image.copy()
        shown.putalpha(255)
        assert [colour for _, colour in shown.getcolors() or []] == [(255, 0, 128, 255)]
        loud = {opacity(image, 150 + x, 3) for x in range(8)}
        quiet = {opacity(image, 50 + x, 3) for x in range(8)}
        middle = {opacity(image, 50 + x, 29) for x in range(8)}
    assert 255 in loud
    assert quiet == {0}
    assert 255 in middle


def test_more_points_than_pixels_are_drawn_side_by_side(tmp_path):
    recipe = WaveformRecipe(format="png", width=100, height=40, points=1000)
    made(steps(tmp_path / "s.wav", [0.9]), recipe, tmp_path / "wave.png")
    with Image.open(tmp_path / "wave.png") as image:
        assert all(opacity(image, x, 20) == 255 for x in range(100))


def test_the_drawing_is_plain_svg_without_script(tmp_path):
    recipe = WaveformRecipe(format="svg", width=200, height=60, points=50)
    made(clips.video(), recipe, tmp_path / "wave.svg")
    root = ElementTree.parse(tmp_path / "wave.svg").getroot()
    assert root.get("viewBox") == "0 0 200 60"
    assert [child.tag for child in root] == ["{http://www.w3.org/2000/svg}path"]
    assert (root[0].get("d") or "").count("Z") == 50


chunks = st.lists(
    st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=60), max_size=8
)


@given(chunks, st.integers(10, 30), st.integers(1, 7))
@settings(max_examples=60)
def test_peaks_hold_every_sample_however_they_arrive(parts, points, torn):
    peaks, samples = Peaks(points), array("f", [each for part in parts for each in part])
    data = samples.tobytes()
    for start in range(0, len(data), torn):
        peaks.feed(data[start : start + torn])
    found = list(peaks.points())
    assert len(found) == points
    assert peaks.samples == len(samples)
    real = [max(-1.0, min(1.0, each)) for each in samples if math.isfinite(each)] or [0.0]
    assert (min(low for low, _ in found), max(high for _, high in found)) == (min(real), max(real))


def test_the_memory_does_not_grow_with_the_length__W3_13():
    """Two hours, of which the original kept every sample: 230 MB."""
    peaks, chunk = Peaks(1000), array("f", [0.1] * 16_384).tobytes()

    def fed(times: int) -> int:
        tracemalloc.reset_peak()
        for _ in range(times):
            peaks.feed(chunk)
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        fed(20)
        assert fed(100) < 2_000_000
    finally:
        tracemalloc.stop()
    assert len(list(peaks.points())) == 1000


def test_progress_reaches_the_end(tmp_path):
    told: list[int] = []
    made(clips.video(), preset("waveform"), tmp_path / "wave.json", told.append)
    assert told[-1] == 100
