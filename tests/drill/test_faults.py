"""Each fault of the drill, in one process: named by doctor or status, mended by the named verb.

``make drill`` does the same with real processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.drill.bucket import Bucket
from tests.drill.exercise import exercise
from tests.drill.faults import FAULTS, Fault
from tests.drill.inside import Inside

pytestmark = pytest.mark.django_db(transaction=True)
OF_THE_BUCKET = {"missing CORS", "storage down"}


@pytest.fixture
def bucket(fault: Fault) -> Iterator[Bucket | None]:
    if fault.name not in OF_THE_BUCKET:
        yield None
        return
    made = Bucket()
    made.allow_uploads(True)
    yield made
    made.close()


@pytest.fixture
def project(
    bucket: Bucket | None, settings: Settings, tmp_path: Path, transactional_db: None
) -> Iterator[Inside]:
    files = "django.core.files.storage.FileSystemStorage"
    storages: dict[str, Any] = settings.STORAGES
    for name in ("media", "bucket", "public"):  # a folder that is not there is an outage
        (tmp_path / name).mkdir()
    settings.STORAGES = {
        **storages,
        "default": {"BACKEND": files, "OPTIONS": {"location": tmp_path / "media"}},
        "bucket": bucket.storage()
        if bucket
        else {"BACKEND": files, "OPTIONS": {"location": tmp_path / "bucket"}},
    }
    made = Inside(tmp_path, settings, bucket, settings.RINDLE)
    made.configure()
    made.start_worker()
    yield made
    made.stop_worker()
    made.forget()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_named_and_mended_by_the_verb_that_is_named(fault: Fault, project: Inside):
    assert exercise(project, fault).what == fault.what


def test_there_are_ten():
    assert len({fault.name for fault in FAULTS}) == 10
