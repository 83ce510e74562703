"""The profile's whole policy holds on every road an upload can take."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rindle_django import ImageRecipe, upload, url, variant_url
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.reconcile import reconcile
from rindle_django.profiles import get_profile
from rindle_django.testing import drain_jobs
from tests.kit import (
    JPEG,
    arrive,
    code_of,
    declared,
    edges,
    files_in,
    fresh,
    ledger_keys,
    named,
    picture,
    queued_jobs,
    settle,
    variant_states,
)
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)

PNG = picture(64, 48, "PNG")
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".pdf": "application/pdf"}


def by_ticket(profile: str, content: bytes, name: str) -> Asset:
    content_type = TYPES[Path(name).suffix]
    return arrive(content, profile=profile, filename=name, content_type=content_type)


def by_server(profile: str, content: bytes, name: str) -> Asset:
    return upload(profile, named(content, name))


@pytest.fixture(params=[by_ticket, by_server], ids=["ticket", "server"])
def send(request: pytest.FixtureRequest) -> Any:
    """Sends a file to a profile by either road, and has it looked at."""

    def sent(profile: str, content: bytes, name: str) -> Asset:
        asset = request.param(profile, content, name)
        drain_jobs()
        return fresh(asset)

    return sent


def verdict(asset: Asset) -> tuple[str, str]:
    return asset.state, asset.reason_code


class Scanner:
    """A scanner that finds one word, and remembers what it was shown."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.shown: list[str] = []
        self.trouble = trouble

    def scan(self, path: Path) -> str | None:
        content = path.read_bytes()
        self.shown.append(hashlib.sha256(content).hexdigest())
        if self.trouble is not None:
            raise self.trouble
        return "EICAR" if b"EICAR" in content else None


INFECTED = JPEG + b"EICAR"


# --- each rule, on each road -------------------------------------------------------------------


def test_what_keeps_to_the_policy_passes(send: Any):
    assert verdict(send("tiny", picture(100, 100, "PNG"), "a.png")) == ("ready", "")


def test_a_type_that_is_not_allowed_is_quarantined__U5_X2(send: Any):
    assert verdict(send("tiny", JPEG, "a.png")) == ("quarantined", "mime_not_allowed")


def test_a_name_that_lies_is_quarantined__U5_X2(send: Any):
    assert verdict(send("photo", PNG, "a.jpg")) == ("quarantined", "extension_mismatch")


def test_pixels_are_measured_never_believed__X3(send: Any):
    assert verdict(send("tiny", picture(101, 100, "PNG"), "a.png")) == (
        "quarantined",
        "pixels_exceeded",
    )


def test_a_profile_that_became_stricter_is_obeyed__U5(send: Any):
    with declared("shrinking", max_bytes=len(JPEG)) as profile:
        road = send
        assert verdict(road("shrinking", JPEG, "a.jpg")) == ("ready", "")
        asset = by_ticket("shrinking", JPEG, "a.jpg")
        profile.max_bytes = len(JPEG) - 1
        drain_jobs()
        assert verdict(fresh(asset)) == ("quarantined", "bytes_exceeded")


def test_a_scanners_verdict_quarantines__X1(send: Any):
    scanner = Scanner()
    with declared("scanned", scanner=scanner):
        assert verdict(send("scanned", JPEG, "a.jpg")) == ("ready", "")
        asset = send("scanned", INFECTED, "a.jpg")
    assert verdict(asset) == ("quarantined", "scanner_refused")
    assert asset.reason == "The scanner refused the file: EICAR."
    assert scanner.shown == [hashlib.sha256(each).hexdigest() for each in (JPEG, INFECTED)]


def test_what_is_unknown_is_quarantined_with_a_code_of_its_own__X5(send: Any):
    assert verdict(send("plain", b"\x00\x01\x02 nothing known", "a.jpg")) == (
        "quarantined",
        "type_unknown",
    )


def test_a_document_is_taken_where_the_profile_lists_it__X5(send: Any):
    asset = send("plain", b"%PDF-1.7\n%%EOF\n", "a.pdf")
    assert verdict(asset) == ("ready", "")
    assert (asset.kind, asset.width, asset.pages) == ("document", None, None)


# --- what a verdict does -----------------------------------------------------------------------


def test_a_quarantined_asset_is_served_by_nothing_and_keeps_its_bytes__X8(media_folder: Path):
    asset = by_ticket("photo", PNG, "a.jpg")
    drain_jobs()
    asset = fresh(asset)
    assert code_of(url, asset) == code_of(variant_url, asset, "thumb") == "not_deliverable"
    assert asset.original is None
    assert asset.variants.count() == 0
    staging = StoredObject.objects.get(asset=asset, purpose="staging")
    assert (media_folder / staging.key).read_bytes() == PNG
    assert queued_jobs() == []


