"""Reprobe: what is known of an original is what its bytes say, if they still are its bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rindle_django import attach, detach
from rindle_django.errors import TransientFailure
from rindle_django.models import Asset, Repair, StoredObject
from rindle_django.operations.repair import reprobe
from rindle_django.testing import Recorder, drain_jobs
from tests.app.models import Article
from tests.kit import arrive, fresh, picture, ready, refused
from tests.repair.rows import everything
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
DRIFT = {"width": 1, "height": None, "pages": 7, "has_alpha": None, "content_type": "image/png"}


def drifted(**fields: object) -> Asset:
    asset = ready()
    Asset.objects.filter(pk=asset.pk).update(**DRIFT | fields)
    return fresh(asset)


def file_of(asset: Asset, folder: Path) -> Path:
    assert asset.original is not None
    return folder / asset.original.key


def test_what_drifted_is_read_from_the_bytes_again():
    asset = drifted()
    report = reprobe(asset.pk)
    assert report.result == "changed"
    assert report.changes["width"] == {"from": 1, "to": 640}
    assert set(report.changes) == set(DRIFT)
    found = fresh(asset)
    assert (found.width, found.height, found.pages) == (640, 480, 1)
    assert (found.has_alpha, found.content_type) == (False, "image/jpeg")
    assert found.updated_at > asset.updated_at
    assert found.state == "ready"


def test_a_dry_run_says_the_same_and_writes_nothing():
    asset = drifted()
    before = everything()
    dry = reprobe(asset.pk, dry_run=True)
    assert everything() == before
    assert dry.changes == reprobe(asset.pk).changes
    assert reprobe(asset.pk).result == "unchanged"


def test_what_the_project_wrote_into_metadata_is_kept__C2_17():
    asset = drifted(metadata={"caption": "At sea", "tags": ["a"]})
    reprobe(asset.pk)
    assert fresh(asset).metadata == {"caption": "At sea", "tags": ["a"]}


def test_only_what_was_probed_is_written_whatever_changed_meanwhile__C2_17(sky: Sky):
    asset = drifted()

    def meanwhile() -> None:
        Asset.objects.filter(pk=asset.pk).update(metadata={"caption": "new"}, filename="new.jpg")

    sky.before("download", meanwhile)
    reprobe(asset.pk)
    found = fresh(asset)
    assert (found.metadata, found.filename, found.width) == ({"caption": "new"}, "new.jpg", 640)


def test_each_asset_is_read_from_its_own_storage__C2_17():
    asset = ready(profile="open")
    Asset.objects.filter(pk=asset.pk).update(width=1)
    assert asset.storage == "public"
    assert reprobe(asset.pk).changes == {"width": {"from": 1, "to": 640}}


@pytest.mark.parametrize("damage", ["other bytes", "more bytes", "cut short"])
def test_a_corrupt_original_is_named_and_nothing_is_refreshed(damage: str, media_folder: Path):
    asset = drifted()
    file = file_of(asset, media_folder)
    original = file.read_bytes()
    damaged = {
        "other bytes": picture(10, 10).ljust(len(original), b"\0")[: len(original)],
        "more bytes": original + b"more",
        "cut short": original[:-100],
    }[damage]
    file.write_bytes(damaged)
    report = reprobe(asset.pk)
    assert report.result == "source_altered"
    assert "Restore the object, or discard the asset" in report.finding
    assert report.changes == {}
    assert fresh(asset).width == 1
    file.write_bytes(original)
    assert reprobe(asset.pk).result == "changed"


def test_a_lost_original_is_told_apart_from_a_corrupt_one(media_folder: Path):
    asset = ready()
    file = file_of(asset, media_folder)
    original = file.read_bytes()
    file.unlink()
    assert reprobe(asset.pk).result == "source_missing"
    file.write_bytes(original)
    assert reprobe(asset.pk).result == "unchanged"


def test_what_it_found_is_on_record_too__D10(media_folder: Path):
    asset = ready()
    file = file_of(asset, media_folder)
    original = file.read_bytes()
    file.write_bytes(b"x" * len(original))
    reprobe(asset.pk)
    file.write_bytes(original)
    reprobe(asset.pk)
    rows = Repair.objects.filter(asset_id=asset.pk).order_by("id")
    assert [row.result for row in rows] == ["source_altered", "unchanged"]


def test_a_storage_that_does_not_answer_says_nothing_about_the_bytes(sky: Sky, events: Recorder):
    asset = drifted()
    sky.break_down("download")
    with pytest.raises(TransientFailure):
        reprobe(asset.pk)
    sky.clear_up()
    assert fresh(asset).width == 1
    assert not Repair.objects.exists()
    (told,) = events.named("rindle.repair.exception")
    assert (told["operation"], told["result"]) == ("reprobe", "failed")
    assert told["reason_code"] == "storage_unavailable"


@pytest.mark.parametrize("end", ["detached and purged", "original replaced"])
def test_an_asset_that_ends_or_changes_while_it_is_read_is_left_alone(end: str, sky: Sky):
    asset, article = drifted(), Article.objects.create()
    attach(article, "cover", asset)

    def meanwhile() -> None:
        sky.clear_up()
        if end == "detached and purged":
            detach(article, "cover")
            drain_jobs()
        else:
            Asset.objects.filter(pk=asset.pk).update(original=spare)

    assert asset.original is not None
    spare = StoredObject.objects.create(
        asset=asset, purpose="original", storage="default", key="originals/spare"
    )
    StoredObject.objects.filter(pk=spare.pk).update(state="present")
    sky.before("download", meanwhile)
    with refused("asset_not_found" if end == "detached and purged" else "asset_changed"):
        reprobe(asset.pk)
    assert not Repair.objects.exists()
    if end == "original replaced":
        Asset.objects.filter(pk=asset.pk).update(original=asset.original)
        assert fresh(asset).width == 1
        StoredObject.objects.filter(pk=spare.pk).delete()


def test_what_was_never_verified_has_nothing_to_be_reprobed():
    asset = arrive(picture())
    with refused("asset_not_verified"):
        reprobe(asset.pk)
    drain_jobs()


@pytest.mark.parametrize("bad", ["", "nonsense", "\x00", None])
def test_what_is_no_id_is_no_asset__C2_30(bad: str | None):
    with refused("asset_not_found"):
        reprobe(bad)  # type: ignore[arg-type]
