"""Settings of the worker processes that tests start: those of the tests, with short leases."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import (
    INSTALLED_APPS as _INSTALLED_APPS,
    RINDLE as _RINDLE,
    STORAGES as _STORAGES,
)


def _located(alias: str, folder: str) -> dict[str, Any]:
    storage: Any = _STORAGES[alias]
    return {**storage, "OPTIONS": {**storage["OPTIONS"], "location": folder}}


INSTALLED_APPS = [*_INSTALLED_APPS, "tests.jobs.perils.PerilsConfig"]
STORAGES = {
    **_STORAGES,
    "default": {
        **_located("default", os.environ["RINDLE_TEST_FOLDER"]),
        "BACKEND": "tests.jobs.perils.PerilousStorage",
    },
    "public": _located("public", os.environ["RINDLE_TEST_PUBLIC_FOLDER"]),
}
RINDLE = {
    **_RINDLE,
    "LEASE": int(os.environ.get("RINDLE_TEST_LEASE", "60")),
    "RECONCILE_GRACE": 1,
    "TEMP_DIR": os.environ.get("RINDLE_TEST_WORK"),
    "SCHEDULES": {
        "reconcile": None,
        "abort_incomplete_uploads": None,
        "cleanup_orphans": None,
    },
}
