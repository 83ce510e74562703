"""Files that real workers meet with: deadly ones, and ones that take as long as a test wants.

Only worker processes load this app; the tests say by the environment which asset is which.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core.files.storage import FileSystemStorage

from rindle_django.storage.filesystem import FileSystemAdapter

DEADLY_COMMENT = b"this comment is the death of its reader"


class PerilsConfig(AppConfig):
    name = "tests.jobs"
    label = "perils"

    def ready(self) -> None:
        from rindle_django.storage import registry

        registry.register_adapter(
            f"{__name__}.{PerilousStorage.__name__}", f"{__name__}.{PerilousAdapter.__name__}"
        )


class PerilousStorage(FileSystemStorage):
    """Only a name for the adapter below to be registered under."""


class PerilousAdapter(FileSystemAdapter):
    def put_file(self, key: str, *args: Any, **options: Any) -> Any:
        _meet(key)
        return super().put_file(key, *args, **options)


def _meet(key: str) -> None:
    if (deadly := os.environ.get("RINDLE_TEST_DEADLY")) and deadly in key:
        die()
    if (slow := os.environ.get("RINDLE_TEST_SLOW")) and slow in key:
        while Path(os.environ["RINDLE_TEST_GATE"]).exists():
            time.sleep(0.02)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
