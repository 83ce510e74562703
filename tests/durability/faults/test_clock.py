"""A worker whose clock is wrong. Deadlines are the database's and do not mind; signatures are made
by its own clock, and the storage may refuse them: then the error says what to look at.

Where libfaketime is installed (Debian: faketime), a real worker lives in another time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import botocore.auth
import pytest

from rindle_django import attach, detach, upload
from rindle_django.errors import TransientFailure
from rindle_django.models import Asset
from rindle_django.storage import adapter_for
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.durability.faults.life import come_to_rest, content, left_behind, whole_life, work_on
from tests.jobs.worker import work
from tests.kit import files_in, fresh, named

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def clock_off(minutes: int) -> Iterator[None]:
    """What signs requests, and what reads answers, has another time."""
    now, right = vars(botocore.auth)["get_current_datetime"], time.time
    off = timedelta(minutes=minutes)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.auth, "get_current_datetime", lambda *a, **kw: now(*a, **kw) + off)
        wrong = SimpleNamespace(time=lambda: right() + off.total_seconds())
        patched.setattr("rindle_django.storage.s3.errors.time", wrong)
        yield


@pytest.fixture
def on_ceph(rgw_server, bucket, settings):
    entry = rgw_server.storage(bucket(rgw_server))
    settings.STORAGES = {**settings.STORAGES, "default": entry}


@pytest.mark.rgw
@pytest.mark.parametrize("minutes", [10, -10])
def test_ten_minutes_are_within_what_a_storage_tolerates(on_ceph, minutes):
    with clock_off(minutes):
        whole_life(lambda: None)


@pytest.mark.rgw
@pytest.mark.parametrize("minutes", [20, -20])
def test_a_clock_too_far_off_is_named_and_costs_nothing(on_ceph, minutes):
    asset = upload("photo", named(content(), "photo.png"))
    with clock_off(minutes):
        with pytest.raises(TransientFailure, match="clock of this machine"):
            adapter_for("default").copy("incoming/x", "originals/x", content_type="a/b")
        drain_jobs(early=True, limit=3)
        waiting = fresh(asset)
        assert waiting.state == "analyzing"
        assert "clock of this machine" in waiting.reason

    work_on(lambda: fresh(asset).state == "ready")
    attach(article := Article.objects.create(), "cover", asset)
    with clock_off(minutes):
        detach(article, "cover")
        drain_jobs(early=True, limit=3)
        assert fresh(asset).state == "deleted"
    work_on(lambda: not Asset.objects.filter(pk=asset.pk).exists())
    come_to_rest()
    assert left_behind() == []


@pytest.mark.faketime
@pytest.mark.parametrize("minutes", [10, -10])
def test_a_worker_of_another_time_does_its_work(media_folder: Path, minutes: int):
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    elsewhen = {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{minutes * 60:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    asset = upload("photo", named(content(), "photo.png"))
    work(**elsewhen)
    assert fresh(asset).state == "ready"

    attach(article := Article.objects.create(), "cover", asset)
    detach(article, "cover")
    work(**elsewhen)
    assert not Asset.objects.filter(pk=asset.pk).exists()
    assert files_in(media_folder) == set()
    come_to_rest()
    assert left_behind() == []