def test_a_late_verdict_takes_the_frozen_copy_back(media_folder: Path):
    """The scanner speaks after the bytes were frozen; the copy does not stay."""
    with declared("scanned", scanner=Scanner()):
        asset = by_ticket("scanned", INFECTED, "a.jpg")
        drain_jobs()
    assert fresh(asset).state == "quarantined"
    settle(asset.pk)
    assert reconcile().abandoned == 1
    drain_jobs(early=True)
    assert not any(key.startswith("originals/") for key in files_in(media_folder))
    assert files_in(media_folder) == ledger_keys("present")


def test_a_scanner_that_fails_says_nothing_about_the_file__X1_U19(settings: Any):
    settings.RINDLE = {**settings.RINDLE, "BACKOFF_BASE": 0}
    broken = Scanner(trouble=ConnectionError("clamd is away: socket:/run/secret"))
    with declared("scanned", scanner=broken) as profile:
        asset = by_ticket("scanned", JPEG, "a.jpg")
        drain_jobs()
        assert verdict(fresh(asset)) == ("analyzing", "scanner_unavailable")
        assert fresh(asset).reason == "The scanner gave no verdict: ConnectionError."
        assert len(broken.shown) == 3
        profile.scanner = Scanner()
        drain_jobs(early=True)
        assert verdict(fresh(asset)) == ("ready", "")


def test_the_stored_type_is_the_sniffed_one_not_the_clients__X9(sky: Sky):
    asset = arrive(PNG, filename="a.png", content_type="image/jpeg")
    drain_jobs()
    [(_, options)] = sky.arguments_of("copy")
    assert options["content_type"] == fresh(asset).content_type == "image/png"
    assert options["cache_control"] == "private, max-age=3600"
    assert StoredObject.objects.get(asset=asset, purpose="original").key.endswith(".png")


# --- variants ----------------------------------------------------------------------------------


def test_only_variants_that_apply_to_the_kind_are_planned__P7():
    with declared(
        "mixed",
        content_types=("image/jpeg", "application/pdf"),
        variants={"thumb": ImageRecipe(width=20), "big": ImageRecipe(width=40)},
    ):
        paper = by_ticket("mixed", b"%PDF-1.7\n%%EOF\n", "a.pdf")
        photo = by_ticket("mixed", JPEG, "a.jpg")
        drain_jobs()
        assert verdict(fresh(paper)) == ("ready", "")
        assert variant_states(paper) == {}
        assert variant_states(photo) == {"thumb": "ready", "big": "ready"}


def test_an_asset_is_read_once_for_promotion_and_once_for_all_variants__X10_U23(sky: Sky):
    asset = by_ticket("photo", picture(), "a.jpg")
    drain_jobs()
    assert variant_states(asset) == dict.fromkeys(["thumb", "medium", "large"], "ready")
    assert sky.calls["download"] == 2


def test_the_size_is_bounded_before_anything_is_read__X10(sky: Sky):
    with declared("shrinking", max_bytes=len(JPEG)) as profile:
        asset = by_ticket("shrinking", JPEG, "a.jpg")
        profile.max_bytes = 10
        drain_jobs()
    assert verdict(fresh(asset)) == ("quarantined", "bytes_exceeded")
    assert sky.calls["read_range"] == sky.calls["copy"] == sky.calls["download"] == 0


def test_asset_and_variants_become_visible_together__P7():
    asset = by_ticket("photo", JPEG, "a.jpg")
    drain_jobs(queues=["rindle_promote"])
    assert fresh(asset).state == "processing"
    assert variant_states(asset) == dict.fromkeys(["thumb", "medium", "large"], "queued")
    assert len(queued_jobs("rindle:process_variant")) == 1
    assert edges(asset)[-2:] == ["promoting>available", "available>processing"]


def test_the_served_variant_is_what_the_recipe_says(media_folder: Path):
    asset = by_ticket("tiny", picture(100, 50, "PNG"), "a.png")
    drain_jobs()
    variant = asset.variants.select_related("object").get(name="dot")
    assert variant.recipe_digest == variant.published_digest
    assert variant.recipe_digest == get_profile("tiny").recipe("dot").digest()
    assert variant.object is not None
    with Image.open(media_folder / variant.object.key) as image:
        assert (image.format, image.size) == ("PNG", (10, 5))
