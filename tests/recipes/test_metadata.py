"""What is not known of originals is read again, and added to what is."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from pytest_django import Settings

from rindle_django.models import Asset, Checkpoint
from rindle_django.operations.recipes import BackfillReport, backfill_metadata
from rindle_django.progress import followed_by
from tests.commands.running import json_of, run
from tests.crowd import Doze, Somebody
from tests.kit import fresh, picture, ready, refused

pytestmark = pytest.mark.django_db(transaction=True)


def forgotten(*, profile: str = "plain", **metadata: object) -> Asset:
    """An asset from before its size was written down."""
    asset = ready(picture(64, 48), profile=profile)
    unknown = {"width": None, "height": None, "pages": None, "has_alpha": None}
    Asset.objects.filter(pk=asset.pk).update(**unknown, metadata=metadata)
    return asset


def backfill(**options: object) -> BackfillReport:
    return backfill_metadata(dry_run=False, **options)  # type: ignore[arg-type]


def test_what_is_missing_is_added_and_the_rest_stays__C2_17():
    asset = forgotten(caption="Sea", probe={"lens": "50 mm"})
    report = backfill()
    assert (report.found, report.updated, report.errors) == (1, 1, 0)
    found = fresh(asset)
    assert (found.width, found.height, found.pages, found.has_alpha) == (64, 48, 1, False)
    assert found.metadata == {"caption": "Sea", "probe": {"lens": "50 mm", "orientation": 1}}


def test_a_preview_counts_and_changes_nothing__C1_3():
    asset = forgotten()
    before = list(Asset.objects.values())
    assert json_of("rindle_backfill_metadata")["found"] == 1
    assert list(Asset.objects.values()) == before
    assert fresh(asset).width is None


def test_what_is_known_is_not_read_again(django_assert_num_queries: object):
    ready(picture(64, 48), profile="plain")
    assert backfill().found == 0
    assert backfill(everything=True).found == 1


def test_what_somebody_writes_meanwhile_is_kept__C2_17(monkeypatch: pytest.MonkeyPatch):
    """The row is written as it is then, not as it was before the download."""
    from rindle_django.operations.recipes import metadata

    asset, doze, probe = forgotten(), Doze(), metadata._probe

    def slowly(row: Asset) -> object:
        header = probe(row)
        doze()
        return header

    monkeypatch.setattr(metadata, "_probe", slowly)
    run_beside = Somebody(backfill)
    doze.during(lambda: Asset.objects.filter(pk=asset.pk).update(metadata={"caption": "Sea"}))
    assert run_beside.answer().updated == 1
    assert fresh(asset).metadata == {"caption": "Sea", "probe": {"orientation": 1}}


def test_each_asset_is_read_from_its_own_storage__C2_17(tmp_path: Path, settings: Settings):
    old = forgotten()
    assert old.original is not None
    moved = tmp_path / "elsewhere"
    (tmp_path / "default").rename(moved)
    (tmp_path / "default").mkdir()
    settings.STORAGES = {
        **settings.STORAGES,
        "elsewhere": {
            "BACKEND": f"{FileSystemStorage.__module__}.FileSystemStorage",
            "OPTIONS": {"location": moved},
        },
    }
    Asset.objects.filter(pk=old.pk).update(storage="elsewhere")
    old.objects_ledger.update(storage="elsewhere")
    new = forgotten()
    assert backfill().updated == 2
    assert fresh(old).width == fresh(new).width == 64


def test_one_that_cannot_be_read_costs_the_others_nothing__C2_12(media_folder: Path):
    lost, altered, fine = forgotten(), forgotten(), forgotten()
    assert lost.original is not None
    assert altered.original is not None
    (media_folder / lost.original.key).unlink()
    (media_folder / altered.original.key).chmod(0o600)
    (media_folder / altered.original.key).write_bytes(picture(64, 49))
    report = backfill()
    assert (report.found, report.updated, report.errors) == (3, 1, 2)
    assert report.reasons["checksum_mismatch"] == 1
    assert fresh(fine).width == 64
    (media_folder / altered.original.key).write_bytes(picture(64, 48))
    said = run("rindle_backfill_metadata", "--no-dry-run")
    assert said.code == 1
    assert "errors: 1" in said.out
    Asset.objects.filter(pk=lost.pk).delete()
    lost.objects_ledger.all().delete()


def test_profiles_narrow_it():
    forgotten()
    with refused("unknown_profile"):
        backfill(profile="plane")
    assert backfill(profile="photo").found == 0
    assert backfill(profile=["photo", "plain"]).updated == 1


def interrupted_after(count: int, **options: object) -> None:
    heard: list[int] = []

    def stop(done: int, of: int | None) -> None:
        heard.append(done)
        if len(heard) == count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), followed_by(stop):
        backfill(**options)


def test_an_interrupted_run_is_gone_on_with__C2_10_W1_21():
    for _ in range(3):
        forgotten()
    interrupted_after(2)
    assert backfill().found == 1


def test_a_pass_over_everything_goes_on_where_it_was_stopped__C2_10_W1_21():
    for _ in range(4):
        ready(picture(64, 48), profile="plain")
    interrupted_after(3, everything=True)
    assert backfill(everything=True, profile="plain").found == 4  # another pass
    assert backfill(everything=True, limit=1).found == 1
    assert backfill(everything=True).found == 1
    assert not Checkpoint.objects.exists()
    assert backfill(everything=True).found == 4


def test_a_pass_can_begin_anew():
    for _ in range(2):
        ready(picture(64, 48), profile="plain")
    interrupted_after(1, everything=True)
    assert backfill(everything=True, from_start=True).found == 2
