"""``{% video %}`` and ``{% audio %}``: sources that browsers really choose from."""

from __future__ import annotations

import pytest
from django.template import TemplateSyntaxError
from pytest_django import Settings

from rindle_django.models import Variant
from rindle_django.testing import Recorder
from tests.markup.exhibits import Element, Film, comments, draw, exhibit, shown
from tests.markup.test_picture import key_of, keys
from tests.rows import asset_in

pytestmark = pytest.mark.django_db


def test_a_video_has_sources_and_no_src__W5_1():
    (asset,) = exhibit("small", profile=Film)
    video = shown("{% video a %}", a=asset)
    assert "src" not in video
    (source,) = video.all("source")
    assert [key_of(source["src"])] == keys(asset, "small")
    assert source["type"] == 'video/mp4; codecs="avc1.64001f,mp4a.40.2"'
    assert {"controls", "playsinline"} <= set(video.attributes)
    assert video["preload"] == "metadata"
    assert (video["width"], video["height"]) == ("854", "480")


def test_the_stream_comes_first_then_the_largest_in_the_fewest_bytes():
    names = ["small", "large", "open", "modern", "stream"]
    (asset,) = exhibit(*names, profile=Film)
    sources = shown("{% video a %}", a=asset).all("source")
    assert [source["type"].partition(";")[0] for source in sources] == [
        "application/vnd.apple.mpegurl",
        *("video/webm", "video/webm", "video/mp4", "video/mp4"),
    ]
    played = [key_of(source["src"]) for source in sources[1:]]
    assert played == keys(asset, "modern", "open", "large", "small")


def test_a_small_screen_is_not_sent_what_it_cannot_show():
    (asset,) = exhibit("small", "large", "modern", profile=Film)
    modern, large, small = shown("{% video a %}", a=asset).all("source")
    wide = "(min-width: 855px), (min-resolution: 2dppx) and (min-width: 428px)"
    assert modern["media"] == large["media"] == wide
    assert "media" not in small  # whoever can show none of the others has this one


def test_named_variants_alone_are_named():
    (asset,) = exhibit("small", "large", "stream", profile=Film)
    (source,) = shown('{% video a "small" %}', a=asset).all("source")
    assert [key_of(source["src"])] == keys(asset, "small")


@pytest.mark.parametrize("ready", [(), ("stream",)])
def test_until_every_browser_has_a_file_there_is_the_original__W4_5_W5_3(ready: tuple[str, ...]):
    (asset,) = exhibit(*ready, profile=Film)
    video = shown("{% video a %}", a=asset)
    last = video.all("source")[-1]
    assert key_of(last["src"]) == asset.original.key  # type: ignore[union-attr]
    assert last["type"] == "video/mp4"
    assert (video["width"], video["height"]) == ("1600", "1200")


def test_nothing_is_said_of_the_type_of_an_original_that_no_browser_would_try():
    (asset,) = exhibit(profile=Film, content_type="video/quicktime")
    (source,) = shown("{% video a %}", a=asset).all("source")
    assert key_of(source["src"]) == asset.original.key  # type: ignore[union-attr]
    assert "type" not in source


def test_a_failed_variant_does_not_stop_the_others():
    (asset,) = exhibit("small", "large", profile=Film)
    Variant.objects.filter(asset=asset, name="large").update(state="missing")
    (source,) = shown("{% video a %}", a=asset).all("source")
    assert [key_of(source["src"])] == keys(asset, "small")


def test_the_poster_is_the_one_that_is_ready():
    (asset,) = exhibit("small", "poster", profile=Film)
    for template in ("{% video a %}", '{% video a poster="poster" %}'):
        assert [key_of(shown(template, a=asset)["poster"])] == keys(asset, "poster")
    assert "poster" not in shown("{% video a poster=False %}", a=asset)
    assert shown('{% video a poster="/static/p.jpg" %}', a=asset)["poster"] == "/static/p.jpg"


def test_a_poster_that_is_not_ready_is_left_out():
    (asset,) = exhibit("small", profile=Film)
    assert "poster" not in shown('{% video a poster="poster" %}', a=asset)


@pytest.mark.parametrize("option", ["True", '"board"'])
def test_a_storyboard_is_a_track_of_metadata(option: str):
    (asset,) = exhibit("small", "board", profile=Film)
    (track,) = shown("{% video a storyboard=" + option + " %}", a=asset).all("track")
    assert (track["kind"], track["label"]) == ("metadata", "storyboard")
    assert track["src"]
    assert shown("{% video a %}", a=asset).all("track") == []


def test_further_tracks_are_written_as_given():
    (asset,) = exhibit("small", profile=Film)
    tracks = [{"src": "/de.vtt", "kind": "captions", "srclang": "de", "default": True}]
    (track,) = shown("{% video a tracks=t %}", a=asset, t=tracks).all("track")
    assert track.attributes == {
        "src": "/de.vtt",
        "kind": "captions",
        "srclang": "de",
        "default": None,
    }


@pytest.mark.parametrize(
    "tracks", [[{"src": "javascript:go()"}], [{"kind": "captions"}], ["/de.vtt"], "/de.vtt", 7]
)
def test_a_track_that_is_none_is_left_out(tracks: object, settings: Settings):
    (asset,) = exhibit("small", profile=Film)
    assert shown("{% video a tracks=t %}", a=asset, t=tracks).all("track") == []
    settings.DEBUG = True
    with pytest.raises(TemplateSyntaxError):
        draw("{% video a tracks=t %}", a=asset, t=tracks)


def test_flags_are_words_as_in_html():
    (asset,) = exhibit("small", profile=Film)
    video = shown("{% video a muted loop controls=False %}", a=asset)
    assert {"muted", "loop"} <= set(video.attributes)
    assert "controls" not in video
    assert shown("{% video a muted as loop %}{{ loop }}", a=asset).tag == "video"


def test_a_sound_has_controls_and_its_sources():
    (asset,) = exhibit("mp3", "opus", profile=Film)
    audio = shown("{% audio a %}", a=asset)
    assert set(audio.attributes) == {"controls", "preload"}
    first, second = audio.all("source")
    assert (first["type"], second["type"]) == ('audio/ogg; codecs="opus"', "audio/mpeg")


def test_a_sound_that_is_not_made_yet_is_the_original():
    (asset,) = exhibit(profile=Film, kind="audio", content_type="audio/mpeg")
    (source,) = shown("{% audio a %}", a=asset).all("source")
    assert key_of(source["src"]) == asset.original.key  # type: ignore[union-attr]


def played(element: Element) -> list[str]:
    return [source["src"] for source in element.all("source")]


@pytest.mark.parametrize("tag", ["video", "audio"])
def test_there_is_never_an_empty_src__W5_3(tag: str):
    asset = asset_in("available", profile=Film.name)
    element = shown("{% " + tag + " a %}", a=asset)
    assert played(element) == []
    (ready,) = exhibit(profile=Film)
    assert all(played(shown("{% " + tag + " a %}", a=ready)))


def test_each_url_is_issued_once__W5_5(events: Recorder):
    (asset,) = exhibit("small", "large", "poster", "board", profile=Film)
    shown("{% video a storyboard=True %}", a=asset)
    assert len(events.named("rindle.delivery.signed")) == 4


def test_what_may_not_be_seen_is_not_played(settings: Settings):
    settings.DEBUG = True
    assert comments(draw("{% video a %}", a=asset_in("quarantined"))) == ["rindle: not_deliverable"]
