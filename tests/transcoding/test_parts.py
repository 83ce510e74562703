"""An output of several files is one: written down, published, replaced and removed together."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from rindle_django import cancel_processing, discard, requeue_variants
from rindle_django.lifecycle import locked, transition as move
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.invariants import violations
from rindle_django.operations.receipts import receipts
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.purge import purge
from rindle_django.storage import adapter_for
from rindle_django.testing import drain_jobs
from tests.crowd import Doze, Somebody
from tests.durability.test_invariants import broken, by_force
from tests.jobs.queue import grace_passes
from tests.kit import files_in, fresh, ledger_keys, variant_states
from tests.storms import Sky
from tests.transcoding.clips import filmed
from tests.verify_storage.scene import lost, verify

pytestmark = pytest.mark.django_db(transaction=True)


def streamed() -> Asset:
    asset = filmed("stream")
    drain_jobs()
    assert variant_states(asset) == {"stream": "ready"}, variant_reasons(asset)
    return fresh(asset)


def variant_reasons(asset: Asset) -> list[str]:
    return list(asset.variants.values_list("reason", flat=True))


def stream_of(asset: Asset) -> Variant:
    return Variant.objects.select_related("asset", "object").get(asset=asset, name="stream")


def main_of(asset: Asset) -> StoredObject:
    main = stream_of(asset).object
    assert main is not None
    return main


def parts(*states: str) -> list[StoredObject]:
    rows = StoredObject.objects.filter(part_of__isnull=False).order_by("key")
    return list(rows.filter(state__in=states) if states else rows)


def at_rest(folder: Path) -> None:
    """Whatever happened: what is stored is served, as the ledger says, and nothing else is."""
    for _ in range(3):
        grace_passes()
        reconcile()
        drain_jobs(early=True)
    assert violations(at_rest=True, checksums=True) == []
    assert files_in(folder) == ledger_keys("present")


# --- made --------------------------------------------------------------------------------------


def test_parts_stand_beside_their_main_file_under_the_names_it_calls_them(
    stream: str, media_folder: Path
):
    asset = streamed()
    main = main_of(asset)
    names = {Path(part.key).name for part in parts("present")}
    assert names
    assert {Path(part.key).parent for part in parts()} == {Path(main.key).parent}
    assert {part.part_of_id for part in parts()} == {main.pk}
    playlists = [Path(main.key), *(Path(p.key) for p in parts() if p.key.endswith(".m3u8"))]
    called = " ".join((media_folder / each).read_text() for each in playlists)
    assert {name for name in names if name in called} == names
    assert len(files_in(media_folder)) == 2 + len(names)
    at_rest(media_folder)


def test_parts_are_written_down_before_the_first_byte_is_stored(sky: Sky, stream: str):
    asset = filmed(stream)
    known: list[set[str]] = []
    sky.before("put_file", lambda: known.append(_seen_from_elsewhere()))
    process_variant(str(asset.pk), "stream")
    keys = {main_of(asset).key, *(part.key for part in parts())}
    assert len(keys) > 2
    assert known == [keys] * len(keys)


def _seen_from_elsewhere() -> set[str]:
    """What another connection sees, which is what was committed."""
    rows = StoredObject.objects.filter(purpose="variant").values_list("key", flat=True)
    seen: set[str] = Somebody(lambda: set(rows)).answer()
    return seen


def test_the_main_file_is_stored_last(sky: Sky, stream: str):
    asset = filmed(stream)
    process_variant(str(asset.pk), "stream")
    keys = [args[0] for args, _ in sky.arguments_of("put_file")]
    assert keys[-1] == main_of(asset).key
    assert sorted(keys[:-1]) == [part.key for part in parts()]


def test_its_run_counts_the_bytes_of_all_files(stream: str, media_folder: Path):
    asset = streamed()
    main = main_of(asset)
    sizes = {key: (media_folder / key).stat().st_size for key in files_in(media_folder)}
    run = ProcessingRun.objects.get(variant_name="stream")
    assert run.byte_size == sizes[main.key] + sum(sizes[part.key] for part in parts())
    assert {part.byte_size for part in parts()} == {sizes[part.key] for part in parts()}
    assert stream_of(asset).byte_size == sizes[main.key]


# --- overtaken, broken off -----------------------------------------------------------------------


def sleeping_at_part(sky: Sky, number: int) -> Doze:
    """A worker that falls asleep before it stores file ``number`` of an output."""
    doze, come = Doze(), list[int]()

    def before() -> None:
        come.append(1)
        if len(come) == number:
            doze()

    sky.before("put_file", before)
    return doze


def work_at(asset: Asset) -> Somebody:
    return Somebody(partial(process_variant, str(asset.pk), "stream"))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_who_was_taken_over_in_the_midst_of_storing_leaves_nothing__W1_8_W1_9(
    sky: Sky, stream: str, media_folder: Path, number: int
):
    asset = filmed(stream)
    doze = sleeping_at_part(sky, number)
    zombie = work_at(asset)

    def take_over() -> StoredObject:
        sky.clear_up()
        grace_passes()
        process_variant(str(asset.pk), "stream")
        return main_of(asset)

    published = doze.during(take_over)
    assert zombie.answer() is None
    assert main_of(asset) == published
    outcomes = ProcessingRun.objects.order_by("fence").values_list("outcome", flat=True)
    assert list(outcomes) == ["lost", "succeeded"]
    assert {part.part_of_id for part in parts("present")} == {published.pk}
    at_rest(media_folder)
    assert {part.part_of_id for part in parts("present")} == {published.pk}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_asset_deleted_in_the_midst_of_storing_takes_all_files_along__W1_4(
    sky: Sky, stream: str, media_folder: Path, number: int
):
    asset = filmed(stream)
    doze = sleeping_at_part(sky, number)
    worker = work_at(asset)
    doze.during(lambda: (discard(asset.pk), purge(asset.pk)))
    assert worker.answer() is None
    at_rest(media_folder)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()
    assert {part.state for part in parts()} == {"gone"}


def test_who_slept_through_the_purge_of_it_all_takes_back_each_file__W1_4_W1_8(
    sky: Sky, stream: str, media_folder: Path
):
    asset = filmed(stream)
    doze = sleeping_at_part(sky, 2)
    zombie = work_at(asset)

    def delete_it_all() -> None:
        discard(asset.pk)
        grace_passes()
        assert purge(asset.pk).dropped

    doze.during(delete_it_all)
    assert zombie.answer() is None
    drain_jobs()
    assert files_in(media_folder) == set()


def test_a_cancellation_in_the_midst_of_storing_publishes_nothing__W1_7(
    sky: Sky, stream: str, media_folder: Path
):
    asset = filmed(stream)
    doze = sleeping_at_part(sky, 2)
    worker = work_at(asset)
    doze.during(lambda: cancel_processing(asset.pk))
    assert worker.answer() is None
    assert variant_states(asset) == {"stream": "cancelled"}
    at_rest(media_folder)
    assert len(files_in(media_folder)) == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_storage_that_breaks_down_half_way_is_tried_again_and_leaves_nothing__W1_8(
    sky: Sky, stream: str, media_folder: Path, number: int
):
    asset = filmed(stream)
    come: list[int] = []

    def thunder_once() -> None:
        come.append(1)
        if len(come) == number:
            raise OSError(5, "thunder")

    sky.before("put_file", thunder_once)
    drain_jobs(early=True, queues=["rindle_media"])
    assert variant_states(asset) == {"stream": "ready"}
    outcomes = ProcessingRun.objects.order_by("fence").values_list("outcome", flat=True)
    assert list(outcomes) == ["retried", "succeeded"]
    at_rest(media_folder)


def test_parts_count_as_being_written_while_their_writer_lives__W1_4(sky: Sky, stream: str):
    asset = filmed(stream)
    doze = sleeping_at_part(sky, 2)
    worker = work_at(asset)

    def look() -> None:
        rows = {main_of_expected().pk, *(part.pk for part in parts("expected"))}
        promised = {row.settles_at for row in StoredObject.objects.filter(pk__in=rows)}
        assert len(rows) > 2
        assert len(promised) == 1  # all at once, or a part would outlive its main file

    doze.during(look)
    assert worker.answer() is None


def main_of_expected() -> StoredObject:
    return StoredObject.objects.get(state="expected", purpose="variant", part_of=None)


# --- replaced, lost, removed -------------------------------------------------------------------


def test_a_stream_made_anew_replaces_all_files_and_removes_the_former__W1_8(
    stream: str, media_folder: Path
):
    asset = streamed()
    former = {main_of(asset).key, *(part.key for part in parts())}
    with locked(asset.pk):
        assert move(stream_of(asset), "stale")
    requeue_variants(asset.pk)
    assert former < files_in(media_folder)  # served until the new one is there
    drain_jobs()
    assert not former & files_in(media_folder)
    assert former <= ledger_keys("gone")
    at_rest(media_folder)


def test_former_files_stay_together_for_the_urls_that_were_issued(
    stream: str, media_folder: Path, settings: Any
):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": 600}
    asset = streamed()
    former = {main_of(asset).key, *(part.key for part in parts())}
    with locked(asset.pk):
        assert move(stream_of(asset), "stale")
    requeue_variants(asset.pk)
    drain_jobs()
    assert former == ledger_keys("doomed")
    assert former < files_in(media_folder)
    discard(asset.pk)
    drain_jobs()
    assert files_in(media_folder) == set()


def test_a_lost_part_makes_the_whole_variant_missing__W4_11(stream: str, media_folder: Path):
    asset = streamed()
    former = {main_of(asset).key, *(part.key for part in parts())}
    lost(parts()[0])
    unlimited = {"max_share": 1.0}
    verify(rules=unlimited)
    assert verify(rules=unlimited).variants_marked == 1
    assert variant_states(asset) == {"stream": "missing"}
    assert fresh(asset).state == "degraded"
    drain_jobs(early=True)
    assert former <= ledger_keys("gone")
    requeue_variants(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "ready"
    at_rest(media_folder)


def test_the_purge_of_an_asset_leaves_a_receipt_of_each_file(stream: str, media_folder: Path):
    asset = streamed()
    keys = files_in(media_folder)
    discard(asset.pk)
    drain_jobs()
    assert files_in(media_folder) == set()
    assert keys <= {receipt.key for receipt in receipts(asset=asset.pk)}


# --- invariants can fail -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "invariant"),
    [
        ("UPDATE rindle_storedobject SET state = 'doomed' WHERE part_of_id IS NOT NULL", "watched"),
        (
            "UPDATE rindle_storedobject SET state = 'gone' WHERE part_of_id IS NOT NULL",
            "ready_has_object",
        ),
        ("UPDATE rindle_variant SET state = 'failed', object_id = NULL", "nothing_idle"),
    ],
)
def test_parts_that_are_not_as_their_main_object_are_told_of(
    stream: str, statement: str, invariant: str
):
    streamed()
    assert broken() == set()
    by_force(statement)
    assert invariant in broken()


def test_a_part_without_its_main_object_is_told_of_though_the_main_is_in_order(stream: str):
    asset = streamed()
    adrift = parts()[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rindle_storedobject SET part_of_id = NULL WHERE id = %s", [adrift.pk]
        )
    assert broken() == {"nothing_idle"}
    assert adapter_for(asset.storage).stat(adrift.key) is not None
