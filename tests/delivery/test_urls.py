"""URLs: authorised first, private and signed by default, computed from rows alone."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from rindle_django import Delivery, ImageRecipe, url, variant_url
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.storage.tokens import read_get
from rindle_django.testing import Recorder
from tests.app.media import Guarded, OnlyOwner, Photo
from tests.kit import declared, fresh, ready, refused, variant_states
from tests.rows import asset_in
from tests.stock import stock
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


def grant(address: str) -> Any:
    return read_get(urlsplit(address).path.rstrip("/").rsplit("/", 1)[-1])


def key_of(name: str, asset: Asset) -> str:
    stored = asset.variants.get(name=name).object
    assert stored is not None
    return stored.key


def recipe_changes(asset: Asset, name: str = "thumb") -> None:
    """As after a deploy: another recipe is wanted, the old output is still there."""
    Variant.objects.filter(asset=asset, name=name).update(recipe_digest="another")


# --- private and public ------------------------------------------------------------------------


def test_delivery_is_private_and_signed_unless_declared_otherwise(asset: Asset, client: Any):
    assert Delivery().public is False
    for address in (url(asset), variant_url(asset, "thumb")):
        assert "/rindle/media/" in address
        assert client.get(address).status_code == 200


def test_a_public_profile_gives_the_plain_lasting_url__W4_2(client: Any):
    asset = ready(profile="open")
    address = variant_url(asset, "thumb")
    assert address == f"/public-media/{key_of('thumb', asset)}"
    assert "?" not in address
    assert url(asset) == f"/public-media/{asset.original.key}"  # type: ignore[union-attr]


def test_the_urls_of_public_assets_never_change__W4_2(monkeypatch: pytest.MonkeyPatch):
    asset = ready(profile="open")
    before = url(asset)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert url(asset) == before


def test_a_download_of_a_public_file_is_signed_to_carry_its_name__W4_1_W4_2():
    asset = ready(profile="open")
    assert grant(url(asset, download=True)).disposition.startswith("attachment")


def test_files_of_a_development_server_are_deliverable_in_private__W4_12(asset: Asset, client: Any):
    response = client.get(url(asset))
    assert response.status_code == 200
    assert "file://" not in url(asset)


# --- who may -----------------------------------------------------------------------------------


def test_the_authorizer_is_asked_before_anything_is_disclosed__W4_6():
    asset = ready(profile="guarded", actor="anna")
    assert url(asset, actor="anna")
    for stranger in (None, "bob"):
        with refused("not_allowed"):
            url(asset, actor=stranger)
        with refused("not_allowed"):
            variant_url(asset, "thumb", actor=stranger)


@pytest.mark.parametrize("state", ["staged", "validating", "quarantined", "deleted"])
def test_a_stranger_learns_neither_state_nor_variants__W4_6(state: str):
    asset = asset_in(state, profile="guarded", actor="anna")
    with refused("not_allowed"):
        url(asset, actor="bob")
    with refused("not_allowed"):
        variant_url(asset, "no such variant", actor="bob")


def test_the_authorizer_sees_the_asset_and_what_is_asked__W4_6(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[Any, str, Any]] = []

    class Witness:
        def authorize(self, actor: Any, action: str, asset: Any) -> bool:
            asked.append((actor, action, asset.pk))
            return True

    asset = ready(profile="guarded", actor="anna")
    monkeypatch.setattr(Guarded, "authorizer", Witness())
    variant_url(asset, "thumb", actor="bob")
    assert asked == [("bob", "deliver", asset.pk)]


def test_public_delivery_is_authorised_too__W4_2_W4_6():
    with declared(
        "gallery",
        storage="public",
        delivery=Delivery(public=True),
        authorizer=OnlyOwner(),
        variants={"thumb": ImageRecipe(width=10)},
    ):
        asset = ready(profile="gallery", actor="anna")
        with refused("not_allowed"):
            variant_url(asset, "thumb", actor="bob")
        assert variant_url(asset, "thumb", actor="anna").startswith("/public-media/")


# --- which object ------------------------------------------------------------------------------


def test_a_ready_variant_is_what_is_served(asset: Asset):
    assert grant(variant_url(asset, "thumb")).key == key_of("thumb", asset)
    assert grant(variant_url(asset, "medium")).content_type == "image/webp"


@pytest.mark.parametrize("state", ["planned", "queued", "processing", "failed", "cancelled"])
def test_until_a_variant_is_there_the_original_is_served__W4_11(state: str):
    (asset,) = stock(1, names=())
    from tests.rows import variant_in

    variant_in(state, asset=asset, name="thumb")
    assert asset.original is not None
    assert grant(variant_url(asset, "thumb")).key == asset.original.key


def test_a_missing_variant_falls_back_to_the_original__W4_11(asset: Asset):
    Variant.objects.filter(asset=asset, name="thumb").update(state="missing")
    assert asset.original is not None
    assert grant(variant_url(asset, "thumb")).key == asset.original.key


def test_an_output_of_the_former_recipe_is_served_until_the_new_one_is_there__W4_11(asset: Asset):
    recipe_changes(asset)
    assert grant(variant_url(asset, "thumb")).key == key_of("thumb", asset)
    Variant.objects.filter(asset=asset, name="thumb").update(state="stale")
    assert grant(variant_url(asset, "thumb")).key == key_of("thumb", asset)


def test_a_profile_can_serve_the_original_instead_of_a_former_output__W4_11(
    asset: Asset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Photo, "delivery", Delivery(serve_stale=False))
    assert grant(variant_url(asset, "thumb")).key == key_of("thumb", asset)
    recipe_changes(asset)
    assert asset.original is not None
    assert grant(variant_url(asset, "thumb")).key == asset.original.key


def test_a_variant_the_profile_does_not_declare_is_refused(asset: Asset):
    with refused("unknown_variant"):
        variant_url(asset, "nonsense")


@pytest.mark.parametrize(
    "state", ["staged", "validating", "analyzing", "promoting", "quarantined", "deleted"]
)
def test_what_is_not_verified_is_not_delivered(state: str):
    asset = asset_in(state)
    with refused("not_deliverable"):
        url(asset)
    with refused("not_deliverable"):
        variant_url(asset, "thumb")


def test_a_quarantined_asset_is_not_delivered_though_its_variants_are_ready(asset: Asset):
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    assert set(variant_states(asset).values()) == {"ready"}
    with refused("not_deliverable"):
        variant_url(fresh(asset), "thumb")


def test_a_variants_url_does_not_need_the_original__W4_4(asset: Asset):
    Asset.objects.filter(pk=asset.pk).update(original=None)
    assert grant(variant_url(fresh(asset), "thumb")).key == key_of("thumb", asset)
    with refused("not_deliverable"):
        url(fresh(asset))


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "stand_in", "encoded"),
    [
        ("holiday.jpg", "holiday.jpg", None),
        ("наши каникулы.jpg", "download.jpg", "%D0%BD%D0%B0%D1%88%D0%B8"),
        ("夏休み 2026.jpg", "___ 2026.jpg", "%E5%A4%8F"),
        ('a"b;c.jpg', "a_b;c.jpg", "a%22b%3Bc.jpg"),
    ],
)
def test_a_download_keeps_its_name_in_any_script__W4_1_W4_10(
    asset: Asset, client: Any, filename: str, stand_in: str, encoded: str | None
):
    header = client.get(url(asset, download=True, filename=filename)).headers["Content-Disposition"]
    assert header.startswith("attachment;")
    assert f'filename="{stand_in}"' in header
    assert (f"filename*=UTF-8''{encoded}" in header) if encoded else ("filename*" not in header)


def test_a_variant_is_saved_under_the_name_of_what_it_is__W4_1(asset: Asset, client: Any):
    header = client.get(variant_url(asset, "medium", download=True)).headers["Content-Disposition"]
    assert header == 'attachment; filename="photo 0.webp"'


def test_a_name_cannot_break_out_of_its_header(asset: Asset, client: Any):
    response = client.get(url(asset, download=True, filename="a\r\nSet-Cookie: b=c\u202egpj.exe"))
    assert "Set-Cookie" not in response.headers
    assert "\r" not in response.headers["Content-Disposition"]
    assert "\u202e" not in response.headers["Content-Disposition"]


def test_pictures_are_shown_and_other_files_saved(asset: Asset):
    assert grant(url(asset)).disposition.startswith("inline")
    Asset.objects.filter(pk=asset.pk).update(content_type="application/pdf")
    assert grant(url(fresh(asset))).disposition.startswith("attachment")


# --- time --------------------------------------------------------------------------------------


def remaining(address: str, now: float) -> float:
    return float(grant(address).expires - now)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    moment = 1_900_000_123.0
    monkeypatch.setattr(time, "time", lambda: moment)
    return moment


def test_the_time_to_live_is_read_when_a_url_is_asked_for__W4_3_P8(
    asset: Asset, settings: Settings, now: float
):
    assert 900 <= remaining(url(asset), now) <= 1350
    settings.RINDLE = {**settings.RINDLE, "SIGNED_URL_TTL": 60}
    assert 60 <= remaining(url(asset), now) <= 90


def test_a_profile_has_a_time_of_its_own__W4_3(
    asset: Asset, monkeypatch: pytest.MonkeyPatch, now: float
):
    monkeypatch.setattr(Photo, "delivery", Delivery(ttl=10))
    assert 10 <= remaining(url(asset), now) <= 15


def test_a_caller_can_ask_for_less_time_and_never_for_more__W4_3(asset: Asset, now: float):
    assert remaining(url(asset, ttl=30), now) <= 45
    assert url(asset, ttl=10**9) == url(asset)
    assert variant_url(asset, "thumb", ttl=10**9) == variant_url(asset, "thumb")


def test_a_url_is_the_same_within_a_window_and_never_short_of_its_time(
    asset: Asset, monkeypatch: pytest.MonkeyPatch
):
    start = 1_900_000_000 - 1_900_000_000 % 450
    seen = []
    for moment in range(start, start + 900, 50):
        monkeypatch.setattr(time, "time", lambda moment=moment: float(moment))
        seen.append(url(asset))
        assert remaining(seen[-1], moment) >= 900
    assert len(set(seen)) == 2


# --- cost --------------------------------------------------------------------------------------


def test_each_url_is_one_event_with_its_real_names__W4_4(events: Recorder):
    asset, public = ready(), ready(profile="open")
    url(asset)
    variant_url(asset, "thumb")
    variant_url(public, "thumb")
    told = events.named("rindle.delivery.signed")
    assert [(each["profile"], each["adapter"], each["mode"]) for each in told] == [
        ("photo", "filesystem", "private"),
        ("photo", "filesystem", "private"),
        ("open", "filesystem", "public"),
    ]
    assert [each["asset_id"] for each in told] == [str(asset.pk)] * 2 + [str(public.pk)]


def test_a_refused_url_is_no_event(events: Recorder):
    asset = ready(profile="guarded", actor="anna")
    with refused("not_allowed"):
        url(asset, actor="bob")
    with refused("unknown_variant"):
        variant_url(asset, "nonsense", actor="anna")
    assert events.named("rindle.delivery.signed") == []


def test_a_url_costs_no_storage_call_and_no_query_where_rows_are_at_hand(sky: Sky):
    ready()
    asset = Asset.objects.select_related("original").prefetch_related("variants__object").get()
    sky.calls.clear()
    with CaptureQueriesContext(connection) as captured:
        for name in ("thumb", "medium", "large"):
            variant_url(asset, name)
        url(asset)
    assert len(captured) == 0
    assert not sky.calls


def test_a_url_of_a_bare_asset_costs_one_query(asset: Asset):
    bare = Asset.objects.select_related("original").get(pk=asset.pk)
    with CaptureQueriesContext(connection) as captured:
        variant_url(bare, "thumb")
    assert len(captured) == 1


def test_an_assets_own_storage_counts_not_the_profiles_present_one(
    asset: Asset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Photo, "storage", "public")
    assert grant(url(asset)).alias == "default"
    assert StoredObject.objects.filter(asset=asset, storage="public").count() == 0
