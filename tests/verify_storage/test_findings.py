"""What is found on either side, and what becomes of it on the second run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from rindle_django import jobs
from rindle_django.models import Sighting, StoredObject, Variant
from rindle_django.operations.verify.findings import FINDINGS, origin_of
from rindle_django.purge import discard, purge
from rindle_django.storage import PREFIXES, adapter_for
from rindle_django.testing import Recorder, drain_jobs
from tests.kit import arrive, files_in, fresh, promise, queued_jobs, ready, stage, variant_states
from tests.rows import object_in
from tests.verify_storage.scene import (
    STRAY,
    gallery,
    key_of_ours,
    keys_in,
    lost,
    planned,
    sighted,
    stray,
    unchanged,
    variant,
    verify,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_where_all_is_well_nothing_is_found():
    gallery(2)
    report = verify()
    assert report.keys_listed == report.rows_compared == 8
    assert (report.failures, report.due, report.storages_finished) == (0, 0, 1)
    assert sighted() == set()


# --- objects without rows ----------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["incoming", "originals", "variants"])
def test_an_orphan_is_deleted_when_a_second_run_sees_it(prefix: str):
    gallery()
    orphan = stray(key_of_ours(prefix))

    assert verify().orphans_found == 1
    assert orphan in keys_in()
    assert sighted("orphan") == {orphan}

    report = verify()
    assert (report.objects_adopted, report.objects_deleted) == (1, 1)
    assert orphan not in keys_in()
    assert sighted() == set()


def test_a_deleted_orphan_leaves_a_receipt():
    gallery()
    orphan = stray()
    verify()
    verify()

    receipt = StoredObject.objects.get(key=orphan)
    origin = origin_of(orphan)
    assert origin is not None
    assert (receipt.state, receipt.purpose, receipt.asset_id) == ("gone", *origin)
    assert receipt.gone_at is not None


def test_an_orphan_of_a_living_asset_takes_nothing_else_along():
    [asset] = gallery()
    before = keys_in()
    stray(key_of_ours("originals", asset.pk))
    verify()
    verify()

    assert keys_in() == before
    assert fresh(asset).state == "ready"


def test_an_orphan_that_somebody_removed_is_forgotten():
    gallery()
    orphan = stray()
    verify()
    adapter_for("default").delete([orphan])

    assert verify().objects_adopted == 0
    assert sighted() == set()


def test_an_orphan_that_comes_back_starts_over():
    gallery()
    orphan = stray()
    verify()
    adapter_for("default").delete([orphan])
    verify()
    stray(orphan)

    assert verify().objects_adopted == 0
    assert orphan in keys_in()


def test_what_is_young_is_not_even_sighted():
    gallery()
    stray()
    report = verify(rules={"min_age": 60})
    assert (report.keys_listed, report.orphans_found) == (5, 0)
    assert sighted() == set()


def test_two_sightings_must_lie_apart():
    gallery()
    orphan = stray()
    for _ in range(3):
        verify(rules={"apart": 3600})
    assert orphan in keys_in()
    assert Sighting.objects.get().last_run == 3


def test_a_deletion_that_the_storage_refuses_is_kept_and_tried_again(sky):
    gallery()
    orphan = stray()
    verify()
    sky.break_down("delete")

    report = verify()
    assert (report.storage_errors, report.objects_deleted) == (1, 0)
    assert StoredObject.objects.get(key=orphan).state == "doomed"

    sky.clear_up()
    purge(StoredObject.objects.get(key=orphan).asset_id)
    assert orphan not in keys_in()


@pytest.mark.parametrize(
    "key",
    [
        "variants/readme.txt",
        "originals/asset/object.jpg",
        "incoming/ab/00000000-0000-0000-0000-000000000000/00000000-0000-0000-0000-000000000000",
    ],
)
def test_what_we_could_not_have_made_is_reported_and_stays(key: str):
    gallery()
    stray(key)
    for _ in range(3):
        report = verify()
        assert (report.foreign_found, report.failures) == (1, 0)
    assert key in keys_in()


def test_names_that_are_no_text_stop_nothing(media_folder: Path):
    gallery()
    orphan = stray()
    for name in (b"originals/\xff\xfe", b"variants/\xff\xfe", b"variants/\xf0\x9f\x98\x80"):
        (media_folder / os.fsdecode(name)).write_bytes(b"x")
    (media_folder / "variants" / "Not Ours").mkdir()
    (media_folder / "variants" / "Not Ours" / "Thumbs.db").write_bytes(b"x")

    assert verify(limit=1).storages_unfinished == 1
    assert verify().foreign_found + verify(limit=1000).foreign_found == 8
    assert orphan not in keys_in()
    assert len(list((media_folder / "originals").iterdir())) == 2


def test_what_lies_outside_our_folders_is_not_ours(media_folder: Path):
    gallery()
    (media_folder / "backup").mkdir()
    for place in ("backup/a", "note.txt", ".rindle-tmp/rindle-0.part"):
        (media_folder / place).write_bytes(b"x")
    assert verify().failures == 0
    assert sighted() == set()


# --- objects under keys that are gone ----------------------------------------------------------


def test_what_reappears_under_a_key_that_is_gone_is_deleted_again():
    [asset, _] = gallery(2)
    keys = set(
        StoredObject.objects.filter(asset=asset, state="present").values_list("key", flat=True)
    )
    discard(asset.pk)
    drain_jobs(early=True)
    undead = min(keys)
    receipt = StoredObject.objects.get(key=undead)
    assert receipt.state == "gone"
    stray(undead)

    assert verify().undead_found == 1
    assert undead in keys_in()
    assert verify().objects_deleted == 1
    assert undead not in keys_in()
    again = StoredObject.objects.get(key=undead)
    assert again.gone_at is not None
    assert receipt.gone_at is not None
    assert again.gone_at > receipt.gone_at


def test_what_cannot_be_deleted_again_is_told(sky):
    gallery()
    stored = object_in("gone")
    stray(stored.key)
    verify()
    sky.break_down("delete")
    assert verify().failures == 1
    sky.clear_up()
    verify()
    verify()
    assert stored.key not in keys_in()


# --- rows on their way -------------------------------------------------------------------------


def test_what_is_expected_or_doomed_is_left_to_its_own(media_folder: Path):
    gallery()
    for state in ("expected", "doomed"):
        stray(object_in(state).key)
        object_in(state)
    before = files_in(media_folder)
    for _ in range(3):
        assert verify().failures == 0
    assert sighted() == set()
    assert files_in(media_folder) == before


def test_uploads_under_way_are_no_findings():
    gallery()
    promise()
    ticket = promise()
    stage(ticket.asset_id, b"half a picture")
    arrive(b"to be promoted")
    for _ in range(2):
        assert verify().due == 0
    assert sighted() == set()


# --- rows without objects ----------------------------------------------------------------------


def test_a_variant_that_is_lost_is_marked_on_the_second_run():
    [asset] = gallery()
    stored = lost(variant(asset).object)

    assert verify().missing_found == 1
    assert variant(asset).state == "ready"

    assert verify().variants_marked == 1
    marked = variant(asset)
    assert (marked.state, marked.object, marked.reason_code) == ("missing", None, "object_missing")
    assert fresh(asset).state == "degraded"
    drain_jobs(early=True)
    stored.refresh_from_db()
    assert stored.state == "gone"


def test_a_missing_variant_is_made_again_if_wanted(events: Recorder):
    asset = ready()
    lost(variant(asset).object)
    verify()

    report = verify(regenerate_missing=True)
    assert report.variants_requeued == 1
    assert [job["variant_name"] for job in queued_jobs(jobs.PROCESS.name)] == ["thumb"]
    drain_jobs(early=True)
    made = variant(asset)
    assert made.state == "ready"
    assert made.object is not None
    assert made.object.key in keys_in()
    assert fresh(asset).state == "ready"
    assert ("ready", "missing") in [
        (told["from"], told["to"]) for told in events.named("rindle.variant.state_change")
    ]


def test_variants_that_were_marked_earlier_are_made_again_too():
    asset = ready()
    lost(variant(asset).object)
    verify()
    verify()
    assert verify(regenerate_missing=True).variants_requeued == 1
    drain_jobs(early=True)
    assert variant_states(asset)["thumb"] == "ready"


def test_nothing_is_made_again_without_its_original():
    [asset] = gallery()
    lost(variant(asset).object)
    lost(asset.original)
    verify()
    assert verify(regenerate_missing=True).variants_requeued == 0
    assert variant(asset).state == "missing"


def test_what_is_shown_while_it_is_made_anew_is_shown_no_more_when_lost():
    [asset] = gallery()
    before = variant(asset)
    Variant.objects.filter(pk=before.pk).update(state="stale")
    stored = lost(before.object)
    verify()
    verify()
    after = variant(asset)
    assert (after.state, after.object, after.servable) == ("stale", None, False)
    stored.refresh_from_db()
    assert stored.state == "doomed"


def test_a_variant_that_came_back_is_not_marked():
    [asset] = gallery()
    stored = lost(variant(asset).object)
    verify()
    stray(stored.key)
    StoredObject.objects.filter(pk=stored.pk).update(byte_size=len(STRAY))
    assert verify().variants_marked == 0
    assert variant(asset).state == "ready"


def test_an_original_that_is_lost_is_told_of_and_nothing_changes():
    [asset] = gallery()
    stored = lost(asset.original)
    first = verify()
    assert (first.missing_originals_found, first.failures) == (1, 1)
    again = verify()
    assert (again.missing_originals_found, again.failures) == (1, 1)
    assert fresh(asset).state == "ready"
    stored.refresh_from_db()
    assert stored.state == "present"
    assert set(variant_states(asset).values()) == {"ready"}


def test_an_upload_that_vanished_is_left_to_its_promotion():
    gallery()
    asset = arrive(b"no picture")
    staging = lost(StoredObject.objects.get(asset=asset, purpose="staging"))
    for _ in range(2):
        report = verify()
        assert (report.missing_uploads_found, report.failures) == (1, 0)
    staging.refresh_from_db()
    assert staging.state == "present"


def test_another_size_than_was_stored_is_told_of():
    [asset] = gallery()
    stored = lost(variant(asset).object)
    stray(stored.key)
    report = verify()
    assert (report.altered_found, report.failures) == (1, 1)
    assert variant(asset).state == "ready"


# --- what is told ------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_tells_what_would_be_done():
    [asset] = gallery()
    orphan, other = stray(), key_of_ours()
    missing = lost(variant(asset).object)

    with unchanged():
        assert planned(dry_run=True) == {
            orphan: ("orphan", "wait"),
            missing.key: ("missing", "wait"),
        }
    verify()
    stray(other)
    with unchanged():
        assert planned(dry_run=True) == {
            orphan: ("orphan", "delete"),
            missing.key: ("missing", "mark"),
            other: ("orphan", "wait"),
        }
    assert orphan in keys_in()


def test_every_run_is_told_in_numbers(events: Recorder):
    gallery()
    stray()
    verify(dry_run=True)
    verify()
    told = events.named("rindle.cleanup.run")
    assert [(each["worker"], each["dry_run"]) for each in told] == [
        ("verify_storage", True),
        ("verify_storage", False),
    ]
    counted = next(numbers for name, numbers, _ in reversed(events.emitted) if "cleanup" in name)
    assert (counted["keys_listed"], counted["orphans_found"]) == (5, 1)


def test_every_storage_that_is_used_is_verified(settings: Settings, tmp_path: Path):
    from rindle_django.operations.verify import verify_storage

    gallery()
    (tmp_path / "public").mkdir()
    report = verify_storage()
    assert (report.storages_finished, report.storages_unknown) == (2, 0)


def test_a_storage_that_was_taken_from_the_settings_is_unknown():
    gallery()
    StoredObject.objects.filter(purpose="variant").update(storage="given-up")
    report = verify("given-up")
    assert (report.storages_unknown, report.failures) == (1, 1)


def test_keys_of_the_ledger_are_told_from_all_others():
    for purpose, prefix in PREFIXES.items():
        stored = object_in("expected")
        key = f"{prefix}/{stored.key.split('/', 1)[1]}"
        assert origin_of(key) == (purpose, stored.asset_id)
    for key in ("variants", "variants/", stored.key.upper(), f"x/{stored.key}", f"{stored.key}/x"):
        assert origin_of(key) is None


def test_the_documentation_names_every_finding():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "maintenance.md").read_text()
    assert [name for name in FINDINGS if f"| `{name}` |" not in page] == []
