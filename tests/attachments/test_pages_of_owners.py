"""A page of owners with their pictures costs a constant number of queries (U23)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from rindle_django import attach, detach, url, variant_url
from rindle_django.attachments.read import whole, with_media
from rindle_django.models import Asset, Attachment
from tests.app.models import Article
from tests.stock import stock
from tests.storms import Sky

pytestmark = pytest.mark.django_db
VARIANTS = ("thumb", "medium", "large", "square", "wide")


def illustrated(count: int) -> None:
    covers, photos = (stock(count, names=VARIANTS) for _ in range(2))
    for number, (cover, photo) in enumerate(zip(covers, photos, strict=True)):
        article = Article.objects.create(title=f"Article {number}")
        attach(article, "cover", cover)
        article.photos.add(photo)


def with_slots(*slots: str) -> QuerySet[Article]:
    return Article.objects.prefetch_related(*slots)


def page() -> list[str]:
    """What a template of a list does: three URLs for each of two pictures of each owner."""
    shown = []
    for article in with_slots("cover", "photos"):
        pictures = [article.cover, *article.photos.all()]
        for each in pictures:
            assert each is not None
            assert len(each.asset.variants.all()) == len(VARIANTS)
            shown += [variant_url(each.asset, name) for name in ("thumb", "large")]
            shown.append(url(each.asset))
    return shown


def queries_of(action: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        action()
    return len(captured)


def test_ten_owners_and_a_hundred_cost_the_same_queries_and_no_storage_call__U23(sky: Sky):
    illustrated(10)
    page()  # content types are cached from here on
    few = queries_of(page)
    illustrated(90)
    sky.calls.clear()
    many = queries_of(page)
    assert few == many == 3  # owners; all that is in each of the two slots
    assert not sky.calls
    assert len(page()) == len(set(page())) == 100 * 2 * 3


def contents(attachment: Attachment) -> list[dict[str, Any]]:
    """All columns of all that is at hand of an attachment."""
    asset = attachment.asset
    rows: list[Any] = [attachment, asset, asset.original]
    for variant in asset.variants.all():
        assert variant.asset == asset
        rows += [variant, variant.object]
    return [{**vars(row), "_state": None, "_prefetched_objects_cache": None} for row in rows if row]


def test_what_one_query_brings_is_what_two_bring__U23():
    illustrated(3)
    bare, shared = stock(1, names=())[0], stock(1, names=VARIANTS)[0]
    Asset.objects.filter(pk=bare.pk).update(original=None)
    for asset in (bare, shared, shared):
        attach(Article.objects.create(), "cover", asset)
    rows = Attachment.objects.filter(slot="cover").order_by("created_at", "id")
    found: list[list[dict[str, Any]]] = []
    assert queries_of(lambda: found.extend(map(contents, whole(rows)))) == 1
    assert found == [contents(each) for each in with_media(rows)]
    assert [len(each) for each in found] == [13, 13, 13, 2, 13, 13]


def test_an_empty_slot_that_was_prefetched_asks_nothing__U23():
    for _ in range(3):
        Article.objects.create()
    articles = list(with_slots("cover", "photos", "banner"))
    assert queries_of(lambda: [each.cover or list(each.photos.all()) for each in articles]) == 0
    assert [each.cover for each in articles] == [None, None, None]


def test_a_slot_is_read_once_however_often_it_is_asked__U23():
    illustrated(1)
    article = Article.objects.get()
    assert queries_of(lambda: [article.cover, article.cover, article.cover]) == 2
    assert isinstance(article.cover, Attachment)


def shown(article: Article) -> tuple[object, list[object]]:
    cover = article.cover
    return cover and cover.asset_id, [row.asset_id for row in article.photos.all()]


def test_an_owner_at_hand_shows_what_was_attached_and_detached_since():
    Article.objects.create()
    article = with_slots("cover", "photos").get()
    cover, photo = stock(2)
    assert shown(article) == (None, [])
    attach(article, "cover", cover)
    article.photos.add(photo)
    assert shown(article) == (cover.pk, [photo.pk])
    detach(article, "cover")
    article.photos.remove()
    assert shown(article) == (None, [])
