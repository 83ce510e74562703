"""Boundaries are found, not listed: what is written tomorrow is watched tomorrow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.endpoint import Endpoint
from django.core.files.storage import storages
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from procrastinate import jobs as queued
from procrastinate.contrib.django import app
from procrastinate.manager import JobManager

from rindle_django import workspace
from rindle_django.media.decoder import Decoder
from rindle_django.processing import process
from rindle_django.storage import adapter_for
from rindle_django.storage.base import Adapter
from rindle_django.storage.filesystem import FileSystemAdapter
from tests.app.models import Article
from tests.crowd import at_once
from tests.durability.boundaries import Boundary, watched
from tests.kit import ready
from tests.servers.endpoint import S3Endpoint
from tests.servers.fixtures import BucketFactory

pytestmark = pytest.mark.django_db(transaction=True)

DOORS: tuple[tuple[Any, str], ...] = (
    (BaseDatabaseWrapper, "_commit"),
    (CursorWrapper, "_execute_with_wrappers"),
    (Adapter, "__init_subclass__"),
    (FileSystemAdapter, "put_file"),
    (Decoder, "ask"),
    (JobManager, "finish_job_by_id_async"),
    (JobManager, "fetch_job"),
    (workspace, "workspace"),
    (process, "workspace"),
    (Endpoint, "_do_get_response"),
)


def names(seen: list[Boundary]) -> list[str]:
    return [f"{each.when} {each.name}" for each in seen]


def around(name: str) -> list[str]:
    return [f"before {name}", f"after {name}"]


def test_a_photo_crosses_boundaries_of_every_kind():
    seen: list[Boundary] = []
    with watched(seen.append):
        ready()
    assert [each.number for each in seen] == list(range(1, len(seen) + 1))
    assert {each.name for each in seen} >= {
        *("commit", "write", "decoder", "workspace.enter", "workspace.exit"),
        *("storage.put_stream", "storage.stat", "storage.copy", "storage.put_file"),
        *("storage.download", "storage.delete"),
    }
    assert all(each.where for each in seen if each.name.startswith("storage."))


def test_an_adapter_that_is_written_later_is_watched_too(media_folder: Path):
    media_folder.mkdir()
    seen: list[Boundary] = []
    with watched(seen.append):

        class Attic(FileSystemAdapter):
            def stat(self, key: str) -> Any:
                return super().stat(key)

        adapter = Attic.for_storage("default", storages["default"])
        assert adapter.stat("originals/there") is None
    assert names(seen) == around("storage.stat")


def test_a_storage_method_of_a_new_name_is_watched_once_it_says_that_it_touches_storage(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(Adapter, "TOUCHES_STORAGE", Adapter.TOUCHES_STORAGE | {"rename"})
    seen: list[Boundary] = []

    class Renaming(FileSystemAdapter):
        def rename(self) -> str:
            return "done"

    with watched(seen.append):
        assert cast("Any", Renaming.rename)(adapter_for("default")) == "done"
    assert names(seen) == around("storage.rename")


def test_a_listing_is_crossed_when_it_begins_and_when_it_is_through(media_folder: Path):
    media_folder.mkdir()
    seen: list[Boundary] = []
    with watched(seen.append):
        listing = adapter_for("default").list_objects()
        assert names(seen) == ["before storage.list_objects"]
        assert list(listing) == []
    assert names(seen) == around("storage.list_objects")


def test_only_the_outermost_commit_is_one():
    seen: list[Boundary] = []
    with watched(seen.append), transaction.atomic():
        with transaction.atomic():
            Article.objects.create()
        Article.objects.create()
        assert seen == []
    assert names(seen) == around("commit")


def test_what_is_rolled_back_crosses_nothing():
    seen: list[Boundary] = []
    with watched(seen.append), transaction.atomic():
        Article.objects.create()
        transaction.set_rollback(True)
    assert seen == []


def test_statements_that_write_outside_a_transaction_are_crossed_and_those_that_read_are_not():
    seen: list[Boundary] = []
    with watched(seen.append):
        Article.objects.count()
        Article.objects.filter(pk=1).update(title="other")
        with connection.cursor() as cursor:
            cursor.execute("WITH old AS (DELETE FROM app_article RETURNING id) SELECT * FROM old")
    assert names(seen) == around("write") * 2


def test_a_job_that_a_worker_finishes_is_crossed():
    seen: list[Boundary] = []
    with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
        asyncio.run(_finish_a_job(seen))
    assert names(seen) == ["after job.fetch", *around("job.finish")]


async def _finish_a_job(seen: list[Boundary]) -> None:
    async with app.open_async():
        await app.configure_task("tests:nothing", queue="boundaries").defer_async()
        worker = await app.job_manager.register_worker()
        with watched(seen.append):
            job = await app.job_manager.fetch_job(["boundaries"], worker)
            assert job is not None
            assert await app.job_manager.fetch_job(["boundaries"], worker) is None
            await app.job_manager.finish_job(job, queued.Status.SUCCEEDED, delete_job=True)


def test_each_request_to_s3_is_crossed(s3_server: S3Endpoint, bucket: BucketFactory):
    name, client = bucket(s3_server), s3_server.client()
    seen: list[Boundary] = []
    with watched(seen.append):
        client.put_object(Bucket=name, Key="a", Body=b"a")
    assert names(seen) == around("s3.PutObject")


def test_threads_are_counted_together():
    seen: list[Boundary] = []
    with watched(seen.append):
        at_once(*[lambda: Article.objects.filter(pk=1).update(title="x")] * 4)
    assert sorted(each.number for each in seen) == list(range(1, 9))


class Struck(OperationalError):
    """Of the kind that a lost connection raises: Django gives the connection up."""


@pytest.mark.parametrize(("when", "written"), [("before", 0), ("after", 1)])
def test_who_sees_it_may_put_an_end_to_it(when: str, written: int):
    def strike(boundary: Boundary) -> None:
        if boundary.when == when:
            raise Struck

    with pytest.raises(Struck), watched(strike), transaction.atomic():
        Article.objects.create()
    assert Article.objects.count() == written


def test_two_cannot_watch_at_once_and_nothing_is_left_of_a_watch():
    before = [vars(owner)[name] for owner, name in DOORS]
    with watched(lambda _: None):
        assert all(
            vars(owner)[name] is not door for (owner, name), door in zip(DOORS, before, strict=True)
        )
        with pytest.raises(RuntimeError), watched(lambda _: None):
            pass
    assert [vars(owner)[name] for owner, name in DOORS] == before


def test_a_step_that_ends_after_the_watch_is_not_seen(media_folder: Path):
    media_folder.mkdir()
    seen: list[Boundary] = []
    with watched(seen.append):
        listing: Iterator[Any] = adapter_for("default").list_objects()
    assert list(listing) == []
    assert names(seen) == ["before storage.list_objects"]
