"""An hour passes at once, for everything that is written down."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, models
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob

from rindle_django.models import Asset, StoredObject, Transition, UploadSession, Variant
from tests.durability.passing_time import let_pass
from tests.kit import arrive, picture, promise, ready

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
TOLD: tuple[type[models.Model], ...] = (
    *(Asset, StoredObject, Transition, UploadSession, Variant),
    *(ProcrastinateEvent, ProcrastinateJob),
)


def moments() -> dict[tuple[str, Any, str], datetime | None]:
    """Every time in every row."""
    return {
        (model.__name__, row["pk"], field.name): row[field.name]
        for model in TOLD
        for field in model._meta.concrete_fields
        if isinstance(field, models.DateTimeField)
        for row in model._base_manager.values("pk", field.name)
    }


def test_every_time_that_is_written_down_moves_back_and_nothing_else_happens():
    ready()
    arrive(picture(64, 48))
    promise()
    before = moments()
    assert {name for name, *_ in before} == {model.__name__ for model in TOLD}
    let_pass(HOUR.total_seconds())
    assert moments() == {
        place: moment - HOUR if moment is not None else None for place, moment in before.items()
    }


def test_the_guards_are_back_when_it_has_passed():
    let_pass(1)
    with connection.cursor() as cursor:
        cursor.execute("SHOW session_replication_role")
        assert cursor.fetchone() == ("origin",)


def test_files_in_the_given_folders_grow_older_too(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    file = tmp_path / "inner" / "file"
    file.write_text("old")
    let_pass(HOUR.total_seconds(), tmp_path)
    for path in (file, file.parent):
        assert HOUR.total_seconds() <= time.time() - path.stat().st_mtime < 2 * 3600
