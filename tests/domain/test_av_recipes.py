"""Recipes of audio and video: frozen digests, what the checks say of them, and their names."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from rindle_django.profiles import (
    PRESETS,
    AudioRecipe,
    HLSRecipe,
    ImageRecipe,
    PosterRecipe,
    PreviewRecipe,
    Recipe,
    StoryboardRecipe,
    VideoRecipe,
    WaveformRecipe,
    preset,
)

# Frozen: a change here means that every such variant in every project is made anew. Raise
# PIPELINE_VERSION on purpose, and freeze the new digests then.
FROZEN = {
    "web_480p": "a2c42a54c758606d0d75c948711db921f88b4ce22ba268c309c15b59d53f08cc",
    "web_720p": "0a904e3f622024cc2c65a084a264387a9b11ebaebeca2826b833b22ddf243a9d",
    "web_1080p": "068f213b7a826d9cd0dc088aae92febdfbbe3faffb83c326d3167055da41f67a",
    "vp9_720p": "51958783bcc50a620fb9ccfcd35bbd7e9ad15457053e0134d4ec26448510b524",
    "av1_720p": "d00d06682a3dc9a3061024e19f681cc11262a3edb0c7365546d05bf06d241589",
    "hls": "dd2120b0ae3b94e7e8a2e1909ea86e311d2d0dfa70a5f227bf5edf1bd6b6d4ff",
    "poster": "147242de72e7411a3aec4c17856a89c0a570beb0184c8e198fe65c68cc013f66",
    "storyboard": "97d7d3fc7ed8934be3c4655f038d4ea9880dd97df1be16ad36ac51d143e779bf",
    "preview": "4ab061267ec05963010c3f4bfbef9fcff4690a131b483a3e57a938685c746204",
    "m4a_128k": "498c968a72d004f499e6000d30334c2de6f2e8b547bead381175964feae57a31",
    "mp3_128k": "5b25f234f0c96471d2087c081c29bf5a7ecba792c8c45e4c7ff089de1553c76b",
    "opus_96k": "1bbd29fa89436c7e2490c558d317e4ffd0140b8ac760fb24650b2b2c5b37fb66",
    "podcast": "47594e9e7bb1e259a69509d39591bb5036970f8e02323df85118733ca2bf3dbc",
    "waveform": "415f86f8e07e5594eb3c3d8cabd9b4a7754aaa20564a9f3b179a30218c5626ab",
}
KINDS: list[type[Recipe]] = [
    *(VideoRecipe, HLSRecipe, AudioRecipe, WaveformRecipe),
    *(PosterRecipe, StoryboardRecipe, PreviewRecipe),
]


def test_digests_of_presets_are_frozen():
    assert {name: preset(name).digest() for name in PRESETS} == FROZEN


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_passes_the_checks(name):
    assert list(preset(name).problems()) == []


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_tells_its_name_and_is_the_recipe_it_stands_for(name):
    assert preset(name).preset == name
    assert preset(name) == PRESETS[name]
    assert preset(name).digest() == PRESETS[name].digest()


def test_a_preset_can_be_changed():
    changed = preset("podcast", bitrate=64)
    assert (changed.bitrate, changed.loudness, changed.preset) == (64, -16, "podcast")
    assert changed.digest() != preset("podcast").digest()


def test_an_unknown_preset_says_which_there_are():
    with pytest.raises(ValueError, match="web_720p, web_1080p") as refused:
        preset("web_144p")
    assert "'web_144p'" in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "smuggled",
    [{"ffmpeg": "-f lavfi"}, {"args": ["-y"]}, {"extra_args": "x"}, {"filter": "x"}, {"kind": "x"}],
)
def test_no_options_are_passed_to_ffmpeg(kind, smuggled):
    """There is no such field, on any recipe, by any way."""
    with pytest.raises(TypeError):
        kind(**smuggled)
    with pytest.raises(TypeError):
        preset("web_720p", **smuggled)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_but_the_name_takes_part_in_the_digest(kind):
    text = json.loads(kind().canonical())
    names = {each.name for each in dataclasses.fields(kind)} - {"preset"}
    assert set(text) == names | {"kind", "pipeline"}
    assert text["kind"] == kind.kind


def test_kinds_have_digests_of_their_own():
    recipes = [kind() for kind in KINDS] + [ImageRecipe(width=1)]
    assert len({recipe.digest() for recipe in recipes}) == len(recipes)
    assert len({recipe.kind for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (VideoRecipe(), VideoRecipe(crf=23)),
        (VideoRecipe(codec="vp9"), VideoRecipe(codec="vp9", crf=32)),
        (VideoRecipe(max_frame_rate=60), VideoRecipe(max_frame_rate=60.0)),
        (AudioRecipe(loudness=-16), AudioRecipe(loudness=-16.0)),
        (PosterRecipe(), PosterRecipe(quality=82)),
        (PosterRecipe(at=1), PosterRecipe(at=1.0)),
        (StoryboardRecipe(interval=2), StoryboardRecipe(interval=2.0)),
        (HLSRecipe(resolutions=(480, 720)), HLSRecipe(resolutions=(720, 480))),
    ],
)
def test_what_gives_the_same_output_has_the_same_digest(one, other):
    assert one.digest() == other.digest()


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (VideoRecipe(resolution=100), "resolution must be a whole number from 144 to 2160"),
        (VideoRecipe(resolution=True), "resolution"),
        (VideoRecipe(crf=52), "crf must be a whole number from 0 to 51"),
        (VideoRecipe(codec="vp9", crf=64), "crf must be a whole number from 0 to 63"),
        (VideoRecipe(max_bitrate=1), "max_bitrate"),
        (VideoRecipe(max_frame_rate=0.5), "max_frame_rate"),
        (VideoRecipe(audio_bitrate=1000), "audio_bitrate"),
        (HLSRecipe(resolutions=()), "one to four different ones"),
        (HLSRecipe(resolutions=(720, 720)), "one to four different ones"),
        (HLSRecipe(resolutions=(2160, 1440, 1080, 720, 480)), "one to four different ones"),
        (HLSRecipe(resolutions=(10,)), "resolutions must be a whole number"),
        (HLSRecipe(segment_seconds=0), "segment_seconds"),
        (AudioRecipe(bitrate=8), "bitrate must be a whole number from 16 to 512"),
        (AudioRecipe(channels=6), "channels must be one of 1, 2, None"),
        (AudioRecipe(passes=2), "two passes need a loudness to reach"),
        (AudioRecipe(passes=3, loudness=-16), "passes must be one of 1, 2"),
        (AudioRecipe(loudness=0), "loudness must be a number from -70 to -5"),
        (AudioRecipe(loudness=-16, true_peak=1), "true_peak"),
        (WaveformRecipe(points=3), "points must be a whole number from 10 to 10000"),
        (WaveformRecipe(color="red"), "color must look like '#334155', not 'red'"),
        (WaveformRecipe(color='#334155"/><script>'), "color must look like"),
        (PosterRecipe(width=None, height=None), "give a width, a height or both"),
        (PosterRecipe(at=2), "at must be a number from 0 to 1"),
        (StoryboardRecipe(tiles=0), "tiles"),
        (StoryboardRecipe(interval=0), "interval"),
        (StoryboardRecipe(columns=41), "columns"),
        (PreviewRecipe(seconds=60), "seconds"),
        (PreviewRecipe(moments=0), "moments"),
        (PreviewRecipe(frame_rate=60), "frame_rate"),
    ],
    ids=repr,
)
def test_what_cannot_be_made_is_said_at_start_up(recipe, said):
    assert any(said in problem for problem in recipe.problems())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["format", "codec", "effort"])
def test_only_what_is_known_can_be_chosen(kind, field):
    if field in {each.name for each in dataclasses.fields(kind)}:
        wrong: dict[str, Any] = {field: "wmv"}
        assert [each for each in kind(**wrong).problems() if "must be one of" in each]
    else:
        assert not hasattr(kind(), field)


@pytest.mark.parametrize(
    ("recipe", "video", "silent", "sound", "image"),
    [
        (VideoRecipe(), True, True, False, False),
        (HLSRecipe(), True, True, False, False),
        (PosterRecipe(), True, True, False, False),
        (StoryboardRecipe(), True, True, False, False),
        (PreviewRecipe(), True, True, False, False),
        (AudioRecipe(), True, False, True, False),
        (WaveformRecipe(), True, False, True, False),
        (ImageRecipe(width=9), False, False, False, True),
    ],
    ids=lambda value: value.kind if isinstance(value, Recipe) else "",
)
def test_variants_are_planned_of_what_can_give_them__W3_6_P7(recipe, video, silent, sound, image):
    assert recipe.accepts("video", has_audio=True) is video
    assert recipe.accepts("video", has_audio=False) is silent
    assert recipe.accepts("audio", has_audio=True) is sound
    assert recipe.accepts("image") is image
    assert recipe.accepts("document") is False
