"""Placeholders: from the pipeline to the page."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from rindle_django.markup.placeholder import data_uri
from rindle_django.media.rendering import Order
from rindle_django.media.thumbhash import pixels
from rindle_django.media.wire import Garbled, rendered_of
from rindle_django.models import Asset
from rindle_django.processing import requeue_variants
from rindle_django.profiles import ImageRecipe
from rindle_django.testing import drain_jobs
from tests.kit import fresh, picture, ready
from tests.markup.exhibits import Film, exhibit, shown

CODE = "W1oNLJKAh4eKiIiIh4hPfggIhw=="


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_went_all_the_way_has_one():
    asset = ready(picture(640, 480))
    width, height, _ = pixels(asset.placeholder, 32)
    assert (width, height) == (32, 23)
    (img,) = shown('{% picture a "medium" alt="" %}', a=asset).children[-1:]
    assert img["data-thumbhash"] == asset.placeholder


@pytest.mark.django_db(transaction=True)
def test_the_first_one_stays():
    asset = ready(picture(640, 480))
    Asset.objects.filter(pk=asset.pk).update(placeholder=CODE)
    asset.variants.update(state="stale")
    requeue_variants(asset.pk)
    drain_jobs()
    assert set(asset.variants.values_list("state", flat=True)) == {"ready"}
    assert fresh(asset).placeholder == CODE


@pytest.mark.django_db
def test_a_video_has_that_of_its_poster():
    (asset,) = exhibit("small", profile=Film, placeholder=CODE)
    assert shown("{% video a %}", a=asset)["data-thumbhash"] == CODE
    assert "data-thumbhash" not in shown("{% video a placeholder=False %}", a=asset)


@pytest.mark.django_db
def test_a_page_may_do_without():
    (asset,) = exhibit("jpeg_400", placeholder=CODE)
    (img,) = shown('{% picture a alt="" placeholder=False %}', a=asset).children
    assert "data-thumbhash" not in img
    (img,) = shown('{% picture a alt="" %}', a=exhibit("jpeg_400")[0]).children
    assert "data-thumbhash" not in img


@pytest.mark.django_db
def test_or_have_it_in_the_page_itself():
    (asset,) = exhibit("jpeg_400", placeholder=CODE)
    (img,) = shown('{% picture a alt="" placeholder="inline" %}', a=asset).children
    assert data_uri(CODE) in img["style"]
    assert "data-thumbhash" not in img
    (clear,) = exhibit("jpeg_400", placeholder=CODE, has_alpha=True)
    (img,) = shown('{% picture a alt="" placeholder="inline" %}', a=clear).children
    assert "style" not in img  # it would stay to be seen behind the image


@pytest.mark.django_db
def test_what_is_no_hash_is_not_in_the_page():
    (asset,) = exhibit("jpeg_400", placeholder="no hash")
    (img,) = shown('{% picture a alt="" placeholder="inline" %}', a=asset).children
    assert "style" not in img


def test_in_the_page_it_is_a_small_png():
    kind, _, encoded = data_uri(CODE).partition(",")
    assert kind == "data:image/png;base64"
    assert len(encoded) < 800
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        image.load()
        assert image.size == (12, 7)


@pytest.mark.parametrize("told", ['"><script>', "A" * 80, 7, None])
def test_a_decoder_may_not_tell_what_is_no_hash(told: object, tmp_path):
    (tmp_path / "o").write_bytes(b"x")
    order = Order(ImageRecipe(width=1), tmp_path / "o")
    message = {"width": 1, "height": 1, "pages": 1, "placeholder": told}
    with pytest.raises(Garbled):
        rendered_of(message, order)
    assert rendered_of(message | {"placeholder": CODE}, order).placeholder == CODE
