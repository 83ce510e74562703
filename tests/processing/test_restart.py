"""A database that goes away at the last moment: the work is done and shall not be lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.invariants import violations
from rindle_django.operations.reconcile import reconcile
from rindle_django.testing import drain_jobs
from tests.jobs.queue import grace_passes
from tests.kit import arrive, fresh, picture, variant_states

pytestmark = pytest.mark.django_db(transaction=True)


def waiting() -> Asset:
    return arrive(picture(), profile="open")


def cut_off() -> None:
    """End this thread's database session as a restart of the server does."""
    pid = connection.connection.info.backend_pid
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@contextmanager
def once_at(fragment: str, act: Callable[[], None]) -> Iterator[list[str]]:
    """Do ``act`` before the first statement that has ``fragment`` in it."""
    hit: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if fragment in sql and not hit:
            hit.append(sql)
            act()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield hit


@contextmanager
def commit_answer_lost(after: str) -> Iterator[list[str]]:
    """The first COMMIT of a transaction that wrote ``after`` is done, and nobody hears of it."""
    lost: list[str] = []
    wrote: list[str] = []
    commit: Any = vars(BaseDatabaseWrapper)["_commit"]

    def deaf(self: BaseDatabaseWrapper) -> None:
        commit(self)
        if wrote and not lost:
            lost.append(wrote[0])
            cut_off()
            raise OperationalError("the answer to COMMIT was lost")

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if after in sql:
            wrote.append(sql)
        return execute(sql, params, many, context)

    patch = pytest.MonkeyPatch()
    patch.setattr(BaseDatabaseWrapper, "_commit", deaf)
    try:
        with connection.execute_wrapper(watch):
            yield lost
    finally:
        patch.undo()


def at_rest(media_folder: Path) -> None:
    for _ in range(2):
        grace_passes()
        reconcile()
        drain_jobs(early=True)
    assert violations(at_rest=True, checksums=True) == []


PUBLICATION = ", published_digest = "
PROMOTION = ", original_id = "


@pytest.mark.parametrize("lose", [once_at, commit_answer_lost])
def test_a_variant_is_published_over_a_restart_with_one_render(lose: Any, media_folder: Path):
    asset = waiting()
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    with lose(PUBLICATION, cut_off) if lose is once_at else lose(PUBLICATION) as hit:
        drain_jobs(queues=["rindle_process"])
    assert hit
    assert variant_states(asset) == {"thumb": "ready"}
    assert list(ProcessingRun.objects.values_list("outcome", flat=True)) == ["succeeded"]
    assert StoredObject.objects.filter(purpose="variant").count() == 1
    assert Variant.objects.get(asset=asset).attempts == 0
    at_rest(media_folder)


@pytest.mark.parametrize("lose", [once_at, commit_answer_lost])
def test_a_promotion_ends_over_a_restart_with_one_copy(lose: Any, media_folder: Path):
    asset = waiting()
    with lose(PROMOTION, cut_off) if lose is once_at else lose(PROMOTION) as hit:
        drain_jobs(queues=["rindle_promote"])
    assert hit
    assert fresh(asset).state == "processing"
    assert StoredObject.objects.filter(purpose="original").count() == 1
    drain_jobs()
    assert fresh(asset).state == "ready"
    at_rest(media_folder)
