"""Those of the example project, with a bucket besides its files, and with what the drill changes.

What it changes is in a file, which each process reads when it starts, as it does its code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from example_project.config.settings import *  # noqa: F403
from example_project.config.settings import (
    INSTALLED_APPS as _INSTALLED_APPS,
    RINDLE as _RINDLE,
    STORAGES as _STORAGES,
)
from tests.drill.declared import PACE, USUAL

FOLDER = Path(os.environ["DRILL_FOLDER"])
_CHANGED = json.loads((FOLDER / "settings.json").read_text())

INSTALLED_APPS = [*_INSTALLED_APPS, "tests.drill"]
STORAGES = {
    **_STORAGES,
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FOLDER / "media"},
    },
    "bucket": json.loads((FOLDER / "bucket.json").read_text()),
}
RINDLE = {
    **_RINDLE,
    "TEMP_DIR": str(FOLDER / "work"),
    **PACE,
    **_CHANGED.get("RINDLE", {}),
}
DRILL = {**USUAL, **_CHANGED.get("DRILL", {})}
PROCRASTINATE_WORKER_DEFAULTS = {
    "delete_jobs": "successful",
    "update_heartbeat_interval": 1,
    "stalled_worker_timeout": 4,
}
