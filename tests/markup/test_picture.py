"""``{% picture %}``: what a browser is given to choose from, and what it is not told."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.template import TemplateSyntaxError, engines
from pytest_django import Settings

from rindle_django import Delivery, ImageRecipe, attach
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.storage.tokens import read_get
from rindle_django.testing import Recorder
from tests.app.media import OnlyOwner
from tests.app.models import Article
from tests.kit import declared
from tests.markup.exhibits import Element, Shop, comments, draw, exhibit, shown
from tests.rows import asset_in
from tests.stock import stock

pytestmark = pytest.mark.django_db

EVERY = [f"{form}_{width}" for form in ("avif", "webp", "jpeg") for width in (400, 800, 1600)]


def key_of(url: str) -> str:
    return read_get(urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1]).key


def widths(element: Element) -> dict[int, str]:
    """The keys that a srcset offers, by width."""
    offers = [offer.split() for offer in element["srcset"].split(", ")]
    return {int(width.removesuffix("w")): key_of(url) for url, width in offers}


def keys(asset: Asset, *names: str) -> list[str]:
    found = dict(asset.variants.values_list("name", "object__key"))
    return [found[name] for name in names]


# --- what there is to choose from --------------------------------------------------------------


def test_formats_come_from_the_most_modern_to_the_oldest_each_with_its_real_widths__W5_6():
    (asset,) = exhibit(*EVERY)
    picture = shown('{% picture a alt="A heron" sizes="50vw" %}', a=asset)
    avif, webp = picture.all("source")
    (img,) = picture.all("img")
    assert (avif["type"], webp["type"], "type" in img) == ("image/avif", "image/webp", False)
    for form, element in (("avif", avif), ("webp", webp), ("jpeg", img)):
        names = [f"{form}_{width}" for width in (400, 800, 1600)]
        assert widths(element) == dict(zip((400, 800, 1600), keys(asset, *names), strict=True))
        assert element["sizes"] == "50vw"


def test_an_image_has_its_size_and_is_loaded_late__W5_6():
    (asset,) = exhibit("jpeg_400", "jpeg_800")
    (img,) = shown('{% picture a "jpeg_400" "jpeg_800" alt="" %}', a=asset).children
    assert (img["width"], img["height"]) == ("800", "600")
    assert (img["loading"], img["decoding"]) == ("lazy", "async")
    assert [key_of(img["src"])] == keys(asset, "jpeg_800")


def test_what_is_urgent_is_not_loaded_late():
    (asset,) = exhibit("jpeg_400")
    (img,) = shown('{% picture a alt="" fetchpriority="high" %}', a=asset).children
    assert "loading" not in img
    (img,) = shown('{% picture a alt="" loading="eager" width=40 %}', a=asset).children
    assert (img["loading"], img["width"]) == ("eager", "40")


def test_a_width_that_a_format_lacks_is_offered_in_an_older_one():
    """Or who shows AVIF would have to take the only AVIF there is, however large."""
    (asset,) = exhibit("jpeg_400", "webp_800", "avif_1600")
    picture = shown('{% picture a "jpeg_400" "webp_800" "avif_1600" alt="" %}', a=asset)
    avif, webp = picture.all("source")
    small, medium, large = keys(asset, "jpeg_400", "webp_800", "avif_1600")
    assert widths(avif) == {400: small, 800: medium, 1600: large}
    assert widths(webp) == {400: small, 800: medium}
    img = picture.children[-1]
    assert key_of(img["src"]) == small
    assert (img["width"], img["height"]) == ("1600", "1200")


def test_of_one_width_there_is_one_file(events: Recorder):
    (asset,) = exhibit("jpeg_400", "jpeg_800")
    Variant.objects.filter(asset=asset, name="jpeg_800").update(width=400, height=300)
    (img,) = shown('{% picture a "jpeg_400" "jpeg_800" alt="" %}', a=asset).children
    assert "srcset" not in img
    assert len(events.named("rindle.delivery.signed")) == 1


def test_a_picture_of_another_shape_is_not_offered_for_the_same():
    (asset,) = exhibit("square", "jpeg_800", "jpeg_1600")
    (img,) = shown('{% picture a "square" "jpeg_800" "jpeg_1600" alt="" %}', a=asset).children
    assert set(widths(img)) == {800, 1600}
    (img,) = shown('{% picture a "square" alt="" %}', a=asset).children
    assert [key_of(img["src"])] == keys(asset, "square")


def test_a_variant_without_a_known_size_is_shown_alone():
    (asset,) = stock(1)
    (img,) = shown('{% picture a "thumb" "medium" alt="" %}', a=asset).all("img")
    assert "width" not in img
    assert [key_of(img["src"])] == keys(asset, "thumb")


# --- what is not ready -------------------------------------------------------------------------


def test_only_what_is_ready_is_named():
    (asset,) = exhibit("jpeg_400", "jpeg_800")
    Variant.objects.filter(asset=asset, name="jpeg_800").update(state="missing")
    (img,) = shown('{% picture a "jpeg_400" "jpeg_800" "jpeg_1600" alt="" %}', a=asset).children
    assert [key_of(img["src"])] == keys(asset, "jpeg_400")


@pytest.mark.parametrize("serve_stale", [True, False])
def test_a_changed_recipe_is_served_as_delivery_says(
    serve_stale: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Shop, "delivery", Delivery(serve_stale=serve_stale))
    (asset,) = exhibit("jpeg_400")
    Variant.objects.filter(asset=asset).update(recipe_digest="another")
    (img,) = shown('{% picture a "jpeg_400" alt="" %}', a=asset).children
    assert ([key_of(img["src"])] == keys(asset, "jpeg_400")) is serve_stale


def test_a_small_original_stands_in_until_there_is_a_variant__W5_4():
    (asset,) = exhibit(byte_size=90_000)
    assert asset.original is not None
    (img,) = shown('{% picture a "jpeg_400" alt="" %}', a=asset).children
    assert key_of(img["src"]) == asset.original.key
    assert (img["width"], img["height"]) == ("1600", "1200")


def test_a_large_original_is_not_sent_in_passing(settings: Settings):
    (asset,) = exhibit(byte_size=20 << 20)
    (img,) = shown('{% picture a "jpeg_400" alt="A heron" %}', a=asset).children
    assert img["src"] == "/static/rindle/blank.svg"
    assert (img["width"], img["height"], img["alt"]) == ("1600", "1200", "A heron")
    assert "data-rindle-pending" in img
    (img,) = shown('{% picture a "jpeg_400" alt="" original=True %}', a=asset).children
    assert key_of(img["src"]) == asset.original.key  # type: ignore[union-attr]
    settings.RINDLE = {**settings.RINDLE, "SHOWN_ORIGINAL_BYTES": 30 << 20}
    (img,) = shown('{% picture a "jpeg_400" alt="" %}', a=asset).children
    assert key_of(img["src"]) == asset.original.key  # type: ignore[union-attr]


@pytest.mark.parametrize("mime", ["image/heic", "image/svg+xml", "application/pdf"])
def test_an_original_that_browsers_do_not_show_is_no_image__W5_3(mime: str):
    (asset,) = exhibit(content_type=mime, byte_size=10)
    (img,) = shown('{% picture a "jpeg_400" alt="" original=True %}', a=asset).children
    assert img["src"] == "/static/rindle/blank.svg"


@pytest.mark.parametrize("template", ['{% picture a alt="" %}', "{% video a %}", "{% audio a %}"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_slot_shows_nothing(template: str, nothing: Any, settings: Settings):
    settings.DEBUG = True
    assert draw(template, a=nothing) == ""


def test_a_template_can_ask_whether_there_is_something():
    page = (
        '{% picture a alt="" as cover %}{% if cover %}<p>{{ cover }}</p>{% else %}none{% endif %}'
    )
    assert draw(page, a=None) == "none"
    (asset,) = exhibit("jpeg_400")
    assert shown(page, a=asset).children[0].tag == "picture"


def test_an_attachment_and_a_slot_are_shown_like_their_asset():
    (asset,) = stock(1)
    article = Article.objects.create()
    attachment = attach(article, "cover", asset)
    for given in (asset, attachment, article.cover):
        (img,) = shown('{% picture a "thumb" alt="" %}', a=given).children
        assert [key_of(img["src"])] == keys(asset, "thumb")


# --- alt ---------------------------------------------------------------------------------------


def test_an_image_without_alt_is_a_mistake_in_the_template__W5_6(settings: Settings):
    settings.DEBUG = True
    (asset,) = exhibit("jpeg_400")
    with pytest.raises(TemplateSyntaxError, match="alt="):
        draw("{% picture a %}", a=asset)


def test_in_production_a_missing_alt_is_logged_and_empty__W5_6(caplog: pytest.LogCaptureFixture):
    (asset,) = exhibit("jpeg_400")
    (img,) = shown("{% picture a %}", a=asset).children
    assert img["alt"] == ""
    assert "alt=" in caplog.text


# --- who may see it ----------------------------------------------------------------------------


@pytest.fixture
def guarded() -> Asset:
    (asset,) = stock(1, profile="guarded", names=("thumb",))
    Asset.objects.filter(pk=asset.pk).update(actor="anna")
    return Asset.objects.get(pk=asset.pk)


def test_who_may_not_see_it_sees_nothing__W5_3(guarded: Asset, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert draw('{% picture a "thumb" alt="" actor="bob" %}', a=guarded) == ""
    assert draw('{% picture a "thumb" alt="" %}', a=guarded) == ""
    assert "not_allowed" in caplog.text
    assert "anna" not in caplog.text + "bob"


def test_with_debug_a_comment_names_the_code_and_nothing_else(guarded: Asset, settings: Settings):
    settings.DEBUG = True
    page = draw('{% picture a "thumb" alt="" actor="bob" %}', a=guarded)
    assert comments(page) == ["rindle: not_allowed"]


def test_the_request_says_who_looks_unless_the_template_does(guarded: Asset, rf: Any, anna: Any):
    Asset.objects.filter(pk=guarded.pk).update(actor=str(anna))
    guarded.refresh_from_db()
    request = rf.get("/")
    request.user = anna
    assert shown('{% picture a "thumb" alt="" %}', a=guarded, request=request).tag == "picture"
    assert draw('{% picture a "thumb" alt="" actor=None %}', a=guarded, request=request) == ""


@pytest.fixture
def anna(django_user_model: Any) -> Any:
    return django_user_model.objects.create(username="anna")


def test_where_nothing_depends_on_who_looks_the_session_is_not_read():
    """A page that reads it could not be cached."""

    class Stranger:
        @property
        def user(self) -> object:
            raise AssertionError("asked who it is")

    variants = {"thumb": ImageRecipe(width=50)}
    options = {"storage": "public", "variants": variants}
    with declared("poster-wall", delivery=Delivery(public=True), **options):
        (asset,) = stock(1, profile="poster-wall", names=("thumb",))
        Asset.objects.filter(pk=asset.pk).update(storage="public")
        StoredObject.objects.filter(asset=asset).update(storage="public")
        page = engines["django"].from_string('{% load rindle %}{% picture a "thumb" alt="" %}')
        # No context processor asks either.
        assert "/public-media/" in page.render({"a": asset, "request": Stranger()})


@pytest.mark.parametrize("state", ["staged", "validating", "quarantined", "deleted"])
def test_what_is_not_verified_is_not_shown(state: str):
    assert draw('{% picture a "thumb" alt="" %}', a=asset_in(state)) == ""


def test_a_profile_that_is_gone_breaks_no_page(caplog: pytest.LogCaptureFixture):
    assert draw('{% picture a alt="" %}', a=asset_in("available", profile="gone")) == ""
    assert "profile_gone" in caplog.text


# --- what it costs, and what leaks -------------------------------------------------------------


def test_one_decision_and_one_signature_for_each_file__W5_5(
    monkeypatch: pytest.MonkeyPatch, events: Recorder
):
    asked = []

    class Witness:
        def authorize(self, actor: Any, action: str, asset: Any) -> bool:
            asked.append(action)
            return True

    monkeypatch.setattr(Shop, "authorizer", Witness())
    (asset,) = exhibit("jpeg_400", "webp_800", "avif_1600")
    shown('{% picture a alt="" %}', a=asset)
    assert asked == ["deliver"]
    assert len(events.named("rindle.delivery.signed")) == 3


def test_options_of_delivery_are_not_in_the_page__W5_2():
    (asset,) = exhibit("jpeg_400")
    page = draw(
        '{% picture a "jpeg_400" alt="" actor=who ttl=60 filename="secret" download=True '
        'expires_in=7 disposition="inline" stale_mode="x" local_route=who strict=True mime="y" %}',
        a=asset,
        who={"secret_key_base": "secret"},
    )
    assert "secret" not in page.replace(str(asset.filename), "")
    (img,) = shown(
        '{% picture a "jpeg_400" alt="" actor=who ttl=60 %}', a=asset, who=OnlyOwner()
    ).children
    assert set(img.attributes) == {"src", "width", "height", "alt", "loading", "decoding"}


def test_a_mistake_in_an_option_is_told_with_debug(settings: Settings):
    settings.DEBUG = True
    (asset,) = exhibit("jpeg_400")
    for wrong in ('"no_such"', 'ttl="long"', 'onclick="go()"', 'style="x"', "filename='x'"):
        with pytest.raises(TemplateSyntaxError):
            draw('{% picture a alt="" ' + wrong + " %}", a=asset)
    with pytest.raises(TemplateSyntaxError):
        draw('{% picture a alt="" %}', a="no asset")


def test_a_mistake_in_an_option_breaks_no_page_in_production(caplog: pytest.LogCaptureFixture):
    (asset,) = exhibit("jpeg_400")
    for wrong in (
        'alt="" ttl="long"',
        'alt="" onclick="go()"',
        'alt="" style="x"',
        '"no_such" nothing',
    ):
        (img,) = shown('{% picture a "jpeg_400" ' + wrong + " %}", a=asset).children
        assert [key_of(img["src"])] == keys(asset, "jpeg_400")
        assert not {"onclick", "style"} & set(img.attributes)
    assert draw('{% picture a alt="" %}', a="no asset") == ""
    assert "no_such" in caplog.text
