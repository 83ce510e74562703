"""Each invariant can fail: whatever breaks it is told of, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from rindle_django import attach
from rindle_django.errors import TransientFailure
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.operations.invariants import INVARIANTS, violations
from tests.app.models import Article
from tests.kit import arrive, picture, promise, ready
from tests.storms import Sky, sky

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["sky"]


def by_force(*statements: str) -> None:
    """Write what neither the API nor the database's guard would allow."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)


def broken(**options: bool) -> set[str]:
    return {violation.invariant for violation in violations(**options)}


@pytest.fixture
def asset() -> Asset:
    return ready()


SQL: dict[str, tuple[str, ...]] = {
    "edge": ("UPDATE rindle_transition SET to_state = 'staged' WHERE to_state = 'ready'",),
    "unbroken_history": ("DELETE FROM rindle_transition WHERE to_state = 'analyzing'",),
    "history_tells": ("UPDATE rindle_asset SET state = 'degraded'",),
    "aggregate": ("UPDATE rindle_asset SET state = 'processing'",),
    "ready_has_object": (
        "UPDATE rindle_storedobject SET state = 'gone', gone_at = now() WHERE purpose = 'variant'",
    ),
    "verified_has_original": ("UPDATE rindle_asset SET original_id = NULL",),
    "nothing_idle": ("UPDATE rindle_variant SET state = 'failed', object_id = NULL",),
    "watched": ("UPDATE rindle_variant SET state = 'queued', wake_at = NULL",),
    "nothing_stuck": ("UPDATE rindle_asset SET wake_at = now() - interval '1 day'",),
    "told_in_time": (
        "UPDATE rindle_transition SET emitted_at = NULL, at = now() - interval '1 day'",
    ),
}
AT_REST: dict[str, tuple[str, ...]] = {
    "all_told": ("UPDATE rindle_transition SET emitted_at = NULL",),
    "nothing_due": ("UPDATE rindle_variant SET state = 'queued', wake_at = now()",),
    "runs_ended": ("UPDATE rindle_processingrun SET outcome = 'running'",),
    "no_jobs_left": ("UPDATE procrastinate_jobs SET status = 'doing'",),
}


def test_a_sound_system_breaks_none(asset: Asset):
    attach(Article.objects.create(), "cover", asset)
    assert violations(at_rest=True, checksums=True) == []


@pytest.mark.parametrize("name", SQL)
def test_what_breaks_an_invariant_is_told(name: str, asset: Asset):
    by_force(*SQL[name])
    assert name in broken()


@pytest.mark.parametrize("name", AT_REST)
def test_what_is_left_to_do_is_no_rest(name: str, asset: Asset):
    if name == "no_jobs_left":
        promise()
        arrive(picture())
    by_force(*AT_REST[name])
    assert name not in broken()
    assert name in broken(at_rest=True)


def test_a_state_of_no_machine_is_told(asset: Asset):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("ALTER TABLE rindle_asset DROP CONSTRAINT rindle_asset_state")
            cursor.execute("UPDATE rindle_asset SET state = 'lost'")
            state = next(each for each in INVARIANTS if each.name == "state")
            cursor.execute(state.query)
            assert cursor.fetchall() == [(f"asset {asset.pk} is lost",)]
        transaction.set_rollback(True)


def test_an_attachment_to_a_deleted_asset_is_told(asset: Asset):
    attach(Article.objects.create(), "cover", asset)
    by_force("UPDATE rindle_asset SET state = 'deleted', wake_at = now()")
    assert "attached_lives" in broken()


def test_an_object_that_vanished_is_told(asset: Asset, media_folder: Path):
    (media_folder / StoredObject.objects.get(original_of=asset).key).unlink()
    assert broken() == {"present_exists"}


def test_an_object_of_another_size_is_told(asset: Asset, media_folder: Path):
    _overwrite(asset, media_folder, b"short")
    assert broken() == {"present_exists"}


def test_other_bytes_of_the_same_size_are_told_when_bytes_are_read(
    asset: Asset, media_folder: Path
):
    size = StoredObject.objects.get(published_as__name="thumb").byte_size
    _overwrite(asset, media_folder, bytes(size or 0))
    assert broken() == set()
    assert broken(checksums=True) == {"present_unchanged"}


def _overwrite(asset: Asset, media_folder: Path, content: bytes) -> None:
    variant = Variant.objects.get(asset=asset, name="thumb")
    assert variant.object is not None
    path = media_folder / variant.object.key
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("known", [True, False])
def test_an_object_that_the_ledger_does_not_know_is_told(
    known: bool, asset: Asset, media_folder: Path
):
    key = StoredObject.objects.get(purpose="staging").key if known else "variants/ab/stray"
    stray = media_folder / key
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"whose?")
    (violation,) = violations()
    assert violation.invariant == "all_in_ledger"
    assert ("held for gone" in violation.detail) is known


def test_a_working_copy_that_was_left_is_told(asset: Asset):
    left = Path(str(settings.RINDLE["TEMP_DIR"])) / "rindle-work-left"
    left.mkdir()
    assert broken() == set()
    assert broken(at_rest=True) == {"temp_empty"}


def test_a_storage_that_does_not_answer_breaks_nothing(asset: Asset, sky: Sky):
    sky.break_down("list_objects")
    with pytest.raises(TransientFailure):
        violations()


def test_every_invariant_of_the_list_is_tried_here():
    tried = {*SQL, *AT_REST, "state", "attached_lives"}
    assert {each.name for each in INVARIANTS} == tried
