"""A photo goes all the way: upload, verify, promote, variants, URL, purge."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.test import Client

from rindle_django import attach, detach, upload, variant_url
from rindle_django.models import Asset, StoredObject, Transition
from rindle_django.testing import Recorder, drain_jobs
from tests.app.models import Article
from tests.kit import (
    arrive,
    edges,
    files_in,
    fresh,
    ledger_keys,
    named,
    picture,
    queued_jobs,
    ready,
    variant_states,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_direct_upload_becomes_ready_with_all_its_variants():
    content = picture()
    asset = arrive(content)
    assert asset.state == "validating"
    assert queued_jobs("rindle:promote_asset") == [{"asset_id": str(asset.pk)}]

    drain_jobs()

    asset = fresh(asset)
    assert edges(asset) == [
        ">staged",
        "staged>validating",
        "validating>analyzing",
        "analyzing>promoting",
        "promoting>available",
        "available>processing",
        "processing>ready",
    ]
    assert asset.sha256 == hashlib.sha256(content).hexdigest()
    assert (asset.width, asset.height, asset.byte_size) == (640, 480, len(content))
    assert variant_states(asset) == {"thumb": "ready", "medium": "ready", "large": "ready"}
    assert edges(asset, "session") == [
        ">initialized",
        "initialized>signed",
        "signed>verifying",
        "verifying>completed",
    ]


def test_what_is_in_storage_is_what_the_ledger_says(media_folder: Path):
    asset = ready()
    assert files_in(media_folder) == ledger_keys("present")
    assert len(ledger_keys("present")) == 4  # the original and three variants
    assert StoredObject.objects.get(asset=asset, purpose="staging").state == "gone"


def test_an_upload_through_the_server_takes_the_same_road():
    asset = upload("photo", named(picture(), "holiday.jpg"))
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_an_asset_without_variants_is_ready_at_once__D3():
    asset = arrive(picture(), profile="plain")
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_its_signed_url_serves_the_thumbnail(client: Client):
    asset = ready()
    response = client.get(variant_url(asset, "thumb"))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    body = response.getvalue()
    assert len(body) == asset.variants.get(name="thumb").byte_size


def test_detaching_the_last_attachment_removes_every_byte_and_row(media_folder: Path):
    asset, article = ready(), Article.objects.create()
    attach(article, "cover", asset)
    assert detach(article, "cover") == 1
    drain_jobs()
    assert not Asset.objects.filter(pk=asset.pk).exists()
    assert files_in(media_folder) == set()
    assert set(StoredObject.objects.values_list("state", flat=True)) == {"gone"}


def test_every_committed_transition_is_told_once_with_its_real_names(events: Recorder):
    asset = ready()
    told = [(each["from"], each["to"]) for each in events.named("rindle.asset.state_change")]
    written = Transition.objects.filter(asset_id=asset.pk, subject="asset").exclude(from_state="")
    assert told == list(written.order_by("id").values_list("from_state", "to_state"))
    for metadata in events.named("rindle.variant.state_change"):
        assert (metadata["profile"], metadata["adapter"]) == ("photo", "filesystem")
    assert len(events.named("rindle.upload.start")) == len(events.named("rindle.upload.stop")) == 1


def test_small_variants_are_there_before_large_ones():
    asset = ready(picture(2000, 1500))
    by_time = asset.variants.order_by("generated_at").values_list("name", flat=True)
    assert list(by_time) == ["thumb", "medium", "large"]
