"""A page of media costs a constant number of queries and no call to the storage (U23, W5.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rindle_django import attach, for_page
from rindle_django.models import Asset, Attachment
from tests.app.models import Article, Member
from tests.markup.exhibits import Film, draw, exhibit
from tests.stock import stock
from tests.storms import Sky

pytestmark = pytest.mark.django_db
MANY = 100
NAMES = ("jpeg_400", "webp_800", "avif_1600", "jpeg_800", "webp_400")
PICTURES = '{% for each in shown %}{% picture each alt="" %}{% endfor %}'


def queries_of(action: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        action()
    return len(captured)


def test_a_hundred_assets_cost_one_query_more_and_no_storage_call__W5_5(sky: Sky):
    exhibit(*NAMES, count=MANY)
    sky.calls.clear()
    pages = []
    rows = Asset.objects.all()
    assert queries_of(lambda: pages.append(draw(PICTURES, shown=for_page(rows)))) == 2
    assert pages[0].count("<picture>") == MANY
    assert not sky.calls


def test_attachments_cost_one_query_more(sky: Sky):
    for asset in stock(10):
        attach(Article.objects.create(), "cover", asset)
    rows = Attachment.objects.all()
    assert queries_of(lambda: draw(PICTURES, shown=for_page(rows))) == 2
    assert (
        queries_of(lambda: draw(PICTURES, shown=for_page(list(rows.select_related("asset"))))) == 3
    )


def test_owners_cost_one_query_more_for_each_slot():
    for asset in stock(10):
        attach(Article.objects.create(), "cover", asset)
    page = '{% for each in shown %}{% picture each.cover alt="" %}{% endfor %}'
    draw(page, shown=for_page(Article.objects.all(), "cover"))  # content types are cached
    rows = Article.objects.all()
    assert queries_of(lambda: draw(page, shown=for_page(rows, "cover"))) == 2
    assert draw(page, shown=for_page(rows, "cover")).count("<picture>") == 10


def test_owners_of_several_models_cost_one_query_for_each_model():
    owners = [Article.objects.create(), Member.objects.create(), Article.objects.create()]
    for owner, asset in zip(owners, stock(3), strict=True):
        attach(owner, "cover", asset)
    fresh = [type(owner)._default_manager.get(pk=owner.pk) for owner in owners]
    assert queries_of(lambda: for_page(fresh, "cover")) == 2
    page = '{% for each in shown %}{% picture each.cover alt="" %}{% endfor %}'
    assert queries_of(lambda: draw(page, shown=fresh)) == 0


def test_what_was_fetched_is_not_fetched_again():
    exhibit(*NAMES, count=3)
    rows = for_page(Asset.objects.all())
    assert queries_of(lambda: for_page(rows)) == 0


def test_videos_of_a_page_ask_for_nothing_either():
    exhibit("small", "large", "poster", "board", profile=Film, count=10)
    page = "{% for each in shown %}{% video each storyboard=True %}{% endfor %}"
    rows = Asset.objects.all()
    assert queries_of(lambda: draw(page, shown=for_page(rows))) == 2


def test_without_help_one_asset_costs_two_queries():
    (asset,) = exhibit(*NAMES)
    assert queries_of(lambda: draw('{% picture a alt="" %}', a=asset)) <= 2
