"""Jinja: the same HTML from the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
from django.template.backends.jinja2 import Jinja2
from django.utils.safestring import SafeString

from rindle_django import jinja
from rindle_django.models import Asset
from tests.markup.exhibits import Film, draw, exhibit
from tests.stock import stock

pytestmark = pytest.mark.django_db

# The same in both languages, on whatever asset is ``a``.
PAIRS = [
    (
        '{% picture a alt="A <heron>" class="cover" %}',
        'picture(a, alt="A <heron>", class_="cover")',
    ),
    ('{% picture a "jpeg_400" alt="" data_id=7 %}', 'picture(a, "jpeg_400", alt="", data_id=7)'),
    ('{% picture a "no_such" %}', 'picture(a, "no_such")'),
]
PLAYERS = [
    ("{% video a loop storyboard=True %}", "video(a, loop=True, storyboard=True)"),
    ('{% audio a "mp3" %}', 'audio(a, "mp3")'),
]


def backend(**options: Any) -> Jinja2:
    extensions = {"extensions": ["rindle_django.jinja.MediaExtension"]}
    return Jinja2(
        {"NAME": "jinja2", "DIRS": options.pop("DIRS", []), "APP_DIRS": True}
        | {"OPTIONS": extensions | options}
    )


def said(expression: str, request: Any = None, **context: Any) -> str:
    template = backend().from_string("{{ " + expression + " }}")
    return str(template.render(context, request))


@pytest.mark.parametrize(("django", "jinja_"), PAIRS)
def test_a_picture_is_the_same_in_both_languages(django: str, jinja_: str, frozen: None):
    (asset,) = exhibit("jpeg_400", "webp_800", "avif_1600", placeholder="AAAAAAAA")
    assert said(jinja_, a=asset) == draw(django, a=asset)
    assert said(jinja_, a=asset).startswith("<picture>")


@pytest.mark.parametrize(("django", "jinja_"), PLAYERS)
def test_a_player_is_the_same_in_both_languages(django: str, jinja_: str, frozen: None):
    (asset,) = exhibit("small", "large", "poster", "board", "mp3", profile=Film)
    assert said(jinja_, a=asset) == draw(django, a=asset)
    assert "<source" in said(jinja_, a=asset)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are the same within a window; a test must not stand on its edge."""
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)


def test_the_request_says_who_looks(rf: Any, django_user_model: Any):
    anna = django_user_model.objects.create(username="anna")
    (asset,) = stock(1, profile="guarded", names=("thumb",))
    Asset.objects.filter(pk=asset.pk).update(actor="anna")
    asset.refresh_from_db()
    request = rf.get("/")
    assert said('picture(a, alt="")', request, a=asset) == ""
    request.user = anna
    assert said('picture(a, alt="")', request, a=asset).startswith("<picture>")


def test_an_environment_of_ours_has_the_functions_and_escapes():
    (asset,) = exhibit("jpeg_400")
    made = jinja.environment()
    page = made.from_string("{{ picture(a, alt=x) }}{{ x }}").render(a=asset, x="<b>")
    assert page.endswith("&lt;b&gt;")
    assert "<picture>" in page
    assert jinja.environment(autoescape=False).from_string("{{ x }}").render(x="<b>") == "<b>"


def test_an_environment_that_escapes_nothing_still_gets_whole_html():
    (asset,) = exhibit("jpeg_400")
    made = jinja2.Environment(extensions=[jinja.MediaExtension])
    page = made.from_string("{{ picture(a, alt=x) }}").render(a=asset, x='"><script>')
    assert 'alt="&quot;&gt;&lt;script&gt;"' in page


@pytest.mark.parametrize("language", ["django", "jinja"])
def test_a_project_may_have_templates_of_its_own(language: str, tmp_path: Path, settings: Any):
    (tmp_path / "rindle").mkdir()
    (tmp_path / "rindle" / "picture.html").write_text(
        "<figure>{% for each in picture.sources %}{{ each.type }} {% endfor %}"
        "<img{{ picture.img }}></figure>"
    )
    (asset,) = exhibit("jpeg_400", "avif_1600")
    if language == "jinja":
        template: Any = backend(DIRS=[tmp_path]).from_string('{{ picture(a, alt="") }}')
        page = template.render({"a": asset})
    else:
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        page = draw('{% picture a alt="" %}', a=asset)
    assert page.startswith("<figure>image/avif <img src=")
    assert isinstance(page, SafeString) or language == "jinja"
