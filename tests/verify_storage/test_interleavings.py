"""What happens between a sighting and what follows from it: the live wins, always."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from rindle_django import attach, detach, ledger, requeue_variants, upload
from rindle_django.models import StoredObject
from rindle_django.operations.verify import compare, remedy
from rindle_django.operations.verify.findings import origin_of
from rindle_django.purge import discard
from rindle_django.storage.folder import Folder
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.crowd import Somebody, wait_until_blocked
from tests.kit import JPEG, fresh, named, ready
from tests.rows import asset_in
from tests.verify_storage.scene import (
    STRAY,
    at_odds,
    gallery,
    key_of_ours,
    keys_in,
    lost,
    sighted,
    stray,
    variant,
    verify,
)

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def just_before(owner: Any, name: str, act: Callable[[], object]) -> Iterator[None]:
    """``act`` happens once, right before the next call of that step."""
    step, turn = getattr(owner, name), iter([act])

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        for each in turn:
            each()
        return step(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, meanwhile)
        yield


def written_down(key: str) -> StoredObject:
    """The row of an object, as its writer's commit brings it, present."""
    origin = origin_of(key)
    assert origin is not None
    stored = StoredObject.objects.create(
        asset=asset_in("ready"), purpose=origin[0], storage="default", key=key
    )
    StoredObject.objects.filter(pk=stored.pk).update(state="present", byte_size=len(STRAY))
    return stored


# --- orphans -----------------------------------------------------------------------------------


def test_an_orphan_that_gets_its_row_between_the_runs_stays():
    gallery()
    key = stray()
    verify()
    written_down(key)
    assert verify().objects_adopted == 0
    assert key in keys_in()
    assert sighted() == set()


def test_an_orphan_that_gets_its_row_after_the_second_sighting_stays():
    gallery()
    key = stray()
    verify()
    with just_before(ledger, "adopt", lambda: written_down(key)):
        report = verify()
    assert (report.due, report.objects_adopted) == (1, 0)
    assert key in keys_in()
    assert StoredObject.objects.get(key=key).state == "present"


def test_of_adoption_and_a_writer_at_the_same_moment_the_first_wins():
    """Both insert the key; the second waits for the first one's commit and finds it taken."""
    gallery()
    key = stray()
    verify()
    with transaction.atomic():
        written_down(key)
        verifier = Somebody(verify)
        wait_until_blocked()
    assert verifier.answer().objects_adopted == 0
    assert key in keys_in()
    assert StoredObject.objects.get(key=key).state == "present"


def test_an_upload_that_begins_and_ends_during_the_listing_is_no_orphan():
    """The ledger's page was read before the upload, the storage's behind it after."""
    gallery()

    listed = Folder.listed

    def late(self: Folder, after: str, operation: str) -> Iterator[Any]:
        upload("photo", named(JPEG, "photo.jpg"))
        drain_jobs()
        yield from listed(self, after, operation)

    for _ in range(2):
        rows = iter(list(compare._recorded("default", "")))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(compare, "_recorded", lambda *_, rows=rows: rows)
            patched.setattr(Folder, "listed", late)
            report = verify()
        assert report.keys_listed == report.rows_compared + 4
        assert (report.orphans_found, report.missing_found) == (0, 0)
    assert sighted() == set()
    assert at_odds() == []


def test_an_upload_that_ends_between_the_ledger_and_the_look_up_is_no_orphan():
    gallery()
    before = compare._side_by_side
    born: list[str] = []

    def meanwhile(alias: str, after: str) -> Iterator[Any]:
        yield from before(alias, after)
        born.append(stray())
        held = next(
            thing
            for row, thing in before(alias, after)
            if thing is not None and thing.key == born[0]
        )
        yield None, held
        written_down(born[0])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compare, "_side_by_side", meanwhile)
        assert verify().orphans_found == 0
    assert born[0] in keys_in()


# --- variants that seem to be missing ----------------------------------------------------------


def test_an_asset_that_is_purged_during_the_scan_is_not_marked():
    """Its rows were read as present; then it was discarded, and its objects were not listed."""
    [asset, other] = gallery(2)
    listed, turn = Folder.listed, iter([asset.pk])

    def late(self: Folder, after: str, operation: str) -> Iterator[Any]:
        for each in turn:
            discard(each)
            drain_jobs(early=True)
        yield from listed(self, after, operation)

    recorded = list(compare._recorded("default", ""))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compare, "_recorded", lambda *_: iter(recorded))
        patched.setattr(Folder, "listed", late)
        for _ in range(2):
            report = verify()
            assert (report.missing_found, report.variants_marked) == (0, 0)
    assert sighted() == set()
    assert fresh(other).state == "ready"


def test_a_variant_that_is_made_anew_after_its_sighting_is_not_marked():
    asset = ready()
    stored = lost(variant(asset).object)
    verify()

    def made_anew() -> None:
        row = variant(asset)
        type(row).objects.filter(pk=row.pk).update(state="stale")
        requeue_variants(asset.pk, ["thumb"])
        drain_jobs(early=True)

    with just_before(remedy, "_mark", made_anew):
        assert verify().variants_marked == 0
    after = variant(asset)
    assert after.state == "ready"
    assert after.object != stored
    assert at_odds() == []


def test_marking_waits_for_whoever_decides_about_the_asset():
    [asset] = gallery()
    lost(variant(asset).object)
    verify()
    with transaction.atomic():
        type(asset).objects.select_for_update().get(pk=asset.pk)
        verifier = Somebody(verify)
        wait_until_blocked()
        discard(asset.pk)
    assert verifier.answer().variants_marked == 0
    assert fresh(asset).state == "deleted"
    drain_jobs(early=True)
    assert at_odds() == []


def test_attaching_and_detaching_during_a_scan_disturbs_nothing():
    asset = ready()
    article = Article.objects.create()
    lost(variant(asset).object)
    orphan = stray(key_of_ours("originals", asset.pk))
    verify()
    with (
        just_before(ledger, "adopt", lambda: attach(article, "cover", asset)),
        just_before(remedy, "_mark", lambda: detach(article, "cover")),
    ):
        report = verify()
    assert (report.objects_deleted, report.variants_marked) == (1, 1)
    assert orphan not in keys_in()
    drain_jobs(early=True)  # the detached asset's purge
    assert at_odds() == []
