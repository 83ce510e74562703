"""Settings of a bench: those of the tests, on a database and a storage of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import RINDLE as _RINDLE, STORAGES as _STORAGES

FOLDER = Path(os.environ["RINDLE_CRASH_FOLDER"])
_S3 = os.environ.get("RINDLE_CRASH_S3")


def _located(alias: str) -> dict[str, Any]:
    storage: Any = _STORAGES[alias]
    return {**storage, "OPTIONS": {**storage.get("OPTIONS", {}), "location": FOLDER / alias}}


STORAGES = {
    **_STORAGES,
    "default": json.loads(_S3) if _S3 else _located("default"),
    "public": _located("public"),
}
# Nothing happens by the clock: a run has to cross the same boundaries each time. What a schedule
# would start, the recovery starts.
RINDLE = {
    **_RINDLE,
    "BACKOFF_BASE": 0.01,
    "TEMP_DIR": str(FOLDER / "work"),
    "SCHEDULES": {
        "reconcile": None,
        "abort_incomplete_uploads": None,
        "cleanup_orphans": None,
    },
}
